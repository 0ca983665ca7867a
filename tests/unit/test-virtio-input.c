/* tests/unit/test-virtio-input.c - keyboard, tablet and mouse by virtio. */
#include <string.h>

#include <linux/input.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-rig.h"
#include "vmm/input/input.h"

#define EVENTS 0u
#define STATUS 1u
#define SPLIT  (~VIRTIO_F_RING_PACKED)

extern const DeviceClass virtio_input_class;

typedef struct {
    VirtioRig r;
    Input *seat;
    guint source;
} Fixture;

static void
begin_how(Fixture *f, const char *kind, VirtioRigHow how, guint64 accept)
{
    virtio_rig_init(&f->r, how);
    f->seat = input_new(f->r.vm->env.loop);
    f->r.vm->env.input = f->seat;
    f->source = input_new_source(f->seat);
    Device *dev = device_new(&virtio_input_class, "kbd0");
    device_set_string(dev, "kind", kind, NULL);
    virtio_rig_add_device(&f->r, dev);
    virtio_rig_start(&f->r, accept, 2);
}

static void
begin(Fixture *f, const char *kind)
{
    begin_how(f, kind, VR_PCI, G_MAXUINT64);
}

static void
end(Fixture *f)
{
    device_free(f->r.dev);
    f->r.dev = NULL;
    fake_advance(f->r.vm, 0);
    input_free(f->seat);
    f->r.vm->env.input = NULL;
    virtio_rig_free(&f->r);
}

/* n buffers of one event each, from VR_DATA on. */
static void
give_buffers(Fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const VrBuf buf = {VR_DATA + 8 * i, 8, true};
        virtio_rig_add(&f->r, EVENTS, &buf, 1);
    }
    virtio_rig_kick(&f->r, EVENTS);
}

static void
post(Fixture *f, InputType type, guint16 code, gint32 value)
{
    const InputEvent evs[] = {{type, code, value}, {INPUT_SYNC, 0, 0}};

    input_post(f->seat, f->source, evs, 2);
    fake_advance(f->r.vm, 0);
}

static unsigned
count_used(Fixture *f)
{
    guint16 id;
    guint32 len;
    unsigned n = 0;

    while (virtio_rig_used(&f->r, EVENTS, &id, &len))
        n++;
    return n;
}

static void
check_event(Fixture *f, unsigned i, guint16 type, guint16 code, guint32 value)
{
    CU_ASSERT_EQUAL(vr_get16(&f->r, VR_DATA + 8 * i), type);
    CU_ASSERT_EQUAL(vr_get16(&f->r, VR_DATA + 8 * i + 2), code);
    CU_ASSERT_EQUAL(vr_get32(&f->r, VR_DATA + 8 * i + 4), value);
}

static void
select_config(Fixture *f, guint8 select, guint8 subsel)
{
    fake_mmio_write(f->r.vm, VR_CONFIG, select, 1);
    fake_mmio_write(f->r.vm, VR_CONFIG + 1, subsel, 1);
}

static void
check_key(VirtioRigHow how, guint64 accept)
{
    Fixture f;

    begin_how(&f, "keyboard", how, accept);
    give_buffers(&f, 4);
    post(&f, INPUT_KEY, KEY_A, 1);
    post(&f, INPUT_KEY, KEY_A, 0);
    CU_ASSERT_EQUAL(count_used(&f), 4);
    check_event(&f, 0, EV_KEY, KEY_A, 1);
    check_event(&f, 1, EV_SYN, SYN_REPORT, 0);
    check_event(&f, 2, EV_KEY, KEY_A, 0);
    check_event(&f, 3, EV_SYN, SYN_REPORT, 0);
    end(&f);
}

static void
test_key(void)
{
    check_key(VR_PCI, SPLIT);
    check_key(VR_PCI, G_MAXUINT64);
    check_key(VR_MMIO, G_MAXUINT64);
}

static void
test_repeat(void)
{
    Fixture f;

    begin(&f, "keyboard");
    give_buffers(&f, 4);
    post(&f, INPUT_KEY, KEY_B, 1);
    post(&f, INPUT_KEY, KEY_B, 1);
    CU_ASSERT_EQUAL(count_used(&f), 4);
    check_event(&f, 2, EV_KEY, KEY_B, 2);
    end(&f);
}

static void
test_waits_for_buffers(void)
{
    Fixture f;

    begin(&f, "keyboard");
    post(&f, INPUT_KEY, KEY_C, 1);
    CU_ASSERT_EQUAL(count_used(&f), 0);
    give_buffers(&f, 1);
    CU_ASSERT_EQUAL(count_used(&f), 1);
    check_event(&f, 0, EV_KEY, KEY_C, 1);
    give_buffers(&f, 1);
    CU_ASSERT_EQUAL(count_used(&f), 1);
    check_event(&f, 0, EV_SYN, SYN_REPORT, 0);
    end(&f);
}

/* 64 events wait in the device, the others in the seat. */
static void
test_nothing_is_lost_when_full(void)
{
    Fixture f;
    unsigned n = 0;

    begin(&f, "keyboard");
    for (unsigned i = 0; i < 40; i++) {
        post(&f, INPUT_KEY, KEY_D, 1);
        post(&f, INPUT_KEY, KEY_D, 0);
    }
    for (unsigned i = 0; i < 20; i++) {
        give_buffers(&f, 8);
        n += count_used(&f);
    }
    CU_ASSERT_EQUAL(n, 160);
    end(&f);
}

static void
test_tablet(void)
{
    Fixture f;

    begin(&f, "tablet");
    CU_ASSERT_TRUE(input_has_absolute(f.seat));
    give_buffers(&f, 4);
    post(&f, INPUT_ABS, ABS_X, 12345);
    post(&f, INPUT_ABS, ABS_Y, 99999);
    CU_ASSERT_EQUAL(count_used(&f), 4);
    check_event(&f, 0, EV_ABS, ABS_X, 12345);
    check_event(&f, 2, EV_ABS, ABS_Y, 32767);
    end(&f);
}

static void
test_mouse(void)
{
    Fixture f;

    begin(&f, "mouse");
    CU_ASSERT_FALSE(input_has_absolute(f.seat));
    give_buffers(&f, 6);
    post(&f, INPUT_REL, REL_X, -3);
    post(&f, INPUT_BUTTON, BTN_RIGHT, 1);
    post(&f, INPUT_WHEEL, REL_WHEEL, -1);
    CU_ASSERT_EQUAL(count_used(&f), 6);
    check_event(&f, 0, EV_REL, REL_X, 0xfffffffdu);
    check_event(&f, 2, EV_KEY, BTN_RIGHT, 1);
    check_event(&f, 4, EV_REL, REL_WHEEL, 0xffffffffu);
    end(&f);
}

static void
test_config_names(void)
{
    Fixture f;

    begin(&f, "keyboard");
    select_config(&f, 0x01, 0);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 2, 1), 22);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 8, 4), 0x72726143); /* "Carr" */
    select_config(&f, 0x03, 0);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 2, 1), 8);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 8, 2), BUS_VIRTUAL);
    select_config(&f, 0x01, 1); /* there is no second name */
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 2, 1), 0);
    select_config(&f, 0x77, 0);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 2, 1), 0);
    end(&f);
}

static void
test_config_bitmaps(void)
{
    Fixture f;

    begin(&f, "tablet");
    select_config(&f, 0x11, EV_ABS);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 2, 1), 1);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 8, 1), 3);
    select_config(&f, 0x11, EV_KEY); /* BTN_LEFT is 0x110: byte 34 */
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 2, 1), 35);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 8 + 34, 1), 0x1f);
    select_config(&f, 0x12, ABS_Y);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 2, 1), 20);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 12, 4), 32767);
    select_config(&f, 0x12, ABS_Z);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 2, 1), 0);
    select_config(&f, 0x11, 0xff);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 2, 1), 0);
    end(&f);
}

static void
set_led(Fixture *f, guint16 code, guint32 value)
{
    const VrBuf buf = {VR_DATA + 0x1000, 8, false};

    vr_put16(&f->r, VR_DATA + 0x1000, EV_LED);
    vr_put16(&f->r, VR_DATA + 0x1002, code);
    vr_put32(&f->r, VR_DATA + 0x1004, value);
    virtio_rig_add(&f->r, STATUS, &buf, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&f->r, STATUS), 0);
}

static void
test_leds(void)
{
    Fixture f;

    begin(&f, "keyboard");
    set_led(&f, LED_CAPSL, 1);
    set_led(&f, LED_NUML, 1);
    CU_ASSERT_EQUAL(input_leds(f.seat), 6);
    set_led(&f, LED_CAPSL, 0);
    set_led(&f, 0xffff, 1);
    CU_ASSERT_EQUAL(input_leds(f.seat), 2);
    virtio_rig_set_status(&f.r, 0);
    CU_ASSERT_EQUAL(input_leds(f.seat), 0);
    end(&f);
}

static void
test_short_buffers(void)
{
    Fixture f;
    const VrBuf status = {VR_DATA, 7, false}, event = {VR_DATA, 7, true};

    begin(&f, "keyboard");
    virtio_rig_add(&f.r, STATUS, &status, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&f.r, STATUS), 0);
    CU_ASSERT_EQUAL(virtio_rig_status(&f.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    virtio_rig_add(&f.r, EVENTS, &event, 1);
    post(&f, INPUT_KEY, KEY_A, 1);
    CU_ASSERT_NOT_EQUAL(virtio_rig_status(&f.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.r.vm->log->str, "an event has 8"));
    virtio_rig_start(&f.r, G_MAXUINT64, 2);
    give_buffers(&f, 2);
    post(&f, INPUT_KEY, KEY_E, 1);
    CU_ASSERT_EQUAL(count_used(&f), 2);
    check_event(&f, 0, EV_KEY, KEY_E, 1);
    end(&f);
}

static void
test_reset_gives_the_seat_back(void)
{
    Fixture f;

    begin(&f, "tablet");
    CU_ASSERT_TRUE(input_has_absolute(f.seat));
    virtio_rig_set_status(&f.r, 0);
    fake_advance(f.r.vm, 0);
    CU_ASSERT_FALSE(input_has_absolute(f.seat));
    end(&f);
}

static void
test_restore_keeps_what_waits(void)
{
    Fixture f;
    g_autoptr(GByteArray) saved = g_byte_array_new();

    begin_how(&f, "keyboard", VR_PCI, SPLIT);
    post(&f, INPUT_KEY, KEY_F, 1);
    device_quiesce(f.r.dev);
    device_save(f.r.dev, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(f.r.dev, bytes, NULL));
    device_resume(f.r.dev);
    fake_advance(f.r.vm, 0);
    give_buffers(&f, 2);
    CU_ASSERT_EQUAL(count_used(&f), 2);
    check_event(&f, 0, EV_KEY, KEY_F, 1);
    end(&f);
}

CU_MAIN("virtio-input", {"a_key_is_a_report_on_every_transport", test_key},
        {"a_key_pressed_again_is_a_repeat", test_repeat},
        {"events_wait_for_buffers", test_waits_for_buffers},
        {"nothing_is_lost_while_the_guest_is_slow",
         test_nothing_is_lost_when_full},
        {"a_tablet_points_absolutely_and_inside_its_range", test_tablet},
        {"a_mouse_moves_clicks_and_scrolls", test_mouse},
        {"the_configuration_names_the_device", test_config_names},
        {"the_configuration_lists_codes_and_axes", test_config_bitmaps},
        {"lights_follow_the_driver_until_reset", test_leds},
        {"short_buffers_stop_nobody_else", test_short_buffers},
        {"a_reset_gives_the_pointer_back", test_reset_gives_the_seat_back},
        {"a_restore_keeps_what_waits", test_restore_keeps_what_waits})
