/* tests/fuzz/fuzz-virtio-console.c - any mix of control messages, buffers,
 * input from the host, emergency writes and damaged rings; nothing is ever out,
 * and after a reset the console writes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/virtio-rig.h"
#include "vmm/char/char.h"

#define MAX_STEPS 64u
#define QUEUES    6u

extern const DeviceClass virtio_console_class;

static VirtioRig rig;
static CharLink *chr[2];

static void
init(void)
{
    virtio_rig_init(&rig, VR_PCI);
    Device *dev = device_new(&virtio_console_class, "console");
    for (unsigned i = 0; i < 2; i++)
        chr[i] = char_open("null", NULL, rig.vm->env.loop, NULL);
    device_set_link(dev, "chr0", chr[0]);
    device_set_link(dev, "chr1", chr[1]);
    device_set_string(dev, "name1", "org.fuzz", NULL);
    virtio_rig_add_device(&rig, dev);
}

static void
add(unsigned queue, const VrBuf *bufs, unsigned n)
{
    virtio_rig_add(&rig, queue, bufs, n);
    virtio_rig_kick(&rig, queue);
}

/* Six bytes. */
static void
step(const uint8_t *d)
{
    static const guint32 lens[] = {1, 7, 8, 12, 64, 300, 5000, 40000};
    const VrBuf bufs[] = {
        {VR_DATA + 0x1000u * (d[1] & 15), lens[d[2] & 7], (d[3] & 1) != 0},
        {VR_DATA + 0x20000, lens[d[2] >> 3 & 7], (d[3] & 3) != 0}};
    const VrBuf message = {VR_DATA, 8, false};

    switch (d[0] % 6) {
    case 0:
        vr_put32(&rig, VR_DATA, d[1] == 255 ? G_MAXUINT32 : d[1] & 7u);
        vr_put16(&rig, VR_DATA + 4, d[2] & 15);
        vr_put16(&rig, VR_DATA + 6, d[3] & 1);
        add(3, &message, 1);
        break;
    case 1: add(d[4] % QUEUES, bufs, 1u + (d[3] >> 7)); break;
    case 2:
        char_inject(chr[d[1] & 1], d + 2, 4);
        fake_advance(rig.vm, 0);
        break;
    case 3:
        fake_mmio_write(rig.vm, VR_CONFIG + d[1] % 16, d[2], 1u << (d[3] & 1));
        (void) virtio_rig_config(&rig, d[4] & 7, 4);
        break;
    case 4:
        vr_put16(&rig,
                 VR_RINGS + (d[1] & 63) * 0x1000u % 0x30000u + (d[2] & 0xfeu),
                 (guint16) (d[3] | d[4] << 8));
        break;
    default:
        virtio_rig_start(&rig, d[1] & 1 ? G_MAXUINT64 : ~VIRTIO_F_RING_PACKED,
                         QUEUES);
        break;
    }
}

static void
check_console_writes(void)
{
    const VrBuf buf = {VR_DATA, 16, false};

    virtio_rig_start(&rig, ~VIRTIO_BIT(1), 2);
    memcpy(fake_ram(rig.vm) + VR_DATA, "sixteen letters!", 16);
    virtio_rig_add(&rig, 1, &buf, 1);
    if (virtio_rig_finish(&rig, 1) != 0)
        abort();
    g_autoptr(GBytes) got = char_scrollback(chr[0]);
    gsize len;
    const char *text = g_bytes_get_data(got, &len);
    if (len < 16 || memcmp(text + len - 16, "sixteen letters!", 16) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (chr[0] == NULL)
        init();
    virtio_rig_start(&rig, ~VIRTIO_F_RING_PACKED, QUEUES);
    for (unsigned n = 0; n < MAX_STEPS && 6 * n + 6 <= size; n++)
        step(data + 6 * n);
    if (!device_is_quiet(rig.dev))
        abort();
    check_console_writes();
    return 0;
}
