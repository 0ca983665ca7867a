/* tests/unit/test-i8042.c - the keyboard controller itself. */
#include "tests/unit/i8042-rig.h"

static guint8
answer(Rig *r, guint8 command)
{
    rig_command(r, command);
    return fake_in8(r->vm, 0x60);
}

static void
test_post(void)
{
    Rig r;

    rig_init(&r);
    CU_ASSERT_EQUAL(fake_in8(r.vm, 0x64) & 0x05, 0);
    CU_ASSERT_EQUAL(answer(&r, 0xaa), 0x55);
    CU_ASSERT_EQUAL(fake_in8(r.vm, 0x64) & 0x04, 0x04);
    CU_ASSERT_EQUAL(answer(&r, 0xab), 0x00);
    CU_ASSERT_EQUAL(answer(&r, 0xa9), 0x00);
    CU_ASSERT_EQUAL(answer(&r, 0xa4), 0xf1);
    CU_ASSERT_EQUAL(answer(&r, 0xc0) & 0x80, 0x80);
    rig_done(&r);
}

static void
test_ram(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, 0x61);
    CU_ASSERT_EQUAL(answer(&r, 0x20), 0x61);
    rig_command(&r, 0x7f);
    fake_out8(r.vm, 0x60, 0xbe);
    CU_ASSERT_EQUAL(answer(&r, 0x3f), 0xbe);
    rig_done(&r);
}

static void
test_firmware_sequence(void)
{
    Rig r;

    rig_init(&r);
    rig_command(&r, 0xad);
    rig_command(&r, 0xa7);
    CU_ASSERT_EQUAL(answer(&r, 0xaa), 0x55);
    CU_ASSERT_EQUAL(answer(&r, 0xab), 0x00);
    rig_to_kbd(&r, 0xff);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fa aa");
    rig_to_kbd(&r, 0xf5);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fa");
    rig_to_kbd(&r, 0xf0);
    rig_to_kbd(&r, 0x02);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fa fa");
    rig_to_kbd(&r, 0xf4);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fa");
    rig_done(&r);
}

static void
test_one_byte_one_interrupt(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, 0x41);
    rig_key(&r, KEY_A);
    CU_ASSERT_TRUE(r.vm->level[1]);
    CU_ASSERT_EQUAL(fake_in8(r.vm, 0x60), 0x1e);
    CU_ASSERT_FALSE(r.vm->level[1]);
    CU_ASSERT_EQUAL(fake_in8(r.vm, 0x64) & 1, 0); /* not at once */
    fake_advance(r.vm, 300000);
    CU_ASSERT_TRUE(r.vm->level[1]);
    CU_ASSERT_EQUAL(fake_in8(r.vm, 0x60), 0x9e);
    CU_ASSERT_EQUAL(r.vm->rises[1], 2);
    CU_ASSERT_FALSE(r.vm->level[12]);
    rig_done(&r);
}

static void
test_interface_off(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, 0x51); /* keyboard clock held */
    rig_key(&r, KEY_A);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "");
    rig_command(&r, 0xae);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "1e 9e");
    rig_done(&r);
}

static void
test_loop_bytes(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, 0x43);
    rig_command(&r, 0xd3);
    fake_out8(r.vm, 0x60, 0xa5);
    CU_ASSERT_EQUAL(fake_in8(r.vm, 0x64) & 0x21, 0x21);
    CU_ASSERT_TRUE(r.vm->level[12]);
    CU_ASSERT_EQUAL(fake_in8(r.vm, 0x60), 0xa5);
    rig_command(&r, 0xd2);
    fake_out8(r.vm, 0x60, 0x1c); /* not translated */
    CU_ASSERT_EQUAL(fake_in8(r.vm, 0x64) & 0x21, 0x01);
    CU_ASSERT_TRUE(r.vm->level[1]);
    CU_ASSERT_EQUAL(fake_in8(r.vm, 0x60), 0x1c);
    rig_done(&r);
}

static void
test_a20(void)
{
    Rig r;

    rig_init(&r);
    rig_command(&r, 0xd1);
    fake_out8(r.vm, 0x60, 0xdd); /* A20 off */
    CU_ASSERT_EQUAL(answer(&r, 0xd0) & 0x03, 0x01);
    rig_command(&r, 0xdf);
    CU_ASSERT_EQUAL(answer(&r, 0xd0) & 0x03, 0x03);
    CU_ASSERT_EQUAL(r.vm->requests, 0);
    rig_done(&r);
}

static void
test_reset_pulse(void)
{
    Rig r;

    rig_init(&r);
    rig_command(&r, 0xff); /* pulses nothing */
    CU_ASSERT_EQUAL(r.vm->requests, 0);
    rig_command(&r, 0xfe);
    CU_ASSERT_EQUAL(r.vm->requests, 1);
    CU_ASSERT_EQUAL(r.vm->last_request, MACHINE_RESET_WARM);
    rig_command(&r, 0xd1);
    fake_out8(r.vm, 0x60, 0xfe);
    CU_ASSERT_EQUAL(r.vm->requests, 2);
    rig_done(&r);
}

static void
test_restore_midway(void)
{
    Rig r;
    g_autoptr(GByteArray) saved = g_byte_array_new();

    rig_init(&r);
    rig_mode(&r, 0x41);
    rig_key(&r, KEY_A);
    rig_key(&r, KEY_B);
    (void) fake_in8(r.vm, 0x60);
    device_save(r.dev, saved);
    device_reset(r.dev, RESET_COLD);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "");
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(r.dev, bytes, NULL));
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "9e 30 b0");
    rig_done(&r);
}

static void
test_no_seat(void)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *dev = device_new(device_class_find("i8042"), "kbc");

    fake_vm_realize(vm, dev);
    fake_out8(vm, 0x64, 0xaa);
    CU_ASSERT_EQUAL(fake_in8(vm, 0x60), 0x55);
    device_free(dev);
    fake_vm_free(vm);
}

CU_MAIN("i8042", {"self_tests_answer", test_post},
        {"ram_and_command_byte", test_ram},
        {"firmware_start_sequence", test_firmware_sequence},
        {"each_byte_has_its_interrupt", test_one_byte_one_interrupt},
        {"held_interface_keeps_bytes", test_interface_off},
        {"loop_bytes_come_back", test_loop_bytes}, {"a20_reads_back", test_a20},
        {"reset_pulse_asks_the_machine", test_reset_pulse},
        {"restore_continues_midway", test_restore_midway},
        {"works_without_a_seat", test_no_seat})
