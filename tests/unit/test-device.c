/* tests/unit/test-device.c - the life of a device, its options, its log. */
#include <string.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

static const char *const colours[] = {"red", "green", NULL};

typedef struct {
    guint32 reg;
} ToyState;

typedef struct {
    Device dev;
    ToyState s;
    guint32 size;
    bool on;
    int colour;
    char *label;
    void *peer;
    bool fail;
    unsigned unrealized, restored;
} Toy;

static bool
toy_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Toy *toy = DEVICE_OF(Toy, dev);

    if (toy->fail)
        g_set_error(error, g_quark_from_static_string("toy"), 1, "broken toy");
    return !toy->fail;
}

static void
toy_unrealize(Device *dev)
{
    DEVICE_OF(Toy, dev)->unrealized++;
}

static void
toy_reset(Device *dev, ResetKind kind)
{
    DEVICE_OF(Toy, dev)->s.reg = 5;
}

static void
toy_restored(Device *dev)
{
    DEVICE_OF(Toy, dev)->restored++;
}

/* clang-format off */
static const PropDesc toy_props[] = {
    PROP_DEF_U32(Toy, size, "size", 16, 1, 64, "MiB", "how big"),
    PROP_DEF_BOOL(Toy, on, "on", true, "switched on"),
    PROP_DEF_ENUM(Toy, colour, "colour", colours, 1, "what it looks like"),
    PROP_DEF_STRING(Toy, label, "label", "none", "what is written on it"),
    PROP_DEF_LINK(Toy, peer, "peer", true, "its friend"),
    PROP_END
};
static const StateField toy_fields[] = {
    STATE_FIELD(ToyState, reg, STATE_U32),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc toy_state = {
    .name = "toy",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ToyState),
    .fields = toy_fields,
};

static const DeviceClass toy_class = {
    .name = "toy",
    .size = sizeof(Toy),
    .props = toy_props,
    .state = &toy_state,
    .state_offset = G_STRUCT_OFFSET(Toy, s),
    .realize = toy_realize,
    .unrealize = toy_unrealize,
    .reset = toy_reset,
    .restored = toy_restored,
};

static Toy *
new_toy(void)
{
    Device *dev = device_new(&toy_class, "toy0");

    device_set_link(dev, "peer", dev);
    return DEVICE_OF(Toy, dev);
}

static void
test_defaults(void)
{
    Toy *toy = new_toy();

    CU_ASSERT_EQUAL(toy->size, 16);
    CU_ASSERT_TRUE(toy->on);
    CU_ASSERT_EQUAL(toy->colour, 1);
    CU_ASSERT_STRING_EQUAL(toy->label, "none");
    device_free(&toy->dev);
}

static void
test_range(void)
{
    Toy *toy = new_toy();
    g_autoptr(GError) error = NULL;

    CU_ASSERT_TRUE(device_set_u64(&toy->dev, "size", 64, NULL));
    CU_ASSERT_FALSE(device_set_u64(&toy->dev, "size", 65, &error));
    CU_ASSERT_STRING_EQUAL(error->message,
                           "toy0: size is 65 but must be 1..64 MiB");
    CU_ASSERT_EQUAL(toy->size, 64);
    device_free(&toy->dev);
}

static void
test_enum_names(void)
{
    Toy *toy = new_toy();
    g_autoptr(GError) error = NULL;

    CU_ASSERT_TRUE(device_set_string(&toy->dev, "colour", "red", NULL));
    CU_ASSERT_EQUAL(toy->colour, 0);
    CU_ASSERT_FALSE(device_set_string(&toy->dev, "colour", "blue", &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "red, green"));
    device_free(&toy->dev);
}

static void
test_missing_link(void)
{
    FakeVm *vm = fake_vm_new(4096);
    Device *dev = device_new(&toy_class, "toy1");
    g_autoptr(GError) error = NULL;

    CU_ASSERT_FALSE(device_realize(dev, &vm->env, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "'peer'"));
    device_free(dev);
    fake_vm_free(vm);
}

static void
test_failed_realize_cleans_up(void)
{
    FakeVm *vm = fake_vm_new(4096);
    Toy *toy = new_toy();
    g_autoptr(GError) error = NULL;

    toy->fail = true;
    CU_ASSERT_FALSE(device_realize(&toy->dev, &vm->env, &error));
    CU_ASSERT_EQUAL(toy->unrealized, 1);
    CU_ASSERT_FALSE(device_is_realized(&toy->dev));
    device_free(&toy->dev);
    fake_vm_free(vm);
}

static void
test_save_and_restore(void)
{
    FakeVm *vm = fake_vm_new(4096);
    Toy *toy = new_toy();
    g_autoptr(GByteArray) out = g_byte_array_new();

    fake_vm_realize(vm, &toy->dev);
    toy->s.reg = 77;
    device_save(&toy->dev, out);
    device_reset(&toy->dev, RESET_COLD);
    CU_ASSERT_EQUAL(toy->s.reg, 5);
    g_autoptr(GBytes) bytes = g_bytes_new(out->data, out->len);
    CU_ASSERT_TRUE(device_restore(&toy->dev, bytes, NULL));
    CU_ASSERT_EQUAL(toy->s.reg, 77);
    CU_ASSERT_EQUAL(toy->restored, 1);
    device_free(&toy->dev);
    fake_vm_free(vm);
}

static void
test_bad_restore_changes_nothing(void)
{
    FakeVm *vm = fake_vm_new(4096);
    Toy *toy = new_toy();
    g_autoptr(GBytes) bytes = g_bytes_new("junk", 4);
    g_autoptr(GError) error = NULL;

    fake_vm_realize(vm, &toy->dev);
    CU_ASSERT_FALSE(device_restore(&toy->dev, bytes, &error));
    CU_ASSERT_EQUAL(toy->s.reg, 5);
    CU_ASSERT_EQUAL(toy->restored, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "toy0"));
    device_free(&toy->dev);
    fake_vm_free(vm);
}

static void
test_log_is_limited(void)
{
    FakeVm *vm = fake_vm_new(4096);
    Toy *toy = new_toy();

    fake_vm_realize(vm, &toy->dev);
    for (int i = 0; i < 1000; i++)
        device_guest_error(&toy->dev, "bad access %d", i);
    CU_ASSERT_EQUAL(toy->dev.guest_errors, 1000);
    CU_ASSERT_PTR_NOT_NULL(strstr(vm->log->str, "toy0: bad access 9\n"));
    CU_ASSERT_PTR_NULL(strstr(vm->log->str, "bad access 10\n"));
    fake_advance(vm, 2 * NSEC_PER_SECOND);
    device_guest_error(&toy->dev, "again");
    CU_ASSERT_PTR_NOT_NULL(strstr(vm->log->str, "again"));
    device_free(&toy->dev);
    fake_vm_free(vm);
}

CU_MAIN("device", {"options_start_with_their_defaults", test_defaults},
        {"a_number_out_of_range_names_the_range", test_range},
        {"an_unknown_choice_names_the_choices", test_enum_names},
        {"a_missing_link_stops_realize", test_missing_link},
        {"a_failed_realize_is_undone", test_failed_realize_cleans_up},
        {"restore_brings_back_what_was_saved", test_save_and_restore},
        {"a_bad_restore_changes_nothing", test_bad_restore_changes_nothing},
        {"a_guests_mistakes_are_counted_and_logged_slowly",
         test_log_is_limited})
