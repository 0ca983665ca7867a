/* tests/fuzz/fuzz-i8237.c - the ISA DMA controllers: any programming, and
 * devices that ask for transfers of any length in between. The buffers are
 * exact, so a byte too many is seen. */
#include "devices/legacy/i8237.h"
#include "tests/fuzz/port-ops.h"

#define CHUNK 32 /* bytes of port accesses between two transfers */

static void
transfer(Device *dma, const uint8_t *op)
{
    unsigned channel = op[0] % I8237_CHANNELS;
    unsigned len = (unsigned) (op[1] | op[2] << 8) + 1;
    I8237Dir dir = op[0] & 0x80 ? I8237_TO_MEMORY : I8237_FROM_MEMORY;
    g_autofree guint8 *buf = g_malloc(len);
    bool tc = false;

    memset(buf, op[3], len);
    i8237_set_dreq(dma, channel, (op[0] & 0x40) != 0);
    bool ready = i8237_is_ready(dma, channel);
    unsigned moved = i8237_transfer(dma, channel, buf, len, dir, &tc);
    if (moved > len || (moved > 0 && !ready))
        g_error("channel %u moved %u of %u bytes", channel, moved, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const guint16 ports[] = {
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,  0x09, 0x0a,
        0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x81, 0x82, 0x83, 0x87,  0x89, 0x8a,
        0x8b, 0x8f, 0xc0, 0xc2, 0xc4, 0xc6, 0xc8, 0xca, 0xcc,  0xce, 0xd0,
        0xd2, 0xd4, 0xd6, 0xd8, 0xda, 0xdc, 0xde, 0x80, 0x48b,
    };
    FakeVm *vm = fake_vm_new(0x40000);
    Device *dma = device_new(&i8237_class, "dma");

    fake_vm_realize(vm, dma);
    fake_out8(vm, 0xd6, 0xc0); /* the cascade, as a BIOS opens it */
    fake_out8(vm, 0xd4, 0x00);
    for (size_t i = 0; i + 4 <= size && i < 256 * CHUNK; i += CHUNK + 4) {
        size_t n = MIN(size - i - 4, CHUNK);
        run_port_ops(vm, ports, G_N_ELEMENTS(ports), data + i + 4, n);
        transfer(dma, data + i);
    }
    check_state(dma);
    device_free(dma);
    fake_vm_free(vm);
    return 0;
}
