/* tests/unit/test-usb-hid.c - keyboard, mouse and tablet on USB. */
#include <string.h>

#include <linux/input.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/xhci-rig.h"
#include "vmm/input/input.h"

extern const DeviceClass usb_hid_class;

typedef struct {
    XhciRig r;
    Device *dev;
    Input *seat;
    guint source;
} Fixture;

static void
begin(Fixture *f, const char *kind)
{
    xhci_rig_init(&f->r);
    f->seat = input_new(f->r.vm->env.loop);
    f->r.vm->env.input = f->seat;
    f->source = input_new_source(f->seat);
    f->dev = device_new(&usb_hid_class, "usb0");
    device_set_string(f->dev, "kind", kind, NULL);
    xhci_rig_plug(&f->r, f->dev, 0);
    xhci_rig_start(&f->r);
    CU_ASSERT_EQUAL(xr_address(&f->r, 1), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_control(&f->r, USB_SET_CONFIGURATION, 1, 0, 0),
                    CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_configure(&f->r, 3, EP_INTERRUPT | EP_IN), CC_SUCCESS);
    fake_advance(f->r.vm, 0);
}

static void
end(Fixture *f)
{
    device_free(f->dev);
    fake_advance(f->r.vm, 0);
    input_free(f->seat);
    f->r.vm->env.input = NULL;
    xhci_rig_free(&f->r);
}

static void
post(Fixture *f, InputType type, guint16 code, gint32 value)
{
    const InputEvent evs[] = {{type, code, value}, {INPUT_SYNC, 0, 0}};

    input_post(f->seat, f->source, evs, 2);
    fake_advance(f->r.vm, 0);
}

/* Asks for a report; its bytes or NULL, residue in *ret_left. */
static const guint8 *
report(Fixture *f, guint32 *ret_left)
{
    XhciEvent e;

    memset(fake_ram(f->r.vm) + XR_DATA, 0xee, 8);
    xr_push(&f->r, 3, XR_DATA, 8, TRB_NORMAL << 10 | TRB_IOC | TRB_ISP);
    xr_ring_bell(&f->r, 1, 3);
    if (xr_transfer_event(&f->r, &e) == 0)
        return NULL;
    *ret_left = e.status & 0xffffff;
    return fake_ram(f->r.vm) + XR_DATA;
}

#define CHECK_REPORT(f, n, ...)                                                \
    do {                                                                       \
        const guint8 wanted[] = {__VA_ARGS__};                                 \
        guint32 left_ = 0;                                                     \
        const guint8 *got = report(f, &left_);                                 \
        CU_ASSERT_PTR_NOT_NULL_FATAL(got);                                     \
        CU_ASSERT_EQUAL(left_, 8 - (n));                                       \
        CU_ASSERT_EQUAL(memcmp(got, wanted, n), 0);                            \
    } while (0)

static void
test_keyboard(void)
{
    Fixture f;

    begin(&f, "keyboard");
    post(&f, INPUT_KEY, KEY_LEFTSHIFT, 1);
    post(&f, INPUT_KEY, KEY_A, 1);
    post(&f, INPUT_KEY, KEY_A, 1); /* repeats are the host's own */
    post(&f, INPUT_KEY, KEY_A, 0);
    CHECK_REPORT(&f, 8, 2, 0, 0, 0, 0, 0, 0, 0);
    CHECK_REPORT(&f, 8, 2, 0, 4, 0, 0, 0, 0, 0);
    CHECK_REPORT(&f, 8, 2, 0, 0, 0, 0, 0, 0, 0);
    guint32 left;
    CU_ASSERT_PTR_NULL(report(&f, &left));
    end(&f);
}

static void
test_roll_over(void)
{
    static const guint16 keys[] = {KEY_1, KEY_2, KEY_3, KEY_4,
                                   KEY_5, KEY_6, KEY_7};
    Fixture f;

    begin(&f, "keyboard");
    for (unsigned i = 0; i < 7; i++)
        post(&f, INPUT_KEY, keys[i], 1);
    for (unsigned i = 0; i < 5; i++) {
        guint32 left;
        CU_ASSERT_PTR_NOT_NULL(report(&f, &left));
    }
    CHECK_REPORT(&f, 8, 0, 0, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23);
    CHECK_REPORT(&f, 8, 0, 0, 1, 1, 1, 1, 1, 1);
    end(&f);
}

static void
test_nothing_is_lost(void)
{
    Fixture f;
    guint32 left;
    unsigned n = 0;

    begin(&f, "keyboard");
    for (unsigned i = 0; i < 20; i++) {
        post(&f, INPUT_KEY, KEY_B, 1);
        post(&f, INPUT_KEY, KEY_B, 0);
    }
    while (report(&f, &left) != NULL)
        n++;
    CU_ASSERT_EQUAL(n, 40);
    end(&f);
}

static void
test_leds(void)
{
    Fixture f;

    begin(&f, "keyboard");
    fake_ram(f.r.vm)[XR_DATA] = 1; /* num */
    CU_ASSERT_EQUAL(xr_control(&f.r, 0x2109, 0x200, 0, 1), CC_SUCCESS);
    CU_ASSERT_EQUAL(input_leds(f.seat), 2);
    fake_ram(f.r.vm)[XR_DATA] = 6; /* caps, scroll */
    CU_ASSERT_EQUAL(xr_control(&f.r, 0x2109, 0x200, 0, 1), CC_SUCCESS);
    CU_ASSERT_EQUAL(input_leds(f.seat), 5);
    end(&f);
}

static void
test_tablet(void)
{
    Fixture f;

    begin(&f, "tablet");
    CU_ASSERT_TRUE(input_has_absolute(f.seat));
    const InputEvent evs[] = {{INPUT_ABS, ABS_X, 0x1234},
                              {INPUT_ABS, ABS_Y, 99999},
                              {INPUT_SYNC, 0, 0}};
    input_post(f.seat, f.source, evs, 3);
    fake_advance(f.r.vm, 0);
    post(&f, INPUT_BUTTON, BTN_RIGHT, 1);
    CHECK_REPORT(&f, 6, 2, 0x34, 0x12, 0xff, 0x7f, 0);
    post(&f, INPUT_BUTTON, BTN_RIGHT, 0);
    post(&f, INPUT_WHEEL, REL_WHEEL, -2);
    CHECK_REPORT(&f, 6, 0, 0x34, 0x12, 0xff, 0x7f, 0);
    CHECK_REPORT(&f, 6, 0, 0x34, 0x12, 0xff, 0x7f, 0xfe);
    end(&f);
}

static void
test_mouse(void)
{
    Fixture f;

    begin(&f, "mouse");
    post(&f, INPUT_REL, REL_X, 300);
    post(&f, INPUT_REL, REL_Y, -5);
    CHECK_REPORT(&f, 4, 0, 127, 0xfb, 0);
    CHECK_REPORT(&f, 4, 0, 127, 0, 0);
    CHECK_REPORT(&f, 4, 0, 46, 0, 0);
    post(&f, INPUT_BUTTON, BTN_LEFT, 1);
    CHECK_REPORT(&f, 4, 1, 0, 0, 0);
    end(&f);
}

static void
test_descriptors(void)
{
    Fixture f;
    const guint8 *d;

    begin(&f, "tablet");
    d = fake_ram(f.r.vm) + XR_DATA;
    CU_ASSERT_EQUAL(xr_control(&f.r, USB_GET_DESCRIPTOR, 0x100, 0, 64),
                    CC_SUCCESS);
    CU_ASSERT_EQUAL(d[0], 18);
    CU_ASSERT_EQUAL(xr_control(&f.r, USB_GET_DESCRIPTOR, 0x200, 0, 255),
                    CC_SUCCESS);
    CU_ASSERT_EQUAL(d[2] | d[3] << 8, 34);
    CU_ASSERT_EQUAL(d[25], 74); /* of the report description */
    CU_ASSERT_EQUAL(xr_control(&f.r, USB_GET_DESCRIPTOR, 0x302, 0x409, 255),
                    CC_SUCCESS);
    CU_ASSERT_EQUAL(memcmp(d, "\x16\x03U\0S\0B\0 \0t\0", 12), 0);
    CU_ASSERT_EQUAL(xr_control(&f.r, 0x8106, 0x2200, 0, 255), CC_SUCCESS);
    CU_ASSERT_EQUAL(d[73], 0xc0);
    CU_ASSERT_EQUAL(xr_control(&f.r, USB_GET_DESCRIPTOR, 0x600, 0, 10),
                    CC_STALL); /* no qualifier: it knows one speed */
    end(&f);
}

static void
test_unplugged_leaves_the_seat(void)
{
    Fixture f;

    begin(&f, "tablet");
    xr_write(&f.r, XR_PORTSC(1), PORT_PP | PORT_PR);
    fake_advance(f.r.vm, 0);
    CU_ASSERT_FALSE(input_has_absolute(f.seat));
    end(&f);
}

CU_MAIN("usb-hid", {"keys_are_reports_with_modifiers", test_keyboard},
        {"too_many_keys_roll_over", test_roll_over},
        {"nothing_is_lost_while_the_guest_is_slow", test_nothing_is_lost},
        {"lights_follow_the_guest", test_leds},
        {"a_tablet_points_absolutely", test_tablet},
        {"a_mouse_moves_in_steps", test_mouse},
        {"the_descriptors_add_up", test_descriptors},
        {"a_reset_gives_the_pointer_back", test_unplugged_leaves_the_seat})
