/* tests/unit/test-input.c - the seat: sources, sinks, releases, waiting. */
#include <linux/input-event-codes.h>
#include <string.h>

#include "tests/unit/cu-main.h"
#include "vmm/input/input.h"
#include "vmm/loop/loop.h"

typedef struct {
    GString *seen; /* "K30+ K30- X5 s" */
    bool full;
} Model;

static bool
model_event(void *dev, const InputEvent *ev)
{
    Model *m = dev;

    if (m->full)
        return false;
    if (ev->type == INPUT_SYNC)
        g_string_append(m->seen, "s ");
    else if (ev->type == INPUT_KEY || ev->type == INPUT_BUTTON)
        g_string_append_printf(m->seen, "K%u%c ", ev->code,
                               ev->value ? '+' : '-');
    else
        g_string_append_printf(m->seen, "%c%d ",
                               ev->type == INPUT_ABS ? 'A' : 'X', ev->value);
    return true;
}

static const InputSinkOps keyboard_ops = {model_event, INPUT_BIT(INPUT_KEY)};
static const InputSinkOps mouse_ops = {
    model_event,
    INPUT_BIT(INPUT_REL) | INPUT_BIT(INPUT_BUTTON) | INPUT_BIT(INPUT_SYNC)};
static const InputSinkOps tablet_ops = {
    model_event, INPUT_BIT(INPUT_ABS) | INPUT_BIT(INPUT_BUTTON)};

typedef struct {
    Loop *loop;
    Input *in;
    Model kbd, mouse, tablet;
} Fixture;

static void
setup(Fixture *f)
{
    memset(f, 0, sizeof *f);
    f->loop = loop_new_manual();
    f->in = input_new(f->loop);
    f->kbd.seen = g_string_new(NULL);
    f->mouse.seen = g_string_new(NULL);
    f->tablet.seen = g_string_new(NULL);
    input_add_sink(f->in, &keyboard_ops, &f->kbd);
    input_add_sink(f->in, &mouse_ops, &f->mouse);
    input_add_sink(f->in, &tablet_ops, &f->tablet);
    input_activate(f->in, &f->kbd, true);
    input_activate(f->in, &f->mouse, true);
}

static void
teardown(Fixture *f)
{
    input_remove_sink(f->in, &f->kbd);
    input_remove_sink(f->in, &f->mouse);
    input_remove_sink(f->in, &f->tablet);
    input_free(f->in);
    loop_free(f->loop);
    g_string_free(f->kbd.seen, TRUE);
    g_string_free(f->mouse.seen, TRUE);
    g_string_free(f->tablet.seen, TRUE);
}

static void
post(Fixture *f, guint source, InputType type, guint16 code, gint32 value)
{
    InputEvent evs[2] = {{type, code, value}, {INPUT_SYNC, 0, 0}};

    input_post(f->in, source, evs, 2);
    loop_advance(f->loop, 0);
}

static void
test_two_viewers(void)
{
    Fixture f;

    setup(&f);
    guint a = input_new_source(f.in), b = input_new_source(f.in);
    post(&f, a, INPUT_KEY, 30, 1);
    post(&f, b, INPUT_KEY, 30, 1);
    post(&f, a, INPUT_KEY, 30, 0);
    CU_ASSERT_STRING_EQUAL(f.kbd.seen->str, "K30+ K30+ ");
    post(&f, b, INPUT_KEY, 30, 0);
    CU_ASSERT_STRING_EQUAL(f.kbd.seen->str, "K30+ K30+ K30- ");
    teardown(&f);
}

static void
test_disconnect(void)
{
    Fixture f;

    setup(&f);
    guint a = input_new_source(f.in), b = input_new_source(f.in);
    post(&f, a, INPUT_KEY, 29, 1);
    post(&f, b, INPUT_KEY, 42, 1);
    post(&f, a, INPUT_BUTTON, BTN_LEFT, 1);
    input_release_all(f.in, a);
    loop_advance(f.loop, 0);
    CU_ASSERT_STRING_EQUAL(f.kbd.seen->str, "K29+ K42+ K29- ");
    CU_ASSERT_STRING_EQUAL(f.mouse.seen->str, "K272+ s K272- s ");
    teardown(&f);
}

static void
test_stray_release(void)
{
    Fixture f;

    setup(&f);
    post(&f, input_new_source(f.in), INPUT_KEY, 30, 0);
    post(&f, 1, INPUT_KEY, 0x7fff, 1);
    post(&f, 1, (InputType) 99, 1, 1);
    CU_ASSERT_STRING_EQUAL(f.kbd.seen->str, "");
    teardown(&f);
}

static void
test_newest_sink(void)
{
    Fixture f;

    setup(&f);
    guint a = input_new_source(f.in);
    CU_ASSERT_FALSE(input_has_absolute(f.in));
    post(&f, a, INPUT_BUTTON, BTN_LEFT, 1);
    input_activate(f.in, &f.tablet, true);
    CU_ASSERT_TRUE(input_has_absolute(f.in));
    post(&f, a, INPUT_BUTTON, BTN_LEFT, 0); /* to who saw it go down */
    post(&f, a, INPUT_BUTTON, BTN_RIGHT, 1);
    post(&f, a, INPUT_REL, REL_X, 7);
    CU_ASSERT_STRING_EQUAL(f.mouse.seen->str, "K272+ s K272- s X7 s ");
    CU_ASSERT_STRING_EQUAL(f.tablet.seen->str, "K273+ ");
    input_activate(f.in, &f.tablet, false);
    CU_ASSERT_FALSE(input_has_absolute(f.in));
    teardown(&f);
}

static void
test_full_sink_waits(void)
{
    Fixture f;

    setup(&f);
    guint a = input_new_source(f.in);
    f.kbd.full = true;
    post(&f, a, INPUT_KEY, 30, 1);
    post(&f, a, INPUT_KEY, 30, 0);
    post(&f, a, INPUT_REL, REL_X, 1); /* the mouse is not held up */
    CU_ASSERT_STRING_EQUAL(f.mouse.seen->str, "X1 s ");
    f.kbd.full = false;
    input_ready(f.in, &f.kbd);
    loop_advance(f.loop, 0);
    CU_ASSERT_STRING_EQUAL(f.kbd.seen->str, "K30+ K30- ");
    teardown(&f);
}

static void
test_motion_merges(void)
{
    Fixture f;

    setup(&f);
    guint a = input_new_source(f.in);
    f.mouse.full = true;
    post(&f, a, INPUT_REL, REL_X, 5);
    post(&f, a, INPUT_REL, REL_X, 6);
    post(&f, a, INPUT_BUTTON, BTN_LEFT, 1);
    post(&f, a, INPUT_REL, REL_X, 7);
    f.mouse.full = false;
    input_ready(f.in, &f.mouse);
    loop_advance(f.loop, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.mouse.seen->str, "X11 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.mouse.seen->str, "K272+ s X7 "));
    teardown(&f);
}

static void
test_flood(void)
{
    Fixture f;

    setup(&f);
    guint a = input_new_source(f.in);
    post(&f, a, INPUT_KEY, 30, 1);
    f.kbd.full = true;
    for (unsigned i = 0; i < 20000; i++)
        post(&f, a, INPUT_KEY, (guint16) (100 + i % 50), 1);
    post(&f, a, INPUT_KEY, 30, 0);
    f.kbd.full = false;
    input_ready(f.in, &f.kbd);
    loop_advance(f.loop, 0);
    CU_ASSERT_TRUE(f.kbd.seen->len < 20000);
    CU_ASSERT_TRUE(g_str_has_suffix(f.kbd.seen->str, "K30- "));
    teardown(&f);
}

static void
test_leds(void)
{
    Fixture f;

    setup(&f);
    input_set_leds(f.in, 5);
    CU_ASSERT_EQUAL(input_leds(f.in), 5);
    teardown(&f);
}

static void
test_removed_sink(void)
{
    Fixture f;

    setup(&f);
    guint a = input_new_source(f.in);
    post(&f, a, INPUT_KEY, 30, 1);
    input_remove_sink(f.in, &f.kbd);
    post(&f, a, INPUT_KEY, 30, 0);
    CU_ASSERT_STRING_EQUAL(f.kbd.seen->str, "K30+ ");
    input_ready(f.in, &f.kbd); /* a job that outlives the seat's owner */
    input_free(g_steal_pointer(&f.in));
    loop_advance(f.loop, 0);
    f.in = input_new(f.loop);
    teardown(&f);
}

static void
count(void *data)
{
    ++*(unsigned *) data;
}

static void
test_key_hook(void)
{
    Fixture f;
    unsigned pressed = 0;

    setup(&f);
    input_set_key_hook(f.in, count, &pressed);
    guint a = input_new_source(f.in);
    f.kbd.full = true; /* it sleeps */
    post(&f, a, INPUT_REL, 0, 5);
    CU_ASSERT_EQUAL(pressed, 0);
    post(&f, a, INPUT_KEY, 30, 1);
    post(&f, a, INPUT_KEY, 30, 0);
    CU_ASSERT_EQUAL(pressed, 1);
    teardown(&f);
}

CU_MAIN("input", {"a_key_goes_up_with_its_last_viewer", test_two_viewers},
        {"disconnect_releases_only_its_own", test_disconnect},
        {"stray_and_unknown_events_are_ignored", test_stray_release},
        {"newest_sink_wins_releases_go_home", test_newest_sink},
        {"full_sink_waits_alone", test_full_sink_waits},
        {"waiting_motion_merges", test_motion_merges},
        {"flood_is_bounded_and_releases_arrive", test_flood},
        {"the_hook_hears_of_keys_that_go_down", test_key_hook},
        {"leds_are_kept", test_leds},
        {"removed_sink_is_not_called", test_removed_sink})
