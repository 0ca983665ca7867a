/* tests/unit/test-state.c - saving by table: round trips, damage, versions. */
#include <string.h>

#include "tests/unit/cu-main.h"
#include "vmm/core/state.h"

typedef struct {
    guint8 index;
    bool on;
} Inner;

typedef struct {
    guint32 reg;
    guint16 fifo[3];
    guint8 blob[5];
    bool flag;
    guint64 wide;
    Inner inner[2];
} Outer;

/* clang-format off */
static const StateField inner_fields[] = {
    STATE_FIELD(Inner, index, STATE_U8),
    STATE_FIELD(Inner, on, STATE_BOOL),
    STATE_FIELDS_END
};
static const StateDesc inner_desc = {
    .name = "inner", .version = 1, .min_version = 1, .size = sizeof(Inner),
    .fields = inner_fields,
};
static const StateField outer_fields[] = {
    STATE_FIELD(Outer, reg, STATE_U32),
    STATE_ARRAY(Outer, fifo, STATE_U16),
    STATE_BLOB(Outer, blob),
    STATE_FIELD(Outer, flag, STATE_BOOL),
    STATE_FIELD(Outer, wide, STATE_U64),
    STATE_SUB_ARRAY(Outer, inner, &inner_desc),
    STATE_FIELDS_END
};
/* clang-format on */

static bool
outer_check(const void *state, GError **error)
{
    const Outer *o = state;

    if (o->inner[0].index < 16)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "index %u", o->inner[0].index);
    return false;
}

static const StateDesc outer_desc = {
    .name = "outer",
    .version = 2,
    .min_version = 1,
    .size = sizeof(Outer),
    .fields = outer_fields,
    .check = outer_check,
};

static const Outer sample = {
    .reg = 0x12345678,
    .fifo = {1, 0xffff, 3},
    .blob = "abcd",
    .flag = true,
    .wide = G_GUINT64_CONSTANT(0x1122334455667788),
    .inner = {{7, true}, {200, false}},
};

static GBytes *
encode(const StateDesc *desc, const void *state)
{
    GByteArray *out = g_byte_array_new();

    state_encode(desc, state, out);
    return g_byte_array_free_to_bytes(out);
}

static void
test_round_trip(void)
{
    g_autoptr(GBytes) bytes = encode(&outer_desc, &sample);
    Outer staged = {0};

    CU_ASSERT_TRUE(state_decode(&outer_desc, bytes, &staged, NULL));
    CU_ASSERT_EQUAL(staged.reg, 0x12345678);
    CU_ASSERT_EQUAL(staged.fifo[1], 0xffff);
    CU_ASSERT_STRING_EQUAL((char *) staged.blob, "abcd");
    CU_ASSERT_TRUE(staged.flag);
    CU_ASSERT_EQUAL(staged.wide, sample.wide);
    CU_ASSERT_EQUAL(staged.inner[1].index, 200);
}

static void
test_integers_are_little_endian(void)
{
    g_autoptr(GBytes) bytes = encode(&outer_desc, &sample);
    gsize len;
    const guint8 *data = g_bytes_get_data(bytes, &len);
    static const guint8 le[] = {0x78, 0x56, 0x34, 0x12};

    CU_ASSERT_PTR_NOT_NULL(memmem(data, len, le, sizeof le));
}

static void
test_truncation(void)
{
    g_autoptr(GBytes) bytes = encode(&outer_desc, &sample);
    gsize len = g_bytes_get_size(bytes);
    Outer staged = {0};
    unsigned accepted = 0;

    for (gsize n = 0; n < len; n++) {
        g_autoptr(GBytes) part = g_bytes_new_from_bytes(bytes, 0, n);
        accepted += state_decode(&outer_desc, part, &staged, NULL);
    }
    CU_ASSERT_EQUAL(accepted, 0);
}

static void
test_bit_flips(void)
{
    g_autoptr(GBytes) bytes = encode(&outer_desc, &sample);
    gsize len;
    const guint8 *data = g_bytes_get_data(bytes, &len);
    Outer staged = {0};
    unsigned accepted = 0;

    for (gsize bit = 0; bit < len * 8; bit++) {
        g_autofree guint8 *copy = g_memdup2(data, len);
        copy[bit / 8] ^= (guint8) (1u << (bit % 8));
        g_autoptr(GBytes) flipped = g_bytes_new(copy, len);
        accepted += state_decode(&outer_desc, flipped, &staged, NULL);
    }
    /* only the version number has no checksum: 2 -> 1 still can be read, and
     * then all fields of version 2 would be missing or present alike */
    CU_ASSERT_TRUE(accepted <= 1);
}

static void
test_left_over_bytes(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    Outer staged = {0};
    g_autoptr(GError) error = NULL;

    state_encode(&outer_desc, &sample, out);
    g_byte_array_append(out, (const guint8 *) "x", 1);
    g_autoptr(GBytes) bytes = g_bytes_new(out->data, out->len);
    CU_ASSERT_FALSE(state_decode(&outer_desc, bytes, &staged, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID));
}

static void
test_check_refuses(void)
{
    Outer bad = sample;
    Outer staged = {0};
    g_autoptr(GError) error = NULL;

    bad.inner[0].index = 16;
    g_autoptr(GBytes) bytes = encode(&outer_desc, &bad);
    CU_ASSERT_FALSE(state_decode(&outer_desc, bytes, &staged, &error));
    CU_ASSERT_STRING_EQUAL(error->message, "index 16");
}

static void
test_newer_version(void)
{
    StateDesc newer = outer_desc;
    Outer staged = {0};
    g_autoptr(GError) error = NULL;

    newer.version = 3;
    g_autoptr(GBytes) bytes = encode(&newer, &sample);
    CU_ASSERT_FALSE(state_decode(&outer_desc, bytes, &staged, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_VERSION));
}

static void
test_other_device(void)
{
    Inner inner = {1, true};
    Outer staged = {0};
    g_autoptr(GBytes) bytes = encode(&inner_desc, &inner);

    CU_ASSERT_FALSE(state_decode(&outer_desc, bytes, &staged, NULL));
}

static void
test_field_added_later(void)
{
    /* version 1 knew only `reg`; `wide` came with version 2 */
    static const StateField old_fields[] = {STATE_FIELD(Outer, reg, STATE_U32),
                                            STATE_FIELDS_END};
    static const StateField new_fields[] = {
        STATE_FIELD(Outer, reg, STATE_U32),
        {"wide", STATE_U64, G_STRUCT_OFFSET(Outer, wide), 1, 8, 2, NULL},
        STATE_FIELDS_END};
    const StateDesc old = {"outer", 1, 1, sizeof(Outer), old_fields, NULL};
    const StateDesc new = {"outer", 2, 1, sizeof(Outer), new_fields, NULL};
    Outer staged = {.wide = 99};
    g_autoptr(GBytes) bytes = encode(&old, &sample);

    CU_ASSERT_TRUE(state_decode(&new, bytes, &staged, NULL));
    CU_ASSERT_EQUAL(staged.reg, sample.reg);
    CU_ASSERT_EQUAL(staged.wide, 99);
}

static void
test_missing_field(void)
{
    static const StateField few[] = {STATE_FIELD(Outer, reg, STATE_U32),
                                     STATE_FIELDS_END};
    const StateDesc desc = {"outer", 2, 1, sizeof(Outer), few, NULL};
    Outer staged = {0};
    g_autoptr(GBytes) bytes = encode(&desc, &sample);

    CU_ASSERT_FALSE(state_decode(&outer_desc, bytes, &staged, NULL));
}

CU_MAIN("state", {"reads_back_what_was_saved", test_round_trip},
        {"integers_are_little_endian_in_the_file",
         test_integers_are_little_endian},
        {"every_truncation_is_refused", test_truncation},
        {"every_flipped_bit_is_noticed", test_bit_flips},
        {"left_over_bytes_are_refused", test_left_over_bytes},
        {"check_can_refuse_a_decoded_copy", test_check_refuses},
        {"a_newer_version_is_refused", test_newer_version},
        {"state_of_another_device_is_refused", test_other_device},
        {"a_field_added_later_keeps_its_reset_value", test_field_added_later},
        {"a_missing_field_is_refused", test_missing_field})
