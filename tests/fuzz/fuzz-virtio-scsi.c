/* tests/fuzz/fuzz-virtio-scsi.c - requests, controls and events of any shape
 * for a virtio SCSI controller, some through rings that were tampered with,
 * while units and discs come and go. Bytes of memory that no request names
 * stay as they are, every request is answered or the device stopped, and after
 * a reset the disk reads. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/virtio/virtio-scsi.h"
#include "tests/unit/virtio-rig.h"
#include "vmm/block/block.h"

#define MS          G_GINT64_CONSTANT(1000000)
#define IMAGE_BYTES (256u << 10)
#define MAX_STEPS   48u
#define STEP        16u /* bytes of input */
#define QUEUES      4u
#define REPLY       (VR_DATA + 0x800)
#define DATA        (VR_DATA + 0x1000)
#define TABLE       (VR_DATA + 0xa000)
#define CANARY      (VR_DATA + 0x100000) /* a page nobody asks to fill */

extern const DeviceClass virtio_scsi_class;

static VirtioRig rig;
static Block *disks[2], *disc;

static Block *
open_image(const char *format, bool read_only)
{
    char path[] = "/tmp/carrel-fuzz-vscsi-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || ftruncate(fd, IMAGE_BYTES) < 0)
        abort();
    const BlockSpec spec = {
        .path = path, .format = format, .read_only = read_only};
    Block *block = block_open(&spec, rig.vm->env.loop, NULL);
    close(fd);
    unlink(path);
    if (block == NULL)
        abort();
    return block;
}

static void
init(void)
{
    virtio_rig_init(&rig, VR_PCI);
    disks[0] = open_image("raw", false);
    disks[1] = open_image("raw", false);
    disc = open_image("iso", true);
    Device *dev = device_new(&virtio_scsi_class, "scsi");
    device_set_link(dev, "drive0", disks[0]);
    device_set_link(dev, "drive1", disks[1]);
    device_set_u64(dev, "cdrom4", 1, NULL);
    device_set_u64(dev, "queues", 2, NULL);
    virtio_rig_add_device(&rig, dev);
    memset(fake_ram(rig.vm) + CANARY, 0xc5, 4096);
}

static bool
is_idle(void)
{
    return block_is_idle(disks[0]) && block_is_idle(disks[1]) &&
           block_is_idle(disc) && device_is_quiet(rig.dev);
}

static void
wait_idle(void)
{
    for (unsigned i = 0; i < 10000; i++) {
        fake_advance(rig.vm, MS);
        if (is_idle())
            return;
        g_usleep(i > 10 ? 500 : 0);
    }
    abort(); /* a request was lost */
}

static void
put_lun(guint8 *p, uint8_t code)
{
    memset(p, 0, 8);
    p[0] = code < 0xf8 ? 1 : code;
    p[1] = (code & 0x70) == 0x70;
    p[2] = code & 0x08 ? 0x40 : 0;
    p[3] = code & 0x07;
    p[7] = code == 0x7f;
}

static void
add(unsigned queue, const VrBuf *bufs, unsigned n, uint8_t how)
{
    if (n == 0)
        return;
    if (how & 64)
        virtio_rig_add_indirect(&rig, queue, TABLE, bufs, n);
    else
        virtio_rig_add(&rig, queue, bufs, n);
    if (how & 128)
        virtio_rig_kick(&rig, queue);
}

/* Length of the header and of the answer, the unit, the data, the command. */
static void
request(const uint8_t *d)
{
    static const guint16 lens[] = {0, 8, 36, 512, 2048, 4096, 511, 24};
    guint8 *p = fake_ram(rig.vm) + VR_DATA;
    guint32 len = lens[d[2] & 7];
    VrBuf bufs[4];
    unsigned n = 0;

    put_lun(p, d[0]);
    memset(p + 8, 0, 43);
    p[8] = d[3];
    memcpy(p + 19, d + 4, 10);
    memcpy(fake_ram(rig.vm) + DATA, d + 4, 10);
    bufs[n++] = (VrBuf){VR_DATA, d[1] & 1 ? 1u + (d[3] & 63) : 51, false};
    if ((d[1] & 2) != 0 && len > 0)
        bufs[n++] = (VrBuf){DATA, len, false};
    if ((d[1] & 4) == 0)
        bufs[n++] = (VrBuf){REPLY, d[1] & 8 ? 1u + (d[3] & 127) : 108, true};
    if ((d[1] & 2) == 0 && len > 0)
        bufs[n++] = (VrBuf){DATA + 0x2000, len, true};
    add(2 + (d[1] >> 5 & 1), bufs, n, d[1]);
}

static void
control(const uint8_t *d)
{
    guint8 *p = fake_ram(rig.vm) + VR_DATA + 0x400;
    const VrBuf bufs[] = {
        {VR_DATA + 0x400, d[1] & 1 ? 1u + (d[3] & 31) : 24, false},
        {VR_DATA + 0x480, d[1] & 2 ? 5 : 1, true}};

    memset(p, 0, 24);
    p[0] = d[2] & 3;
    if (p[0] == 0) {
        p[4] = d[3] & 15;
        put_lun(p + 8, d[0]);
        p[16] = d[4];
    } else {
        put_lun(p + 4, d[0]);
        p[12] = d[4];
    }
    add(0, bufs, d[1] & 4 ? 1 : 2, d[1]);
}

static void
event_buffer(const uint8_t *d)
{
    const VrBuf buf = {VR_DATA + 0x500, d[0] & 1 ? 1u + (d[1] & 31) : 16,
                       (d[0] & 2) == 0};

    add(1, &buf, 1, d[2]);
}

/* What the machine's owner does. */
static void
own(const uint8_t *d)
{
    unsigned n = 2 + (d[1] & 1);

    switch (d[0] % 4) {
    case 0:
        (void) virtio_scsi_set_media(rig.dev, 4, d[1] & 2 ? disc : NULL,
                                     d[1] & 4, NULL);
        break;
    case 1:
        (void) virtio_scsi_add_unit(rig.dev, n, SCSI_CD, NULL, "n", NULL);
        break;
    case 2: virtio_scsi_remove_unit(rig.dev, n); break;
    default: /* the disk goes and comes back when it is done with */
        virtio_scsi_remove_unit(rig.dev, 1);
        if (d[1] & 1)
            wait_idle();
        (void) virtio_scsi_add_unit(rig.dev, 1, SCSI_DISK, disks[1], "d", NULL);
        break;
    }
}

static void
tamper(const uint8_t *d)
{
    vr_put16(&rig, VR_RINGS + (d[0] & 31) * 0x1000u + (d[1] & 0xfeu),
             (guint16) (d[2] | d[3] << 8));
}

static void
restart(const uint8_t *d)
{
    if (d[0] & 1)
        virtio_rig_set_status(&rig, 0); /* in the middle of things */
    virtio_rig_start(&rig, d[1] & 1 ? G_MAXUINT64 : ~VIRTIO_F_RING_PACKED,
                     QUEUES);
    if (d[0] & 2) {
        fake_mmio_write(rig.vm, VR_CONFIG + 20, d[2], 4);
        fake_mmio_write(rig.vm, VR_CONFIG + 24, d[3], 4);
    }
}

static void
step(const uint8_t *d)
{
    switch (d[0] % 16) {
    case 9:
    case 10: control(d + 1); break;
    case 11: event_buffer(d + 1); break;
    case 12: own(d + 1); break;
    case 13: tamper(d + 1); break;
    case 14: restart(d + 1); break;
    case 15: virtio_rig_kick(&rig, d[1] % QUEUES); break;
    default: request(d + 1); break;
    }
}

static void
run(guint8 opcode, guint32 in_len)
{
    guint8 *p = fake_ram(rig.vm) + VR_DATA;
    const VrBuf bufs[] = {
        {VR_DATA, 51, false}, {REPLY, 108, true}, {DATA, MAX(in_len, 1), true}};

    memset(p, 0, 51);
    put_lun(p, 0);
    p[19] = opcode;
    p[19 + 8] = 1;
    p[0x800 + 11] = 0xee;
    virtio_rig_add(&rig, 2, bufs, in_len > 0 ? 3 : 2);
    if (virtio_rig_finish(&rig, 2) != 108 + in_len || p[0x800 + 11] != 0)
        abort();
}

static void
check_disk_reads(void)
{
    virtio_rig_start(&rig, G_MAXUINT64, QUEUES);
    run(0x00, 0); /* it was reset */
    if (fake_ram(rig.vm)[REPLY + 12 + 2] != 6)
        abort();
    run(0x28, 512);
    if (fake_ram(rig.vm)[REPLY + 10] != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (disc == NULL)
        init();
    memset(fake_ram(rig.vm) + VR_DATA, 0, 0xb000);
    virtio_rig_start(&rig, ~VIRTIO_F_RING_PACKED, QUEUES);
    for (unsigned n = 0; n < MAX_STEPS && STEP * (n + 1) <= size; n++)
        step(data + STEP * n);
    for (unsigned i = 0; i < QUEUES; i++)
        virtio_rig_kick(&rig, i);
    wait_idle();
    check_disk_reads();
    for (unsigned i = 0; i < 4096; i++)
        if (fake_ram(rig.vm)[CANARY + i] != 0xc5)
            abort();
    return 0;
}
