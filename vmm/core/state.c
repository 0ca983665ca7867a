/* vmm/core/state.c - see state.h.
 *
 * Encoding of one struct, all integers little-endian:
 *   u8 name length, name, u32 version, u32 body length, u32 CRC-32 of body
 * body: one record per field: u8 name length, name, u8 type, u32 count,
 *   u32 element bytes, the data; a STATE_STRUCT element's data is an encoded
 *   struct of its own (element bytes is 0: it describes itself).
 * Records carry names, so fields may be reordered between versions. */
#include "vmm/core/state.h"

#include <string.h>

#include "vmm/core/crc32.h"

#define STATE_MAX_DEPTH 8

G_DEFINE_QUARK(carrel - state - error - quark, carrel_state_error)

typedef struct {
    const guint8 *at, *end;
} Reader;

/* ---- writing ---- */

static void
put_u8(GByteArray *out, guint8 v)
{
    g_byte_array_append(out, &v, 1);
}

static void
put_u32(GByteArray *out, guint32 v)
{
    guint32 le = GUINT32_TO_LE(v);
    g_byte_array_append(out, (const guint8 *) &le, sizeof le);
}

static void
put_name(GByteArray *out, const char *name)
{
    gsize len = strlen(name);

    g_assert(len > 0 && len < 256);
    put_u8(out, (guint8) len);
    g_byte_array_append(out, (const guint8 *) name, (guint) len);
}

static guint32
disk_elem_size(const StateField *f)
{
    switch (f->type) {
    case STATE_BOOL:
    case STATE_U8:
    case STATE_BYTES: return 1;
    case STATE_U16: return 2;
    case STATE_U32: return 4;
    case STATE_U64: return 8;
    case STATE_STRUCT:
    case STATE_END:
    default: return 0;
    }
}

static guint64
load_int(const void *at, StateType type)
{
    switch (type) {
    case STATE_BOOL: return *(const bool *) at;
    case STATE_U8:
    case STATE_BYTES: return *(const guint8 *) at;
    case STATE_U16: return *(const guint16 *) at;
    case STATE_U32: return *(const guint32 *) at;
    case STATE_U64: return *(const guint64 *) at;
    case STATE_STRUCT:
    case STATE_END:
    default: g_assert_not_reached();
    }
}

static void
put_elements(GByteArray *out, const StateField *f, const guint8 *base)
{
    guint32 width = disk_elem_size(f);

    if (f->type == STATE_BYTES) {
        g_byte_array_append(out, base, (guint) f->count);
        return;
    }
    for (gsize i = 0; i < f->count; i++) {
        const guint8 *at = base + i * f->elem_size;
        if (f->type == STATE_STRUCT) {
            state_encode(f->sub, at, out);
            continue;
        }
        guint64 le = GUINT64_TO_LE(load_int(at, f->type));
        g_byte_array_append(out, (const guint8 *) &le, width);
    }
}

void
state_encode(const StateDesc *desc, const void *state, GByteArray *out)
{
    g_autoptr(GByteArray) body = g_byte_array_new();

    for (const StateField *f = desc->fields; f->type != STATE_END; f++) {
        put_name(body, f->name);
        put_u8(body, (guint8) f->type);
        put_u32(body, (guint32) f->count);
        put_u32(body, disk_elem_size(f));
        put_elements(body, f, (const guint8 *) state + f->offset);
    }
    put_name(out, desc->name);
    put_u32(out, desc->version);
    put_u32(out, body->len);
    put_u32(out, crc32_of(body->data, body->len));
    g_byte_array_append(out, body->data, body->len);
}

/* ---- reading ---- */

static bool
truncated(const StateDesc *desc, GError **error)
{
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_TRUNCATED,
                "saved state of '%s' ends too early", desc->name);
    return false;
}

static bool
invalid(const StateDesc *desc, const char *what, GError **error)
{
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "saved state of '%s' is damaged: %s", desc->name, what);
    return false;
}

static bool
get_bytes(Reader *r, gsize len, const guint8 **ret)
{
    if ((gsize) (r->end - r->at) < len)
        return false;
    *ret = r->at;
    r->at += len;
    return true;
}

static bool
get_u8(Reader *r, guint8 *ret)
{
    const guint8 *p;

    if (!get_bytes(r, 1, &p))
        return false;
    *ret = *p;
    return true;
}

static bool
get_u32(Reader *r, guint32 *ret)
{
    const guint8 *p;

    if (!get_bytes(r, 4, &p))
        return false;
    memcpy(ret, p, 4);
    *ret = GUINT32_FROM_LE(*ret);
    return true;
}

static bool
get_name(Reader *r, char ret_name[256])
{
    const guint8 *p;
    guint8 len;

    if (!get_u8(r, &len) || !get_bytes(r, len, &p))
        return false;
    memcpy(ret_name, p, len);
    ret_name[len] = '\0';
    return true;
}

static bool decode_struct(const StateDesc *desc, Reader *r, guint8 *staged,
                          unsigned depth, GError **error);

/* false: the value does not fit its type (a bool of 7) */
static bool
store_int(guint8 *at, StateType type, const guint8 *le)
{
    guint64 v = 0;

    memcpy(&v, le,
           type == STATE_U64   ? 8
           : type == STATE_U32 ? 4
           : type == STATE_U16 ? 2
                               : 1);
    v = GUINT64_FROM_LE(v);
    switch (type) {
    case STATE_BOOL:
        if (v > 1)
            return false;
        *(bool *) at = v != 0;
        return true;
    case STATE_U8: *at = (guint8) v; return true;
    case STATE_U16: *(guint16 *) (void *) at = (guint16) v; return true;
    case STATE_U32: *(guint32 *) (void *) at = (guint32) v; return true;
    case STATE_U64: *(guint64 *) (void *) at = v; return true;
    case STATE_BYTES:
    case STATE_STRUCT:
    case STATE_END:
    default: return false;
    }
}

static bool
get_elements(const StateDesc *desc, const StateField *f, Reader *r,
             guint8 *base, unsigned depth, GError **error)
{
    const guint8 *p;
    guint32 width = disk_elem_size(f);

    if (f->type == STATE_BYTES) {
        if (!get_bytes(r, f->count, &p))
            return truncated(desc, error);
        memcpy(base, p, f->count);
        return true;
    }
    for (gsize i = 0; i < f->count; i++) {
        guint8 *at = base + i * f->elem_size;
        if (f->type == STATE_STRUCT) {
            if (!decode_struct(f->sub, r, at, depth + 1, error))
                return false;
            continue;
        }
        if (!get_bytes(r, width, &p))
            return truncated(desc, error);
        if (!store_int(at, f->type, p))
            return invalid(desc, f->name, error);
    }
    return true;
}

static const StateField *
find_field(const StateDesc *desc, const char *name)
{
    for (const StateField *f = desc->fields; f->type != STATE_END; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static bool
decode_field(const StateDesc *desc, Reader *r, guint8 *staged, unsigned depth,
             GError **error)
{
    char name[256];
    guint8 type;
    guint32 count, width;

    if (!get_name(r, name) || !get_u8(r, &type) || !get_u32(r, &count) ||
        !get_u32(r, &width))
        return truncated(desc, error);
    const StateField *f = find_field(desc, name);
    if (f == NULL) {
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_UNKNOWN_FIELD,
                    "saved state of '%s' has an unknown field '%s': it was "
                    "written by a newer version",
                    desc->name, name);
        return false;
    }
    if (type != f->type || count != f->count || width != disk_elem_size(f))
        return invalid(desc, name, error);
    return get_elements(desc, f, r, staged + f->offset, depth, error);
}

static bool
check_version(const StateDesc *desc, guint32 version, GError **error)
{
    if (version >= desc->min_version && version <= desc->version)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_VERSION,
                "saved state of '%s' has version %u; this program reads "
                "%u..%u",
                desc->name, version, desc->min_version, desc->version);
    return false;
}

/* All fields that a file of this version must have. */
static unsigned
expected_fields(const StateDesc *desc, guint version)
{
    unsigned n = 0;

    for (const StateField *f = desc->fields; f->type != STATE_END; f++)
        n += f->since <= version;
    return n;
}

static bool
decode_body(const StateDesc *desc, guint32 version, Reader *body,
            guint8 *staged, unsigned depth, GError **error)
{
    unsigned n = 0;

    for (; body->at < body->end; n++)
        if (!decode_field(desc, body, staged, depth, error))
            return false;
    if (n != expected_fields(desc, version))
        return invalid(desc, "a field is missing or given twice", error);
    return desc->check == NULL || desc->check(staged, error);
}

static bool
decode_struct(const StateDesc *desc, Reader *r, guint8 *staged, unsigned depth,
              GError **error)
{
    char name[256];
    guint32 version, len, crc;
    const guint8 *p;

    if (depth > STATE_MAX_DEPTH)
        return invalid(desc, "nested too deeply", error);
    if (!get_name(r, name) || !get_u32(r, &version) || !get_u32(r, &len) ||
        !get_u32(r, &crc) || !get_bytes(r, len, &p))
        return truncated(desc, error);
    if (strcmp(name, desc->name) != 0)
        return invalid(desc, "it belongs to another kind of device", error);
    if (!check_version(desc, version, error))
        return false;
    if (crc != crc32_of(p, len))
        return invalid(desc, "checksum mismatch", error);
    Reader body = {p, p + len};
    return decode_body(desc, version, &body, staged, depth, error);
}

bool
state_decode(const StateDesc *desc, GBytes *in, void *staged, GError **error)
{
    gsize len;
    const guint8 *data = g_bytes_get_data(in, &len);

    if (data == NULL) /* GLib's way to say: no bytes */
        return truncated(desc, error);
    Reader r = {data, data + len};
    if (!decode_struct(desc, &r, staged, 0, error))
        return false;
    if (r.at != r.end)
        return invalid(desc, "bytes are left over", error);
    return true;
}
