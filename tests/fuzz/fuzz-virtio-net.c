/* tests/fuzz/fuzz-virtio-net.c - buffers of any shape and content on all
 * queues of a virtio network card, frames of any content from the cable, and
 * rings that were tampered with. Memory that no buffer names stays as it is,
 * and after a reset the card sends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/virtio-rig.h"
#include "vmm/net/net.h"

#define MAX_STEPS 256u
#define N_QUEUES  3u
#define HDR       12u
#define CANARY    (VR_DATA + 0x200000) /* a page nobody asks to fill */

extern const DeviceClass virtio_net_class;

static VirtioRig rig;
static NetLink *link_;
static int host = -1;

static void
init(void)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0)
        abort();
    virtio_rig_init(&rig, VR_PCI);
    const NetSpec spec = {
        .kind = "socket", .name = "net0", .fds = fds, .n_fds = 1};
    link_ = net_open(&spec, rig.vm->env.loop, NULL);
    host = fds[1];
    if (link_ == NULL)
        abort();
    Device *dev = device_new(&virtio_net_class, "net0");
    device_set_link(dev, "net", link_);
    virtio_rig_add_device(&rig, dev);
    memset(fake_ram(rig.vm) + CANARY, 0xc5, 4096);
}

static void
drain(void)
{
    guint8 waste[64];

    while (recv(host, waste, sizeof waste, MSG_DONTWAIT) >= 0)
        ;
}

/* d: queue, shape, lengths, content. */
static void
buffer(const uint8_t *d)
{
    static const uint32_t lens[] = {12, 1, 10, 60, 1514, 4096, 65565, 2};
    unsigned queue = d[0] % N_QUEUES, n = 1 + (d[1] & 3);
    VrBuf bufs[4];

    for (unsigned i = 0; i < n; i++) {
        guint64 at = VR_DATA + 0x20000 * i;
        bool write =
            queue == 0 ? (d[1] & 4) == 0 : (d[1] & 8) != 0 && i + 1 == n;
        bufs[i] = (VrBuf){at, lens[(d[2] >> (2 * i)) & 7], write};
        memcpy(fake_ram(rig.vm) + at + 16 * i, d, 6);
    }
    if (d[1] & 16)
        bufs[0].len = d[5] + 1u;
    if (d[1] & 32)
        memcpy(fake_ram(rig.vm) + VR_DATA, d + 2, 4);
    if (d[1] & 64)
        virtio_rig_add_indirect(&rig, queue, VR_DATA + 0x1f0000, bufs, n);
    else
        virtio_rig_add(&rig, queue, bufs, n);
    if (d[1] & 128)
        virtio_rig_kick(&rig, queue);
}

/* A control request: class, command and some bytes. */
static void
control(const uint8_t *d)
{
    const VrBuf bufs[] = {{VR_DATA, 1u + (d[5] & 31), false},
                          {VR_DATA + 0x1000, 1, true}};

    for (unsigned i = 0; i < 32; i++)
        fake_ram(rig.vm)[VR_DATA + i] = d[i % 5];
    fake_ram(rig.vm)[VR_DATA] = d[0] % 7;
    fake_ram(rig.vm)[VR_DATA + 1] = d[1] % 7;
    virtio_rig_add(&rig, 2, bufs, 2);
    virtio_rig_kick(&rig, 2);
}

static void
frame(const uint8_t *d)
{
    static const uint16_t lens[] = {1, 12, 13, 26, 72, 1526, 9000, 65000};
    static guint8 bytes[65536];

    memset(bytes, d[1], sizeof bytes);
    memset(bytes, 0, HDR);
    if (d[0] & 8)
        memcpy(bytes, d + 1, 5);
    bytes[HDR + 12] = d[0] & 16 ? 0x81 : 0x08;
    bytes[HDR + 13] = 0;
    bytes[HDR + 14] = 0x45;
    (void) !send(host, bytes, lens[d[0] & 7], MSG_DONTWAIT | MSG_NOSIGNAL);
    fake_advance(rig.vm, 0);
}

static void
step(const uint8_t *d)
{
    switch (d[0] % 8) {
    case 0:
    case 1:
    case 2: buffer(d + 1); break;
    case 3: control(d + 1); break;
    case 4: frame(d + 1); break;
    case 5:
        net_set_plugged(link_, d[1] & 1);
        if (d[1] & 2)
            drain();
        break;
    case 6: /* into the rings */
        vr_put16(&rig, VR_RINGS + (d[1] & 15) * 0x1000u + (d[2] & 0xfeu),
                 (guint16) (d[3] | d[4] << 8));
        break;
    default:
        virtio_rig_start(&rig,
                         G_MAXUINT64 ^ (guint64) d[2] << 12 ^
                             (guint64) d[3] << 32 ^ d[4],
                         N_QUEUES);
        break;
    }
}

static void
check_sends(void)
{
    const VrBuf buf = {VR_DATA, HDR + 60, false};
    guint8 got[128];

    net_set_plugged(link_, true);
    drain();
    virtio_rig_start(&rig, G_MAXUINT64, N_QUEUES);
    drain();
    memset(fake_ram(rig.vm) + VR_DATA, 0, HDR + 60);
    virtio_rig_add(&rig, 1, &buf, 1);
    virtio_rig_kick(&rig, 1);
    if (recv(host, got, sizeof got, MSG_DONTWAIT) != HDR + 60)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (host < 0)
        init();
    virtio_rig_start(&rig, G_MAXUINT64, N_QUEUES);
    for (size_t i = 0; i + 8 <= size && i / 8 < MAX_STEPS; i += 8)
        step(data + i);
    check_sends();
    for (unsigned i = 0; i < 4096; i++)
        if (fake_ram(rig.vm)[CANARY + i] != 0xc5)
            abort();
    return 0;
}
