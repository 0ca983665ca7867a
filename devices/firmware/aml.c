/* devices/firmware/aml.c - see aml.h.
 *
 * ACPI 6.4, chapter 20 (encoding), section 6.4 (resource descriptors). Only
 * the terms that our tables use. */
#include "devices/firmware/aml.h"

#include <string.h>

#define MAX_DEPTH 8u

enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_DUAL = 0x2e,
    OP_MULTI = 0x2f,
    OP_EXT = 0x5b,
    OP_ROOT = 0x5c,
    OP_LOCAL0 = 0x60,
    OP_ARG0 = 0x68,
    OP_STORE = 0x70,
    OP_AND = 0x7b,
    OP_OR = 0x7d,
    OP_NOTIFY = 0x86,
    OP_DWORD_FIELD = 0x8a,
    OP_EQUAL = 0x93,
    OP_IF = 0xa0,
    OP_RETURN = 0xa4,
    EXT_REGION = 0x80,
    EXT_FIELD = 0x81,
    EXT_DEVICE = 0x82,
};

#define REGION_SYSTEM_IO   0x01
#define REGION_PCI_CONFIG  0x02
#define FIELD_BYTE_ACCESS  0x01 /* no lock, preserve */
#define FIELD_DWORD_ACCESS 0x03

struct Aml {
    GByteArray *bytes;
    guint open[MAX_DEPTH]; /* where the length goes, one per open term */
    unsigned depth;
};

static void
put(GByteArray *out, guint64 value, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++) {
        guint8 byte = (guint8) (value >> (8 * i));
        g_byte_array_append(out, &byte, 1);
    }
}

Aml *
aml_new(void)
{
    Aml *aml = g_new0(Aml, 1);

    aml->bytes = g_byte_array_new();
    return aml;
}

GBytes *
aml_free_to_bytes(Aml *aml)
{
    g_assert(aml->depth == 0);
    GBytes *bytes = g_byte_array_free_to_bytes(aml->bytes);
    g_free(aml);
    return bytes;
}

static void
put_segment(GByteArray *out, const char *name, gsize len)
{
    char padded[4] = {'_', '_', '_', '_'};

    g_assert(len >= 1 && len <= 4);
    memcpy(padded, name, len);
    g_byte_array_append(out, (const guint8 *) padded, 4);
}

static void
put_path(GByteArray *out, const char *path)
{
    if (*path == '\\') {
        put(out, OP_ROOT, 1);
        path++;
    }
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    guint n = g_strv_length(parts);
    if (n == 2)
        put(out, OP_DUAL, 1);
    if (n > 2) {
        put(out, OP_MULTI, 1);
        put(out, n, 1);
    }
    for (guint i = 0; i < n; i++)
        put_segment(out, parts[i], strlen(parts[i]));
}

/* A length that counts itself, section 20.2.4: one byte up to 63, then the low
 * four bits and up to three bytes more. */
static unsigned
encode_length(gsize content, guint8 ret_bytes[4])
{
    gsize total = content + 1;
    unsigned more = 0;

    if (total <= 0x3f) {
        ret_bytes[0] = (guint8) total;
        return 1;
    }
    do {
        more++;
        total = content + 1 + more;
    } while (more < 3 && total >= (gsize) 1 << (4 + 8 * more));
    ret_bytes[0] = (guint8) (more << 6 | (total & 0xf));
    for (unsigned i = 0; i < more; i++)
        ret_bytes[1 + i] = (guint8) (total >> (4 + 8 * i));
    return more + 1;
}

static void
begin(Aml *aml)
{
    g_assert(aml->depth < MAX_DEPTH);
    aml->open[aml->depth++] = aml->bytes->len;
}

void
aml_end(Aml *aml)
{
    guint8 length[4];

    g_assert(aml->depth > 0);
    guint at = aml->open[--aml->depth];
    guint content = aml->bytes->len - at;
    unsigned n = encode_length(content, length);
    g_byte_array_set_size(aml->bytes, aml->bytes->len + n);
    memmove(aml->bytes->data + at + n, aml->bytes->data + at, content);
    memcpy(aml->bytes->data + at, length, n);
}

void
aml_scope(Aml *aml, const char *path)
{
    put(aml->bytes, OP_SCOPE, 1);
    begin(aml);
    put_path(aml->bytes, path);
}

void
aml_device(Aml *aml, const char *name)
{
    put(aml->bytes, OP_EXT | EXT_DEVICE << 8, 2);
    begin(aml);
    put_path(aml->bytes, name);
}

void
aml_method(Aml *aml, const char *name, unsigned n_args)
{
    g_assert(n_args < 8);
    put(aml->bytes, OP_METHOD, 1);
    begin(aml);
    put_path(aml->bytes, name);
    put(aml->bytes, n_args, 1);
}

void
aml_package(Aml *aml, guint8 n_elements)
{
    put(aml->bytes, OP_PACKAGE, 1);
    begin(aml);
    put(aml->bytes, n_elements, 1);
}

void
aml_integer(Aml *aml, guint64 value)
{
    static const struct {
        guint64 max;
        guint8 op, len;
    } sizes[] = {
        {0xff, OP_BYTE, 1},
        {0xffff, OP_WORD, 2},
        {0xffffffff, OP_DWORD, 4},
        {G_MAXUINT64, OP_QWORD, 8},
    };
    unsigned i = 0;

    if (value <= 1) {
        put(aml->bytes, value == 0 ? OP_ZERO : OP_ONE, 1);
        return;
    }
    while (value > sizes[i].max)
        i++;
    put(aml->bytes, sizes[i].op, 1);
    put(aml->bytes, value, sizes[i].len);
}

void
aml_name(Aml *aml, const char *name)
{
    put(aml->bytes, OP_NAME, 1);
    put_path(aml->bytes, name);
}

void
aml_name_integer(Aml *aml, const char *name, guint64 value)
{
    aml_name(aml, name);
    aml_integer(aml, value);
}

void
aml_name_string(Aml *aml, const char *name, const char *value)
{
    aml_name(aml, name);
    put(aml->bytes, OP_STRING, 1);
    g_byte_array_append(aml->bytes, (const guint8 *) value,
                        (guint) strlen(value) + 1);
}

/* Five bits a letter and four a digit, most significant byte first. */
void
aml_name_eisa(Aml *aml, const char *name, const char *id)
{
    guint32 value = 0;

    g_assert(strlen(id) == 7);
    for (unsigned i = 0; i < 3; i++)
        value = value << 5 | (guint32) (id[i] - '@');
    for (unsigned i = 3; i < 7; i++)
        value = value << 4 | (guint32) g_ascii_xdigit_value(id[i]);
    aml_name(aml, name);
    put(aml->bytes, OP_DWORD, 1);
    put(aml->bytes, GUINT32_SWAP_LE_BE(value), 4);
}

void
aml_store_local(Aml *aml, const char *path, unsigned local)
{
    g_assert(local < 8);
    put(aml->bytes, OP_STORE, 1);
    put_path(aml->bytes, path);
    put(aml->bytes, OP_LOCAL0 + local, 1);
}

void
aml_if_local_bits(Aml *aml, unsigned local, guint64 mask)
{
    g_assert(local < 8);
    put(aml->bytes, OP_IF, 1);
    begin(aml);
    put(aml->bytes, OP_AND, 1);
    put(aml->bytes, OP_LOCAL0 + local, 1);
    aml_integer(aml, mask);
    put(aml->bytes, OP_ZERO, 1);
}

void
aml_notify(Aml *aml, const char *path, guint8 value)
{
    put(aml->bytes, OP_NOTIFY, 1);
    put_path(aml->bytes, path);
    aml_integer(aml, value);
}

/* A name, an argument of the method, or a local variable. */
static void
put_operand(GByteArray *out, const char *text)
{
    if (g_str_has_prefix(text, "Arg"))
        put(out, OP_ARG0 + (guint8) (text[3] - '0'), 1);
    else if (g_str_has_prefix(text, "Local"))
        put(out, OP_LOCAL0 + (guint8) (text[5] - '0'), 1);
    else
        put_path(out, text);
}

void
aml_dword_field(Aml *aml, const char *buffer, guint8 offset, const char *name)
{
    put(aml->bytes, OP_DWORD_FIELD, 1);
    put_operand(aml->bytes, buffer);
    aml_integer(aml, offset);
    put_path(aml->bytes, name);
}

void
aml_store(Aml *aml, const char *from, const char *to)
{
    put(aml->bytes, OP_STORE, 1);
    put_operand(aml->bytes, from);
    put_operand(aml->bytes, to);
}

void
aml_store_integer(Aml *aml, guint64 value, const char *to)
{
    put(aml->bytes, OP_STORE, 1);
    aml_integer(aml, value);
    put_operand(aml->bytes, to);
}

void
aml_and(Aml *aml, const char *from, guint64 mask, const char *to)
{
    put(aml->bytes, OP_AND, 1);
    put_operand(aml->bytes, from);
    aml_integer(aml, mask);
    put_operand(aml->bytes, to);
}

void
aml_or(Aml *aml, const char *from, guint64 bits, const char *to)
{
    put(aml->bytes, OP_OR, 1);
    put_operand(aml->bytes, from);
    aml_integer(aml, bits);
    put_operand(aml->bytes, to);
}

void
aml_if_equals(Aml *aml, const char *buffer, const guint8 *bytes, guint8 len)
{
    put(aml->bytes, OP_IF, 1);
    begin(aml);
    put(aml->bytes, OP_EQUAL, 1);
    put_operand(aml->bytes, buffer);
    put(aml->bytes, OP_BUFFER, 1);
    begin(aml);
    aml_integer(aml, len);
    g_byte_array_append(aml->bytes, bytes, len);
    aml_end(aml);
}

void
aml_return(Aml *aml, const char *path)
{
    put(aml->bytes, OP_RETURN, 1);
    put_operand(aml->bytes, path);
}

void
aml_reference(Aml *aml, const char *path)
{
    put_path(aml->bytes, path);
}

/* ---- fields ---- */

static void
put_region(Aml *aml, const char *region, guint8 space, guint64 at, guint8 len)
{
    put(aml->bytes, OP_EXT | EXT_REGION << 8, 2);
    put_path(aml->bytes, region);
    put(aml->bytes, space, 1);
    aml_integer(aml, at);
    aml_integer(aml, len);
}

static void
put_fields(Aml *aml, const char *region, guint8 access, unsigned bits,
           const char *const *names)
{
    put(aml->bytes, OP_EXT | EXT_FIELD << 8, 2);
    begin(aml);
    put_path(aml->bytes, region);
    put(aml->bytes, access, 1);
    for (unsigned i = 0; names[i] != NULL; i++) {
        put_segment(aml->bytes, names[i], strlen(names[i]));
        put(aml->bytes, bits, 1);
    }
    aml_end(aml);
}

void
aml_port_fields(Aml *aml, const char *region, guint16 port, guint8 len,
                const char *const *names)
{
    put_region(aml, region, REGION_SYSTEM_IO, port, len);
    put_fields(aml, region, FIELD_BYTE_ACCESS, 8, names);
}

void
aml_port_fields32(Aml *aml, const char *region, guint16 port, guint8 len,
                  const char *const *names)
{
    put_region(aml, region, REGION_SYSTEM_IO, port, len);
    put_fields(aml, region, FIELD_DWORD_ACCESS, 32, names);
}

void
aml_config_fields(Aml *aml, const char *region, guint8 offset, guint8 len,
                  const char *const *names)
{
    put_region(aml, region, REGION_PCI_CONFIG, offset, len);
    put_fields(aml, region, FIELD_BYTE_ACCESS, 8, names);
}

/* ---- resources ---- */

#define RES_BUS       2
#define RES_PORT      1
#define RES_MEMORY    0
#define RES_PRODUCER  0x0c /* minimum and maximum are fixed */
#define RES_PORT_ALL  0x03 /* ISA and other ranges */
#define RES_MEM_WRITE 0x01 /* read and write, not cached */

void
aml_res_port(GByteArray *res, guint16 port, guint8 len)
{
    put(res, 0x47, 1);
    put(res, 1, 1); /* decodes 16 bits */
    put(res, port, 2);
    put(res, port, 2);
    put(res, 1, 1); /* alignment */
    put(res, len, 1);
}

void
aml_res_interrupt(GByteArray *res, guint32 gsi, bool level)
{
    put(res, 0x89, 1);
    put(res, 6, 2);
    put(res, level ? 0x01 : 0x03, 1); /* consumer; bit 1: edge */
    put(res, 1, 1);                   /* one number */
    put(res, gsi, 4);
}

void
aml_res_interrupts(GByteArray *res, const guint8 *gsis, unsigned n)
{
    put(res, 0x89, 1);
    put(res, 2 + 4 * n, 2);
    put(res, 0x09, 1); /* consumer, level, active high, shared */
    put(res, n, 1);
    for (unsigned i = 0; i < n; i++)
        put(res, gsis[i], 4);
}

void
aml_res_dma8(GByteArray *res, unsigned channel)
{
    put(res, 0x2a, 1);
    put(res, 1u << channel, 1);
    put(res, 0x00, 1); /* compatible, no bus master, 8 bits */
}

void
aml_res_memory_fixed(GByteArray *res, guint32 base, guint32 len)
{
    put(res, 0x86, 1);
    put(res, 9, 2);
    put(res, RES_MEM_WRITE, 1);
    put(res, base, 4);
    put(res, len, 4);
}

/* Address space descriptors differ in their width only. */
static void
put_window(GByteArray *res, guint8 tag, unsigned width, guint8 type,
           guint8 flags, guint64 first, guint64 last)
{
    put(res, tag, 1);
    put(res, 3 + 5 * width, 2);
    put(res, type, 1);
    put(res, RES_PRODUCER, 1);
    put(res, flags, 1);
    put(res, 0, width); /* granularity */
    put(res, first, width);
    put(res, last, width);
    put(res, 0, width); /* no translation */
    put(res, last - first + 1, width);
}

void
aml_res_bus_window(GByteArray *res, guint16 first, guint16 last)
{
    put_window(res, 0x88, 2, RES_BUS, 0, first, last);
}

void
aml_res_port_window(GByteArray *res, guint16 first, guint16 last)
{
    put_window(res, 0x88, 2, RES_PORT, RES_PORT_ALL, first, last);
}

void
aml_res_memory_window(GByteArray *res, guint32 first, guint32 last)
{
    put_window(res, 0x87, 4, RES_MEMORY, RES_MEM_WRITE, first, last);
}

void
aml_res_memory64_window(GByteArray *res, guint64 first, guint64 last)
{
    put_window(res, 0x8a, 8, RES_MEMORY, RES_MEM_WRITE, first, last);
}

void
aml_name_buffer(Aml *aml, const char *name, const GByteArray *res)
{
    aml_name(aml, name);
    put(aml->bytes, OP_BUFFER, 1);
    begin(aml);
    aml_integer(aml, res->len + 2);
    g_byte_array_append(aml->bytes, res->data, res->len);
    put(aml->bytes, 0x79, 2); /* end tag; a sum of 0 is not checked */
    aml_end(aml);
}

void
aml_name_resources(Aml *aml, const GByteArray *res)
{
    aml_name_buffer(aml, "_CRS", res);
}
