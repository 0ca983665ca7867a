/* tests/unit/test-mc146818.c - clock, alarm, periodic interrupt, CMOS. */
#include "devices/legacy/mc146818.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

#define S G_GINT64_CONSTANT(1000000000)

/* 1999-12-31 23:59:50 UTC, a Friday */
#define BASE_TIME 946684790

typedef struct {
    FakeVm *vm;
    Device *dev;
} Fixture;

static void
setup(Fixture *f)
{
    f->vm = fake_vm_new(0x1000);
    f->dev = device_new(&mc146818_class, "rtc");
    device_set_u64(f->dev, "base-time", BASE_TIME, NULL);
    rtc_set_cmos(f->dev, 0x10, 0x40);
    rtc_set_cmos(f->dev, 0x0f, 0x00);
    fake_vm_realize(f->vm, f->dev);
    fake_advance(f->vm, S / 10);
}

static void
teardown(Fixture *f)
{
    device_free(f->dev);
    fake_vm_free(f->vm);
}

static guint8
get(Fixture *f, guint8 index)
{
    fake_out8(f->vm, 0x70, index);
    return fake_in8(f->vm, 0x71);
}

static void
set(Fixture *f, guint8 index, guint8 value)
{
    fake_out8(f->vm, 0x70, index);
    fake_out8(f->vm, 0x71, value);
}

static void
test_bcd_date(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(get(&f, 0x00), 0x50);
    CU_ASSERT_EQUAL(get(&f, 0x02), 0x59);
    CU_ASSERT_EQUAL(get(&f, 0x04), 0x23);
    CU_ASSERT_EQUAL(get(&f, 0x06), 6);
    CU_ASSERT_EQUAL(get(&f, 0x07), 0x31);
    CU_ASSERT_EQUAL(get(&f, 0x08), 0x12);
    CU_ASSERT_EQUAL(get(&f, 0x09), 0x99);
    CU_ASSERT_EQUAL(get(&f, 0x32), 0x19);
    teardown(&f);
}

static void
test_century_turns(void)
{
    Fixture f;

    setup(&f);
    fake_advance(f.vm, 12 * S);
    CU_ASSERT_EQUAL(get(&f, 0x00), 0x02);
    CU_ASSERT_EQUAL(get(&f, 0x07), 0x01);
    CU_ASSERT_EQUAL(get(&f, 0x08), 0x01);
    CU_ASSERT_EQUAL(get(&f, 0x09), 0x00);
    CU_ASSERT_EQUAL(get(&f, 0x32), 0x20);
    CU_ASSERT_EQUAL(get(&f, 0x06), 7);
    teardown(&f);
}

static void
test_binary_and_12h(void)
{
    Fixture f;

    setup(&f);
    set(&f, 0x0b, 0x04); /* binary, 12 hours */
    CU_ASSERT_EQUAL(get(&f, 0x00), 50);
    CU_ASSERT_EQUAL(get(&f, 0x04), 0x80 | 11);
    set(&f, 0x0b, 0x00); /* BCD, 12 hours */
    CU_ASSERT_EQUAL(get(&f, 0x04), 0x80 | 0x11);
    fake_advance(f.vm, 20 * S);
    CU_ASSERT_EQUAL(get(&f, 0x04), 0x12); /* 12 AM is midnight */
    teardown(&f);
}

static void
test_set_time(void)
{
    Fixture f;

    setup(&f);
    set(&f, 0x0b, 0x82); /* SET: the registers stand still */
    set(&f, 0x00, 0x15);
    set(&f, 0x02, 0x30);
    set(&f, 0x04, 0x08);
    set(&f, 0x07, 0x29);
    set(&f, 0x08, 0x02);
    set(&f, 0x09, 0x96);
    fake_advance(f.vm, 5 * S);
    CU_ASSERT_EQUAL(get(&f, 0x00), 0x15);
    set(&f, 0x0b, 0x02);
    fake_advance(f.vm, 24 * 3600 * S);
    CU_ASSERT_EQUAL(get(&f, 0x00), 0x15);
    CU_ASSERT_EQUAL(get(&f, 0x04), 0x08);
    CU_ASSERT_EQUAL(get(&f, 0x07), 0x01); /* 1996 was a leap year */
    CU_ASSERT_EQUAL(get(&f, 0x08), 0x03);
    CU_ASSERT_EQUAL(get(&f, 0x09), 0x96);
    teardown(&f);
}

static void
test_time_survives_reset(void)
{
    Fixture f;

    setup(&f);
    set(&f, 0x09, 0x85);
    device_reset(f.dev, RESET_COLD);
    CU_ASSERT_EQUAL(get(&f, 0x09), 0x85);
    teardown(&f);
}

static void
test_nonsense_time(void)
{
    Fixture f;

    setup(&f);
    set(&f, 0x0b, 0x86);
    for (guint8 i = 0; i < 10; i++)
        set(&f, i, 0xff);
    set(&f, 0x32, 0xff);
    set(&f, 0x0b, 0x06);
    CU_ASSERT_EQUAL(get(&f, 0x02), 59);
    CU_ASSERT_EQUAL(get(&f, 0x08), 12);
    CU_ASSERT_EQUAL(get(&f, 0x32), 99); /* or the state would not restore */
    teardown(&f);
}

static void
test_uip(void)
{
    Fixture f;

    setup(&f); /* 0.1 s into the second */
    CU_ASSERT_EQUAL(get(&f, 0x0a), 0x26);
    fake_advance(f.vm, 9 * S / 10 - 300000); /* 300 us before the tick */
    CU_ASSERT_EQUAL(get(&f, 0x0a), 0xa6);
    fake_advance(f.vm, 400000);
    CU_ASSERT_EQUAL(get(&f, 0x0a), 0x26);
    teardown(&f);
}

static void
test_periodic(void)
{
    Fixture f;

    setup(&f);
    get(&f, 0x0c);
    set(&f, 0x0b, 0x42); /* PIE, 1024 Hz */
    fake_advance(f.vm, 990000);
    CU_ASSERT_TRUE(f.vm->level[8]);
    CU_ASSERT_EQUAL(get(&f, 0x0c), 0xc0);
    CU_ASSERT_FALSE(f.vm->level[8]);
    for (unsigned i = 0; i < 100; i++) {
        fake_advance(f.vm, 980000);
        get(&f, 0x0c);
    }
    CU_ASSERT_EQUAL(f.vm->rises[8], 101);
    teardown(&f);
}

static void
test_update_interrupt(void)
{
    Fixture f;

    setup(&f);
    get(&f, 0x0c);
    set(&f, 0x0b, 0x12);
    fake_advance(f.vm, S / 2);
    CU_ASSERT_FALSE(f.vm->level[8]);
    fake_advance(f.vm, S / 2);
    CU_ASSERT_TRUE(f.vm->level[8]);
    CU_ASSERT_EQUAL(get(&f, 0x0c) & 0x90, 0x90);
    CU_ASSERT_FALSE(f.vm->level[8]);
    teardown(&f);
}

static void
test_alarm(void)
{
    Fixture f;

    setup(&f);
    set(&f, 0x01, 0x55);
    set(&f, 0x03, 0xff); /* any minute */
    set(&f, 0x05, 0xc0); /* any hour */
    get(&f, 0x0c);
    set(&f, 0x0b, 0x22);
    fake_advance(f.vm, 4 * S);
    CU_ASSERT_FALSE(f.vm->level[8]);
    fake_advance(f.vm, S);
    CU_ASSERT_TRUE(f.vm->level[8]);
    CU_ASSERT_EQUAL(get(&f, 0x0c) & 0xa0, 0xa0);
    teardown(&f);
}

static void
test_idle_clock(void)
{
    Fixture f;

    setup(&f);
    (void) get(&f, 0x0c);
    fake_advance(f.vm, 3 * S);
    /* flags rise without an enable, as on the chip */
    CU_ASSERT_EQUAL(get(&f, 0x0c) & 0x50, 0x50);
    CU_ASSERT_EQUAL(f.vm->rises[8], 0);
    teardown(&f);
}

static void
test_cmos(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(get(&f, 0x10), 0x40);
    CU_ASSERT_EQUAL(get(&f, 0x0d), 0x80);
    set(&f, 0x0f, 0x0a);
    set(&f, 0x10, 0x11);
    device_reset(f.dev, RESET_WARM); /* software left its way back here */
    CU_ASSERT_EQUAL(get(&f, 0x0f), 0x0a);
    device_reset(f.dev, RESET_COLD);
    CU_ASSERT_EQUAL(get(&f, 0x0f), 0x00);
    CU_ASSERT_EQUAL(get(&f, 0x10), 0x40);
    teardown(&f);
}

static void
test_extended(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, 0x72, 0x05);
    fake_out8(f.vm, 0x73, 0x99);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x73), 0x99);
    fake_out8(f.vm, 0x70, 0x85); /* bit 7 is the NMI mask, not the index */
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x71), 0x00);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x70), 0xff);
    teardown(&f);
}

static void
count(void *data)
{
    ++*(unsigned *) data;
}

static void
test_hook(void)
{
    Fixture f;
    unsigned calls = 0;

    setup(&f);
    rtc_set_hook(f.dev, count, &calls);
    fake_advance(f.vm, 2 * S);
    CU_ASSERT_EQUAL(calls, 0);
    set(&f, 0x0b, 0x12); /* update interrupt, 24 h */
    fake_advance(f.vm, 3 * S);
    CU_ASSERT_EQUAL(calls, 1); /* nobody acknowledged it */
    teardown(&f);
}

static void
test_wake(void)
{
    Fixture f;

    setup(&f);
    set(&f, 0x0b, 0x12);
    set(&f, 0x40, 0x77);
    fake_advance(f.vm, 2 * S);
    guint rises = f.vm->rises[8];
    device_reset(f.dev, RESET_WAKE);
    CU_ASSERT_EQUAL(get(&f, 0x0f), 0xfe);
    CU_ASSERT_EQUAL(get(&f, 0x40), 0x77);
    CU_ASSERT_EQUAL(get(&f, 0x0b), 0x12);
    CU_ASSERT_EQUAL(f.vm->rises[8], rises + 1); /* the guest hears of it */
    teardown(&f);
}

CU_MAIN("mc146818", {"shows_the_date_in_bcd", test_bcd_date},
        {"year_and_century_turn", test_century_turns},
        {"binary_and_twelve_hour_formats", test_binary_and_12h},
        {"set_time_goes_on_from_there", test_set_time},
        {"time_survives_a_cold_reset", test_time_survives_reset},
        {"nonsense_is_brought_into_range", test_nonsense_time},
        {"uip_precedes_the_update", test_uip},
        {"periodic_interrupt_keeps_its_rate", test_periodic},
        {"update_interrupt_comes_at_the_second", test_update_interrupt},
        {"alarm_knows_any", test_alarm},
        {"flags_rise_without_interrupts", test_idle_clock},
        {"cmos_survives_warm_not_cold", test_cmos},
        {"the_hook_hears_of_an_interrupt_once", test_hook},
        {"waking_from_suspend_leaves_its_code_and_the_alarm", test_wake},
        {"extended_bank_is_apart", test_extended})
