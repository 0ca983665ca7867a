/* tests/fuzz/fuzz-virtio-blk.c - requests of any shape and content for a
 * virtio disk, some through rings that were tampered with. Bytes of memory
 * that no request names stay as they are, every request is answered or the
 * device stopped, and after a reset the disk reads. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/virtio-rig.h"
#include "vmm/block/block.h"

#define MS          G_GINT64_CONSTANT(1000000)
#define IMAGE_BYTES (256u << 10)
#define MAX_STEPS   64u
#define CANARY      (VR_DATA + 0x100000) /* a page nobody asks to fill */

extern const DeviceClass virtio_blk_class;

static VirtioRig rig;
static Block *block;

static void
init(void)
{
    char path[] = "/tmp/carrel-fuzz-blk-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || ftruncate(fd, IMAGE_BYTES) < 0)
        abort();
    virtio_rig_init(&rig, VR_PCI);
    BlockSpec spec = {.path = path, .format = "raw"};
    block = block_open(&spec, rig.vm->env.loop, NULL);
    close(fd);
    unlink(path);
    if (block == NULL)
        abort();
    Device *dev = device_new(&virtio_blk_class, "disk0");
    device_set_link(dev, "drive", block);
    device_set_u64(dev, "queues", 2, NULL);
    virtio_rig_add_device(&rig, dev);
    memset(fake_ram(rig.vm) + CANARY, 0xc5, 4096);
}

static void
wait_idle(void)
{
    for (unsigned i = 0; i < 10000; i++) {
        fake_advance(rig.vm, MS);
        if (block_is_idle(block) && device_is_quiet(rig.dev))
            return;
        g_usleep(i > 10 ? 500 : 0);
    }
    abort(); /* a request was lost */
}

/* Six bytes: type, where and how long the pieces are; the header's content
 * follows from them. */
static void
request(const uint8_t *d)
{
    static const uint32_t types[] = {0, 1, 4, 8, 11, 13, 0, 1, 99};
    static const uint32_t lens[] = {512, 1, 16, 1024, 511, 4096, 15, 32};
    VrBuf bufs[5];
    unsigned n = 0, pieces = d[1] & 3;
    guint64 sector = d[2] * 3u;

    if (d[2] == 0xff)
        sector = G_MAXUINT64 / 512 - d[3];
    vr_put32(&rig, VR_DATA, types[d[0] % G_N_ELEMENTS(types)]);
    vr_put64(&rig, VR_DATA + 8, sector);
    vr_put64(&rig, VR_DATA + 0x1000, d[4]);
    vr_put32(&rig, VR_DATA + 0x1008, d[5] == 0xff ? G_MAXUINT32 : 0u + d[5]);
    vr_put32(&rig, VR_DATA + 0x100c, d[3] >> 6);
    if ((d[1] & 4) == 0)
        bufs[n++] = (VrBuf){VR_DATA, (d[1] & 8) ? 1u + (d[3] & 15) : 16, false};
    for (unsigned i = 0; i < pieces; i++)
        bufs[n++] = (VrBuf){VR_DATA + 0x1000 + 0x1000 * i,
                            lens[(d[3] >> (2 * i)) & 7], (d[1] & 16) != 0};
    if ((d[1] & 32) == 0)
        bufs[n++] = (VrBuf){VR_DATA + 0x800, 1u + (d[4] & 1), true};
    if (n == 0)
        return;
    if (d[1] & 64)
        virtio_rig_add_indirect(&rig, d[0] >> 7, VR_DATA + 0xa000, bufs, n);
    else
        virtio_rig_add(&rig, d[0] >> 7, bufs, n);
    if (d[1] & 128)
        virtio_rig_kick(&rig, d[0] >> 7);
}

static void
step(const uint8_t *d)
{
    switch (d[0] % 8) {
    case 6: /* into the rings */
        vr_put16(&rig, VR_RINGS + (d[1] & 7) * 0x1000u + (d[2] & 0xfeu),
                 (guint16) (d[3] | d[4] << 8));
        break;
    case 7:
        if (d[1] & 1)
            virtio_rig_set_status(&rig, 0); /* in the middle of things */
        virtio_rig_start(&rig, d[2] & 1 ? G_MAXUINT64 : ~VIRTIO_F_RING_PACKED,
                         2);
        break;
    default: request(d + 1); break;
    }
}

static void
check_disk_reads(void)
{
    const VrBuf bufs[] = {{VR_DATA, 16, false},
                          {VR_DATA + 0x1000, 512, true},
                          {VR_DATA + 0x800, 1, true}};

    virtio_rig_start(&rig, G_MAXUINT64, 2);
    memset(fake_ram(rig.vm) + VR_DATA, 0, 16);
    fake_ram(rig.vm)[VR_DATA + 0x800] = 0xee;
    virtio_rig_add(&rig, 0, bufs, 3);
    if (virtio_rig_finish(&rig, 0) != 513 ||
        fake_ram(rig.vm)[VR_DATA + 0x800] != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (block == NULL)
        init();
    memset(fake_ram(rig.vm) + VR_DATA, 0, 0xb000);
    virtio_rig_start(&rig, ~VIRTIO_F_RING_PACKED, 2);
    for (unsigned n = 0; n < MAX_STEPS && 7 * n + 7 <= size; n++)
        step(data + 7 * n);
    virtio_rig_kick(&rig, 0);
    virtio_rig_kick(&rig, 1);
    wait_idle();
    check_disk_reads();
    for (unsigned i = 0; i < 4096; i++)
        if (fake_ram(rig.vm)[CANARY + i] != 0xc5)
            abort();
    return 0;
}
