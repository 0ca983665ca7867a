/* tests/unit/test-hpet.c - the counter, each kind of match and of interrupt,
 * and what becomes of the interval timer and the RTC. */
#include "devices/chipset/hpet.h"

#include <string.h>

#include "devices/legacy/mc146818.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

#define US          G_GINT64_CONSTANT(1000)
#define MS          (1000 * US)
#define TICKS_OF_MS 100000u /* 100 MHz */

#define GEN_CONF    0x10
#define STATUS      0x20
#define COUNTER     0xf0
#define CONF(n)     (0x100 + 0x20 * (n))
#define COMP(n)     (0x108 + 0x20 * (n))
#define FSB(n)      (0x110 + 0x20 * (n))

#define LEVEL       0x0002u
#define ENABLE      0x0004u
#define PERIODIC    0x0008u
#define VALUE_SET   0x0040u
#define BITS_32     0x0100u
#define ROUTE(pin)  ((unsigned) (pin) << 9)
#define BY_FSB      0x4000u

typedef struct {
    FakeVm *vm;
    Device *rtc, *dev;
} Fixture;

static void
setup(Fixture *f)
{
    f->vm = fake_vm_new(0x1000);
    f->rtc = device_new(&mc146818_class, "rtc");
    fake_vm_realize(f->vm, f->rtc);
    f->dev = device_new(&hpet_class, "hpet");
    device_set_link(f->dev, "rtc", f->rtc);
    fake_vm_realize(f->vm, f->dev);
    fake_advance(f->vm, 3 * MS); /* not all times are zero */
}

static void
teardown(Fixture *f)
{
    device_free(f->dev);
    device_free(f->rtc);
    fake_vm_free(f->vm);
}

static guint64
get(Fixture *f, unsigned reg)
{
    return fake_mmio_read(f->vm, HPET_BASE + reg, 8);
}

static void
set(Fixture *f, unsigned reg, guint64 value)
{
    fake_mmio_write(f->vm, HPET_BASE + reg, value, 8);
}

static void
set_low(Fixture *f, unsigned reg, guint32 value)
{
    fake_mmio_write(f->vm, HPET_BASE + reg, value, 4);
}

static void
test_capabilities(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(get(&f, 0), G_GUINT64_CONSTANT(0x009896808086a201));
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, HPET_BASE + 4, 4), 10000000); /* fs */
    set(&f, 0, 0);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, HPET_BASE, 4), 0x8086a201);
    /* periodic, 64 bits, FSB; inputs 20 to 23 */
    CU_ASSERT_EQUAL(get(&f, CONF(0)) & ~G_GUINT64_CONSTANT(0x3e00),
                    G_GUINT64_CONSTANT(0x00f0000000008030));
    CU_ASSERT_EQUAL(get(&f, CONF(3)), 0); /* there are three */
    teardown(&f);
}

static void
test_counter(void)
{
    Fixture f;

    setup(&f);
    fake_advance(f.vm, MS);
    CU_ASSERT_EQUAL(get(&f, COUNTER), 0);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, MS);
    CU_ASSERT_EQUAL(get(&f, COUNTER), TICKS_OF_MS);
    set(&f, GEN_CONF, 0);
    fake_advance(f.vm, MS);
    CU_ASSERT_EQUAL(get(&f, COUNTER), TICKS_OF_MS);
    set(&f, COUNTER, G_GUINT64_CONSTANT(0x1fffffff0));
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, 32 * 10);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, HPET_BASE + COUNTER, 4), 0x10);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, HPET_BASE + COUNTER + 4, 4), 2);
    teardown(&f);
}

static void
test_one_shot(void)
{
    Fixture f;

    setup(&f);
    set(&f, CONF(2), ENABLE | ROUTE(21));
    set(&f, COMP(2), TICKS_OF_MS);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, MS - 10);
    CU_ASSERT_EQUAL(f.vm->rises[21], 0);
    fake_advance(f.vm, 10);
    CU_ASSERT_EQUAL(f.vm->rises[21], 1);
    CU_ASSERT_FALSE(f.vm->level[21]);
    CU_ASSERT_EQUAL(get(&f, STATUS), 0); /* an edge leaves none */
    fake_advance(f.vm, 100 * MS);
    CU_ASSERT_EQUAL(f.vm->rises[21], 1);
    teardown(&f);
}

static void
test_level(void)
{
    Fixture f;

    setup(&f);
    set(&f, CONF(1), LEVEL | ENABLE | ROUTE(23));
    set(&f, COMP(1), TICKS_OF_MS);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, MS);
    CU_ASSERT_TRUE(f.vm->level[23]);
    CU_ASSERT_EQUAL(get(&f, STATUS), 2);
    set(&f, STATUS, 5); /* other timers' */
    CU_ASSERT_TRUE(f.vm->level[23]);
    set(&f, STATUS, 2);
    CU_ASSERT_FALSE(f.vm->level[23]);
    teardown(&f);
}

/* As Linux does: the value behind VALUE_SET, then the period. */
static void
test_periodic(void)
{
    Fixture f;

    setup(&f);
    set_low(&f, CONF(0), ENABLE | PERIODIC | VALUE_SET | BITS_32 | ROUTE(20));
    set_low(&f, COMP(0), 5 * TICKS_OF_MS);
    CU_ASSERT_EQUAL(get(&f, CONF(0)) & VALUE_SET, 0);
    set_low(&f, COMP(0), TICKS_OF_MS);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, 5 * MS - 10);
    CU_ASSERT_EQUAL(f.vm->rises[20], 0);
    fake_advance(f.vm, 10);
    CU_ASSERT_EQUAL(f.vm->rises[20], 1);
    fake_advance(f.vm, 10 * MS);
    CU_ASSERT_EQUAL(f.vm->rises[20], 11);
    CU_ASSERT_EQUAL(get(&f, COMP(0)), 16 * TICKS_OF_MS);
    teardown(&f);
}

static void
test_upper_half(void)
{
    Fixture f;

    setup(&f);
    set(&f, COUNTER, G_GUINT64_CONSTANT(0x300000000));
    set(&f, CONF(0), ENABLE | PERIODIC | VALUE_SET | ROUTE(20));
    set_low(&f, COMP(0), TICKS_OF_MS);
    set_low(&f, COMP(0) + 4, 3);
    set_low(&f, COMP(0), 2 * TICKS_OF_MS);
    set_low(&f, COMP(0) + 4, 0);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, 5 * MS);
    CU_ASSERT_EQUAL(f.vm->rises[20], 3); /* after 1, 3 and 5 ms */
    teardown(&f);
}

static void
test_32_bits_again(void)
{
    Fixture f;

    setup(&f);
    set(&f, CONF(0), ENABLE | BITS_32 | ROUTE(20));
    set(&f, COMP(0), G_GUINT64_CONSTANT(0x700000064)); /* 1 us */
    CU_ASSERT_EQUAL(get(&f, COMP(0)), 100);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, US);
    CU_ASSERT_EQUAL(f.vm->rises[20], 1);
    fake_advance(f.vm, G_GINT64_CONSTANT(42949672960) - 10); /* 2^32 ticks */
    CU_ASSERT_EQUAL(f.vm->rises[20], 1);
    fake_advance(f.vm, 10);
    CU_ASSERT_EQUAL(f.vm->rises[20], 2);
    teardown(&f);
}

static void
test_past(void)
{
    Fixture f;

    setup(&f);
    set(&f, COUNTER, 1000);
    set(&f, CONF(0), ENABLE | ROUTE(20));
    set(&f, COMP(0), 999);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, 100000 * MS);
    CU_ASSERT_EQUAL(f.vm->rises[20], 0);
    teardown(&f);
}

static void
test_message(void)
{
    Fixture f;

    setup(&f);
    set(&f, FSB(2), G_GUINT64_CONSTANT(0xfee0100000000041));
    set(&f, CONF(2), ENABLE | BY_FSB | ROUTE(20));
    set(&f, COMP(2), TICKS_OF_MS);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, MS);
    CU_ASSERT_EQUAL(f.vm->msis, 1);
    CU_ASSERT_EQUAL(f.vm->last_msi_address, 0xfee01000);
    CU_ASSERT_EQUAL(f.vm->last_msi_data, 0x41);
    CU_ASSERT_EQUAL(f.vm->rises[20], 0);
    teardown(&f);
}

static void
test_legacy(void)
{
    Fixture f;

    setup(&f);
    set(&f, CONF(0), ENABLE | ROUTE(20));
    set(&f, COMP(0), TICKS_OF_MS);
    set(&f, CONF(1), ENABLE | ROUTE(20));
    set(&f, COMP(1), 2 * TICKS_OF_MS);
    set(&f, CONF(2), ENABLE | ROUTE(22));
    set(&f, COMP(2), 3 * TICKS_OF_MS);
    set(&f, GEN_CONF, 2);
    CU_ASSERT_FALSE(f.vm->timer_muted); /* it is not enabled yet */
    set(&f, GEN_CONF, 3);
    CU_ASSERT_TRUE(f.vm->timer_muted);
    fake_advance(f.vm, 3 * MS);
    CU_ASSERT_EQUAL(f.vm->rises[0], 1);
    CU_ASSERT_EQUAL(f.vm->rises[8], 1);
    CU_ASSERT_EQUAL(f.vm->rises[20], 0);
    CU_ASSERT_EQUAL(f.vm->rises[22], 1);
    set(&f, GEN_CONF, 1);
    CU_ASSERT_FALSE(f.vm->timer_muted);
    teardown(&f);
}

static void
test_rtc_is_silent(void)
{
    Fixture f;

    setup(&f);
    set(&f, GEN_CONF, 3);
    fake_out8(f.vm, 0x70, 0x0b);
    fake_out8(f.vm, 0x71, 0x42); /* periodic interrupt, 24 h */
    fake_advance(f.vm, 10 * MS);
    CU_ASSERT_EQUAL(f.vm->rises[8], 0);
    fake_out8(f.vm, 0x70, 0x0c);
    (void) fake_in8(f.vm, 0x71);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, 10 * MS);
    CU_ASSERT_EQUAL(f.vm->rises[8], 1);
    teardown(&f);
}

static void
test_no_storm(void)
{
    Fixture f;

    setup(&f);
    set(&f, CONF(0), ENABLE | PERIODIC | VALUE_SET | ROUTE(20));
    set(&f, COMP(0), 1);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, 10 * MS);
    CU_ASSERT_TRUE(f.vm->rises[20] >= 99 && f.vm->rises[20] <= 101);
    teardown(&f);
}

static void
test_no_period(void)
{
    Fixture f;

    setup(&f);
    set(&f, CONF(0), ENABLE | PERIODIC | ROUTE(20));
    set(&f, COMP(0), 0);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, 10 * MS);
    CU_ASSERT_TRUE(f.vm->rises[20] <= 1);
    teardown(&f);
}

/* Linux leaves the period set. What is saved shows whether anybody looked. */
static void
test_switched_off(void)
{
    Fixture f;
    g_autoptr(GByteArray) before = g_byte_array_new();
    g_autoptr(GByteArray) after = g_byte_array_new();

    setup(&f);
    set_low(&f, CONF(0), ENABLE | PERIODIC | VALUE_SET | BITS_32 | ROUTE(20));
    set_low(&f, COMP(0), TICKS_OF_MS);
    set_low(&f, COMP(0), TICKS_OF_MS);
    set(&f, GEN_CONF, 1);
    fake_advance(f.vm, MS);
    CU_ASSERT_EQUAL(f.vm->rises[20], 1);
    set_low(&f, CONF(0), PERIODIC | BITS_32 | ROUTE(20));
    device_save(f.dev, before);
    fake_advance(f.vm, 10 * MS + MS / 2);
    device_save(f.dev, after);
    CU_ASSERT_EQUAL_FATAL(before->len, after->len);
    CU_ASSERT_EQUAL(memcmp(before->data, after->data, before->len), 0);
    CU_ASSERT_EQUAL(get(&f, COMP(0)), 12 * TICKS_OF_MS);
    CU_ASSERT_EQUAL(f.vm->rises[20], 1);
    set_low(&f, CONF(0), ENABLE | PERIODIC | BITS_32 | ROUTE(20));
    fake_advance(f.vm, MS / 2);
    CU_ASSERT_EQUAL(f.vm->rises[20], 2);
    teardown(&f);
}

static void
test_restored(void)
{
    Fixture f;
    g_autoptr(GByteArray) saved = g_byte_array_new();

    setup(&f);
    set_low(&f, CONF(0), ENABLE | PERIODIC | VALUE_SET | BITS_32);
    set_low(&f, COMP(0), 2 * TICKS_OF_MS);
    set_low(&f, COMP(0), TICKS_OF_MS);
    set(&f, GEN_CONF, 3);
    fake_advance(f.vm, 3 * MS / 2);
    device_save(f.dev, saved);
    device_reset(f.dev, RESET_COLD);
    CU_ASSERT_FALSE(f.vm->timer_muted);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(f.dev, bytes, NULL));
    CU_ASSERT_TRUE(f.vm->timer_muted);
    CU_ASSERT_EQUAL(f.vm->rises[0], 0);
    fake_advance(f.vm, MS / 2);
    CU_ASSERT_EQUAL(f.vm->rises[0], 1);
    CU_ASSERT_EQUAL(get(&f, COUNTER), 2 * TICKS_OF_MS);
    teardown(&f);
}

CU_MAIN("hpet", {"it_has_three_timers_of_64_bits", test_capabilities},
        {"the_counter_counts_while_it_is_enabled", test_counter},
        {"a_one_shot_comes_once_as_an_edge", test_one_shot},
        {"a_level_stays_until_its_status_is_written", test_level},
        {"a_period_begins_at_the_value_that_was_set", test_periodic},
        {"value_and_period_may_come_in_halves", test_upper_half},
        {"a_timer_of_32_bits_matches_after_each_wrap", test_32_bits_again},
        {"what_is_past_does_not_match", test_past},
        {"a_message_goes_where_the_route_says", test_message},
        {"legacy_replacement_takes_irqs_0_and_8", test_legacy},
        {"the_rtc_is_silent_meanwhile", test_rtc_is_silent},
        {"a_period_of_a_tick_is_no_storm", test_no_storm},
        {"a_period_of_nothing_ends", test_no_period},
        {"a_timer_that_is_off_wakes_nobody", test_switched_off},
        {"a_restored_timer_goes_on", test_restored})
