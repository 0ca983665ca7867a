/* share/bench-guest/exits.c - "exit KIND COUNT": ways to leave the guest. */
#include "share/bench-guest/guest.h"
#include "share/bench-guest/virtio-blk.h"

#define SCRATCH   0x3ff /* of COM1 */
#define LSR       0x3fd
#define NOTHING   0xe0
#define MMIO_HOLE 0x90000000u

#define REPEAT(count, statement)                                               \
    for (u32 i_ = (count); i_ > 0; i_--)                                       \
    statement

static void
cpuid_kernel(u32 count)
{
    u32 a, b, c, d;

    REPEAT(count, {
        a = 0;
        c = 0;
        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    });
}

static void
port_nothing(u32 count)
{
    REPEAT(count, outb(NOTHING, 0));
}

static void
port_write(u32 count)
{
    REPEAT(count, outb(SCRATCH, 0));
}

static void
port_read(u32 count)
{
    REPEAT(count, (void) inb(LSR));
}

static void
mmio_nothing(u32 count)
{
    REPEAT(count, REG32(MMIO_HOLE) = 0);
}

static void
mmio_read(u32 count)
{
    VirtioDev *dev = virtio_blk_device(0);

    REPEAT(dev == NULL ? 0 : count, (void) virtio_status(dev));
}

static void
doorbell(u32 count)
{
    Virtq *q = virtio_blk_queue(0);

    REPEAT(q == NULL ? 0 : count, virtq_ring_doorbell(q));
}

static void
serial_byte(u32 count)
{
    REPEAT(count, serial_put('.'));
}

static const struct {
    const char *name;
    void (*run)(u32 count);
    bool needs_device;
} kinds[] = {
    {"cpuid", cpuid_kernel, false},
    {"port-nothing", port_nothing, false},
    {"port-write", port_write, false},
    {"port-read", port_read, false},
    {"mmio-nothing", mmio_nothing, false},
    {"mmio-read", mmio_read, true},
    {"doorbell", doorbell, true},
    {"serial", serial_byte, false},
};

const char *
command_exit(const Args *args)
{
    for (u32 i = 0; i < COUNT(kinds); i++) {
        if (!text_is(kinds[i].name, args_word(args, 1)))
            continue;
        if (kinds[i].needs_device && virtio_blk_device(0) == NULL)
            return "no virtio device";
        mark_begin();
        kinds[i].run(args_number(args, 2));
        mark_end();
        return NULL;
    }
    return "no such exit";
}
