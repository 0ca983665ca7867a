/* tests/unit/test-uart16550.c - the serial port, register by register. */
#include <string.h>

#include "devices/registry.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-posted.h"
#include "tests/unit/fake-vm.h"
#include "vmm/char/char.h"

#define PORT 0x3f8
#define IRQ  4

typedef struct {
    FakeVm *vm;
    Device *dev;
    CharLink *chr;
} Fixture;

static void
setup(Fixture *f)
{
    f->vm = fake_vm_new(0x1000);
    f->chr = char_open("null", NULL, f->vm->env.loop, NULL);
    f->dev = device_new(device_class_find("uart16550"), "serial0");
    device_set_link(f->dev, "chr", f->chr);
    fake_vm_realize(f->vm, f->dev);
    fake_out8(f->vm, PORT + 4, 0x0b); /* DTR, RTS, OUT2 */
}

static void
teardown(Fixture *f)
{
    device_free(f->dev);
    char_close(f->chr);
    fake_vm_free(f->vm);
}

static void
type(Fixture *f, const char *text)
{
    char_inject(f->chr, (const guint8 *) text, strlen(text));
    fake_advance(f->vm, 1000);
}

static void
test_reset_values(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 1), 0x00);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 2), 0x01);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 5), 0x60);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 6), 0xb0);
    fake_out8(f.vm, PORT + 7, 0xa5);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 7), 0xa5);
    fake_out8(f.vm, PORT + 1, 0xff); /* only four enables exist */
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 1), 0x0f);
    teardown(&f);
}

static gsize
sent(Fixture *f)
{
    g_autoptr(GBytes) bytes = char_scrollback(f->chr);

    return g_bytes_get_size(bytes);
}

static void
test_gathering(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, PORT, 'a');
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(sent(&f), 1);
    fake_out8(f.vm, PORT, 'b');
    fake_out8(f.vm, PORT, 'c');
    fake_advance(f.vm, 999 * 1000);
    CU_ASSERT_EQUAL(sent(&f), 1);
    fake_advance(f.vm, 1000);
    CU_ASSERT_EQUAL(sent(&f), 3);
    fake_out8(f.vm, PORT, 'd');
    device_unrealize(f.dev);
    CU_ASSERT_EQUAL(sent(&f), 4);
    teardown(&f);
}

/* As a console writes: it asks for room before each byte. */
static void
print(Fixture *f, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++) {
        CU_ASSERT_EQUAL(fake_in8(f->vm, PORT + 5) & 0x20, 0x20);
        fake_out8(f->vm, PORT, 'x');
    }
}

static void
rounds(Fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        fake_advance(f->vm, 1000 * 1000);
}

static void
setup_posted(Fixture *f, FakePosted *posted)
{
    setup(f);
    *posted = (FakePosted){0};
    io_space_set_backend(f->vm->env.ports, &fake_posted_ops, posted);
    rounds(f, 200);
}

static void
test_stream_is_posted(void)
{
    Fixture f;
    FakePosted posted;

    setup_posted(&f, &posted);
    print(&f, 8);
    rounds(&f, 1);
    CU_ASSERT_EQUAL(posted.len, 0); /* a line of a dialogue */
    print(&f, 100);
    rounds(&f, 1);
    CU_ASSERT_EQUAL(posted.len, 1);
    CU_ASSERT_EQUAL(posted.addr, PORT);
    print(&f, 100);
    unsigned before = posted.flushes;
    rounds(&f, 5);
    CU_ASSERT_EQUAL(posted.flushes - before, 5); /* the last byte comes soon */
    rounds(&f, 30);
    CU_ASSERT_EQUAL(posted.len, 0);
    before = posted.flushes;
    rounds(&f, 100);
    CU_ASSERT_EQUAL(posted.flushes, before); /* and nobody is woken */
    CU_ASSERT_EQUAL(sent(&f), 208);
    teardown(&f);
}

/* What the guest writes there then has consequences of its own. */
static void
test_stream_ends(void)
{
    static const struct {
        const char *why;
        guint8 reg, value;
    } rows[] = {
        {"an interrupt when the transmitter is empty", 1, 0x02},
        {"loopback", 4, 0x1b},
        {"the divisor", 3, 0x83},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Fixture f;
        FakePosted posted;
        setup_posted(&f, &posted);
        print(&f, 100);
        rounds(&f, 1);
        CU_ASSERT_EQUAL(posted.len, 1);
        fake_out8(f.vm, PORT + rows[i].reg, rows[i].value);
        if (posted.len != 0)
            CU_FAIL(rows[i].why);
        teardown(&f);
    }
}

static void
test_stream_rests(void)
{
    Fixture f;
    FakePosted posted;

    setup_posted(&f, &posted);
    print(&f, 100);
    rounds(&f, 1);
    fake_out8(f.vm, PORT + 1, 0x02);
    fake_out8(f.vm, PORT + 1, 0x00);
    print(&f, 100);
    rounds(&f, 1);
    CU_ASSERT_EQUAL(posted.len, 0); /* switching is not for nothing */
    rounds(&f, 200);
    print(&f, 100);
    rounds(&f, 1);
    CU_ASSERT_EQUAL(posted.len, 1);
    device_reset(f.dev, RESET_WARM);
    CU_ASSERT_EQUAL(posted.len, 0);
    teardown(&f);
}

static void
test_stream_without_posting(void)
{
    Fixture f;
    FakePosted posted;

    setup_posted(&f, &posted);
    posted.refuses = true;
    print(&f, 100);
    rounds(&f, 2);
    CU_ASSERT_EQUAL(posted.len, 0);
    CU_ASSERT_EQUAL(sent(&f), 100);
    teardown(&f);
}

static void
test_divisor(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, PORT + 3, 0x83);
    fake_out8(f.vm, PORT, 0x34);
    fake_out8(f.vm, PORT + 1, 0x12);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT), 0x34);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 1), 0x12);
    fake_out8(f.vm, PORT + 3, 0x03);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 1), 0x00);
    teardown(&f);
}

static void
test_output(void)
{
    Fixture f;

    setup(&f);
    for (const char *p = "hello"; *p; p++)
        fake_out8(f.vm, PORT, (guint8) *p);
    fake_advance(f.vm, 1000);
    g_autoptr(GBytes) said = char_scrollback(f.chr);
    CU_ASSERT_EQUAL(g_bytes_get_size(said), 5);
    CU_ASSERT_EQUAL(memcmp(g_bytes_get_data(said, NULL), "hello", 5), 0);
    teardown(&f);
}

static void
test_output_is_bounded(void)
{
    Fixture f;

    setup(&f);
    for (unsigned i = 0; i < 5000; i++) /* the loop does not run meanwhile */
        fake_out8(f.vm, PORT, 'x');
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 5) & 0x20, 0); /* busy */
    fake_advance(f.vm, 1000);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 5) & 0x60, 0x60);
    teardown(&f);
}

static void
test_thre_interrupt(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, PORT + 1, 0x02); /* enabling it asks at once */
    CU_ASSERT_TRUE(f.vm->level[IRQ]);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 2), 0x02);
    CU_ASSERT_FALSE(f.vm->level[IRQ]);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 2), 0x01);
    fake_out8(f.vm, PORT, 'x');
    CU_ASSERT_TRUE(f.vm->level[IRQ]);
    teardown(&f);
}

static void
test_out2_gates(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, PORT + 4, 0x03);
    fake_out8(f.vm, PORT + 1, 0x02);
    CU_ASSERT_FALSE(f.vm->level[IRQ]);
    fake_out8(f.vm, PORT + 4, 0x0b);
    CU_ASSERT_TRUE(f.vm->level[IRQ]);
    teardown(&f);
}

static void
test_receive_fifo(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, PORT + 2, 0x81); /* FIFOs on, trigger 8 */
    fake_out8(f.vm, PORT + 1, 0x01);
    type(&f, "abc");
    CU_ASSERT_TRUE(f.vm->level[IRQ]);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 2), 0xcc); /* below the trigger */
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 5) & 1, 1);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT), 'a');
    type(&f, "defghijk");
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 2), 0xc4);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT), 'b');
    teardown(&f);
}

static void
test_receive_waits_outside(void)
{
    Fixture f;
    GString *got = g_string_new(NULL);

    setup(&f);
    fake_out8(f.vm, PORT + 2, 0x01);
    type(&f, "0123456789abcdefghijklmnopqrstuvwxyz");
    for (unsigned i = 0; i < 36; i++) {
        g_string_append_c(got, (char) fake_in8(f.vm, PORT));
        fake_advance(f.vm, 1000);
    }
    CU_ASSERT_STRING_EQUAL(got->str, "0123456789abcdefghijklmnopqrstuvwxyz");
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 5), 0x60); /* no overrun */
    g_string_free(got, TRUE);
    teardown(&f);
}

static void
test_loopback(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, PORT + 4, 0x1a); /* loop, OUT2, RTS */
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 6) & 0xf0, 0x90);
    fake_out8(f.vm, PORT, 0x5a);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 5) & 1, 1);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT), 0x5a);
    fake_advance(f.vm, 1000);
    g_autoptr(GBytes) said = char_scrollback(f.chr);
    CU_ASSERT_EQUAL(g_bytes_get_size(said), 0);
    teardown(&f);
}

static void
test_overrun(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, PORT + 1, 0x04);
    fake_out8(f.vm, PORT + 4, 0x1a);
    fake_out8(f.vm, PORT, 'a');
    fake_out8(f.vm, PORT, 'b'); /* 16450: one byte of room */
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 2), 0x06);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 5) & 0x02, 0x02);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 5) & 0x02, 0x00);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT), 'b');
    teardown(&f);
}

static void
test_modem_delta(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, PORT + 1, 0x08);
    fake_out8(f.vm, PORT + 4, 0x18); /* loop, OUT2: CTS and DSR drop */
    CU_ASSERT_TRUE(f.vm->level[IRQ]);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 2), 0x00);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 6), 0x83);
    CU_ASSERT_FALSE(f.vm->level[IRQ]);
    CU_ASSERT_EQUAL(fake_in8(f.vm, PORT + 6), 0x80);
    teardown(&f);
}

CU_MAIN("uart16550", {"registers_after_reset", test_reset_values},
        {"bytes_in_quick_succession_are_gathered_and_none_is_lost",
         test_gathering},
        {"a_stream_of_polled_bytes_is_posted_and_its_end_fetched",
         test_stream_is_posted},
        {"what_a_byte_may_cause_ends_the_posting", test_stream_ends},
        {"after_such_an_end_it_rests", test_stream_rests},
        {"a_backend_that_cannot_post_is_as_good", test_stream_without_posting},
        {"dlab_shows_the_divisor", test_divisor},
        {"output_reaches_the_link", test_output},
        {"output_without_a_reader_is_bounded", test_output_is_bounded},
        {"thre_interrupt_clears_by_iir", test_thre_interrupt},
        {"out2_gates_the_interrupt", test_out2_gates},
        {"fifo_trigger_and_timeout", test_receive_fifo},
        {"input_waits_while_the_fifo_is_full", test_receive_waits_outside},
        {"loopback_stays_inside", test_loopback},
        {"overrun_is_shown_once", test_overrun},
        {"modem_changes_interrupt", test_modem_delta})
