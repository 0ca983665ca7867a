/* tests/fuzz/fuzz-hpet.c - event timers: any accesses, aligned or not, at any
 * time, beside an RTC that is silenced and heard again. */
#include "devices/chipset/hpet.h"

#include "devices/legacy/mc146818.h"
#include "tests/fuzz/port-ops.h"

#define OP_LEN 8

/* Byte 0: bits 0-1 size, 2 write, 3 time passes, 4-7 its magnitude or where in
 * its dword the value's bytes are; bytes 1-2 the register; 3-6 the value. */
static void
run_op(FakeVm *vm, const uint8_t *op)
{
    static const guint16 places[] = {0x10, 0x20, 0xf0, 0x100, 0x108, 0x110};
    guint64 value = op[3] | op[4] << 8 | op[5] << 16 | (guint64) op[6] << 24;
    guint64 offset = op[7] & 1 ? (op[1] | op[2] << 8) % HPET_LEN
                               : places[op[1] % 6] + op[2] % 3 * 0x20u;
    unsigned size = 1u << (op[0] & 3);

    offset = MIN(offset, HPET_LEN - size);
    if ((op[7] & 2) != 0)
        value |= value << 32;
    if ((op[0] & 8) != 0)
        fake_advance(vm, (gint64) (value & 0xffff) << (op[0] >> 4));
    else if ((op[0] & 4) != 0)
        io_write(vm->env.mmio, HPET_BASE + offset, value, size);
    else
        (void) io_read(vm->env.mmio, HPET_BASE + offset, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *rtc = device_new(&mc146818_class, "rtc");
    Device *dev = device_new(&hpet_class, "hpet");

    fake_vm_realize(vm, rtc);
    device_set_link(dev, "rtc", rtc);
    fake_vm_realize(vm, dev);
    for (size_t i = 0; i + OP_LEN <= size; i += OP_LEN)
        run_op(vm, data + i);
    check_state(dev);
    device_free(dev);
    device_free(rtc);
    fake_vm_free(vm);
    return 0;
}
