/* app/json.h - JSON (RFC 8259) for --json, records and the control protocol.
 * Thread: any one at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Writing: one value, front to back; key NULL inside an array and for the
 * outermost value. Text that is not UTF-8 is repaired; control characters are
 * escaped, so the output can be shown on a terminal. */
typedef struct JsonWriter JsonWriter;

JsonWriter *json_writer_new(void);
void json_begin_object(JsonWriter *w, const char *key);
void json_begin_array(JsonWriter *w, const char *key);
void json_end(JsonWriter *w);
void json_put_string(JsonWriter *w, const char *key, const char *value);
/* Leaves the member out when value is NULL or "". */
void json_put_optional(JsonWriter *w, const char *key, const char *value);
void json_put_int(JsonWriter *w, const char *key, gint64 value);
void json_put_u64(JsonWriter *w, const char *key, guint64 value);
/* Not a number and infinities become null. */
void json_put_double(JsonWriter *w, const char *key, double value);
void json_put_bool(JsonWriter *w, const char *key, bool value);
void json_put_null(JsonWriter *w, const char *key);
/* Closes what is open; the text without a line end. Frees w. */
char *json_writer_finish(JsonWriter *w);
void json_writer_free(JsonWriter *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonWriter, json_writer_free)

/* Reading: a small tree. Bounded: JSON_MAX_DEPTH, JSON_MAX_BYTES; time and
 * memory are linear in the text. */
enum { JSON_MAX_DEPTH = 32, JSON_MAX_BYTES = 1024 * 1024 };

typedef enum {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT, /* without fraction and exponent, fits 64 bits */
    JSON_DOUBLE,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} JsonType;
typedef struct JsonNode JsonNode;

#define CARREL_JSON_ERROR (carrel_json_error_quark())
GQuark carrel_json_error_quark(void);
typedef enum {
    CARREL_JSON_ERROR_SYNTAX, /* names the byte */
    CARREL_JSON_ERROR_LIMIT   /* too long or too deep */
} CarrelJsonError;

/* Exactly one value and white space around it; also refused: text that is not
 * UTF-8, a name twice in one object, \u0000, half a surrogate pair. */
JsonNode *json_parse(const char *text, gsize len, GError **error);
void json_free(JsonNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonNode, json_free)

/* node may be NULL everywhere: then the fallback. Results are borrowed. */
JsonType json_type(const JsonNode *node);
const JsonNode *json_get(const JsonNode *object, const char *name);
unsigned json_length(const JsonNode *node); /* of array or object */
const JsonNode *json_at(const JsonNode *node, unsigned i);
const char *json_name_at(const JsonNode *object, unsigned i);
const char *json_string(const JsonNode *node, const char *fallback);
gint64 json_int(const JsonNode *node, gint64 fallback);
double json_double(const JsonNode *node, double fallback);
bool json_bool(const JsonNode *node, bool fallback);
const char *json_get_string(const JsonNode *object, const char *name,
                            const char *fallback);
gint64 json_get_int(const JsonNode *object, const char *name, gint64 fallback);
bool json_get_bool(const JsonNode *object, const char *name, bool fallback);
