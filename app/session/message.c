/* app/session/message.c - one line of the control protocol. */
#include "app/session/message.h"

#include <string.h>

#include "app/session/session-error.h"

JsonNode *
message_parse(const char *text, gsize len, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(JsonNode) node = json_parse(text, len, &why);

    if (node != NULL && json_type(node) == JSON_OBJECT)
        return g_steal_pointer(&node);
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_PROTOCOL,
                "the line is not a JSON object: %s",
                why != NULL ? why->message : "it is another value");
    return NULL;
}

JsonWriter *
message_new(void)
{
    JsonWriter *w = json_writer_new();
    json_begin_object(w, NULL);
    return w;
}

char *
message_finish(JsonWriter *w, gsize *ret_len)
{
    g_autofree char *text = json_writer_finish(w);
    char *line = g_strconcat(text, "\n", NULL);
    *ret_len = strlen(line);
    return line;
}

bool
message_has(const JsonNode *message, const char *key)
{
    return json_get(message, key) != NULL;
}

double
message_number(const JsonNode *message, const char *key, double fallback)
{
    return json_double(json_get(message, key), fallback);
}
