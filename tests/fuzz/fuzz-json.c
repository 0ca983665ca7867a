/* tests/fuzz/fuzz-json.c - JSON from the control socket: any bytes are read or
 * refused; what is read and written again means the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_node(JsonWriter *w, const char *key, const JsonNode *node)
{
    JsonType type = json_type(node);

    switch (type) {
    case JSON_NULL: json_put_null(w, key); break;
    case JSON_BOOL: json_put_bool(w, key, json_bool(node, false)); break;
    case JSON_INT: json_put_int(w, key, json_int(node, 0)); break;
    case JSON_DOUBLE: json_put_double(w, key, json_double(node, 0)); break;
    case JSON_STRING: json_put_string(w, key, json_string(node, "")); break;
    case JSON_ARRAY:
    case JSON_OBJECT:
    default:
        if (type == JSON_ARRAY)
            json_begin_array(w, key);
        else
            json_begin_object(w, key);
        for (unsigned i = 0; i < json_length(node); i++)
            write_node(w, json_name_at(node, i), json_at(node, i));
        json_end(w);
    }
}

static char *
to_text(const JsonNode *node)
{
    JsonWriter *w = json_writer_new();

    write_node(w, NULL, node);
    return json_writer_finish(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = json_parse((const char *) data, size, &error);

    if (node == NULL) {
        if (error == NULL)
            abort();
        return 0;
    }
    g_autofree char *text = to_text(node);
    if (strlen(text) > JSON_MAX_BYTES)
        return 0; /* escapes made it longer than we read */
    g_autoptr(JsonNode) again = json_parse(text, strlen(text), NULL);
    if (again == NULL)
        abort();
    g_autofree char *same = to_text(again);
    if (strcmp(text, same) != 0)
        abort();
    return 0;
}
