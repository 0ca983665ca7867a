/* tests/fuzz/fuzz-state.c - saved state of a device, as it comes from a file:
 * any bytes either restore or are refused with an error. The first byte says
 * whether the rest is a whole file, or a body that gets a matching header and
 * checksum, so that the fuzzer reaches the records behind it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/core/crc32.h"
#include "vmm/core/state.h"

typedef struct {
    guint16 head, tail;
} Queue;

typedef struct {
    guint8 index;
    bool enabled;
    guint64 counter;
    guint32 regs[8];
    guint8 fifo[16];
    Queue queue[3];
} Sample;

/* clang-format off */
static const StateField queue_fields[] = {
    STATE_FIELD(Queue, head, STATE_U16),
    STATE_FIELD(Queue, tail, STATE_U16),
    STATE_FIELDS_END,
};
static const StateDesc queue_desc = {
    "queue", 1, 1, sizeof(Queue), queue_fields, NULL,
};
static const StateField sample_fields[] = {
    STATE_FIELD(Sample, index, STATE_U8),
    STATE_FIELD(Sample, enabled, STATE_BOOL),
    STATE_FIELD(Sample, counter, STATE_U64),
    STATE_ARRAY(Sample, regs, STATE_U32),
    STATE_BLOB(Sample, fifo),
    STATE_SUB_ARRAY(Sample, queue, &queue_desc),
    STATE_FIELDS_END,
};
/* clang-format on */

static bool
sample_check(const void *state, GError **error)
{
    const Sample *s = state;

    if (s->index < 8)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "index: %u is past the 8 registers", s->index);
    return false;
}

static const StateDesc sample_desc = {
    "sample", 2, 1, sizeof(Sample), sample_fields, sample_check,
};

static void
put_u32(GByteArray *out, guint32 value)
{
    guint32 le = GUINT32_TO_LE(value);

    g_byte_array_append(out, (const guint8 *) &le, sizeof le);
}

static GBytes *
with_header(const uint8_t *body, size_t size)
{
    GByteArray *out = g_byte_array_new();

    g_byte_array_append(out, (const guint8 *) "\006sample", 7);
    put_u32(out, 2);
    put_u32(out, (guint32) size);
    put_u32(out, crc32_of(body, size));
    g_byte_array_append(out, body, (guint) size);
    return g_byte_array_free_to_bytes(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) in = NULL;
    g_autoptr(GError) error = NULL;
    Sample staged = {.index = 1};

    if (size > 0 && data[0] == 'B')
        in = with_header(data + 1, size - 1);
    else
        in = g_bytes_new(data, size);
    if (!state_decode(&sample_desc, in, &staged, &error)) {
        if (error == NULL)
            abort();
        return 0;
    }
    if (error != NULL || staged.index >= 8)
        abort();
    return 0;
}
