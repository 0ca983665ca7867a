/* tests/unit/virtio-scsi-rig.h - a SCSI controller with real images behind it,
 * and its driver: commands, controls, events. Each block begins with its
 * number, and the unit's in the top byte. */
#pragma once

#include <string.h>
#include <unistd.h>

#include "devices/virtio/virtio-scsi.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-rig.h"
#include "vmm/block/block.h"

#define MS      G_GINT64_CONSTANT(1000000)
#define BLOCKS  1024u /* of each image */

#define CONTROL 0u
#define EVENT   1u
#define REQUEST 2u
#define QUEUES  4u

/* A command's places in memory, by number. */
#define SLOT(i)  (VR_DATA + 0x4000u * (i))
#define REPLY(i) (SLOT(i) + 0x800)
#define DATA(i)  (SLOT(i) + 0x1000)
#define TMF      (VR_DATA + 0x100000u)
#define EVENTS   (VR_DATA + 0x101000u)

#define HOTPLUG  VIRTIO_BIT(1)

enum {
    OK = 0,
    OVERRUN = 1,
    ABORTED = 2,
    BAD_TARGET = 3,
    RESET = 4,
    FAILURE = 9,
    SUCCEEDED = 10,
    REJECTED = 11,
    INCORRECT_LUN = 12,
    NOT_SET = 0xee
};
enum {
    ABORT_TASK = 0,
    ABORT_SET = 1,
    CLEAR_ACA = 2,
    NEXUS_RESET = 4,
    UNIT_RESET = 5,
    QUERY_TASK = 6,
    QUERY_SET = 7
};

extern const DeviceClass virtio_scsi_class;

typedef struct {
    VirtioRig r;
    Block *block[VIRTIO_SCSI_UNITS + 1]; /* the last: another disc */
    int fd[VIRTIO_SCSI_UNITS + 1];
} Rig;

static inline void
open_image(Rig *s, unsigned n, bool cd)
{
    char *path = NULL;
    g_autoptr(GError) error = NULL;
    off_t step = cd ? 2048 : 512;

    s->fd[n] = g_file_open_tmp("carrel-scsi-XXXXXX", &path, &error);
    g_assert_no_error(error);
    for (guint32 i = 0; i < BLOCKS; i++) {
        guint32 value = n << 24 | i;
        CU_ASSERT_EQUAL(pwrite(s->fd[n], &value, 4, i * step), 4);
    }
    CU_ASSERT_EQUAL(ftruncate(s->fd[n], BLOCKS * step), 0);
    BlockSpec spec = {
        .path = path, .format = cd ? "iso" : "raw", .read_only = cd};
    s->block[n] = block_open(&spec, s->r.vm->env.loop, &error);
    g_assert_no_error(error);
    unlink(path);
    g_free(path);
}

/* Disks 0 and 2, a CD drive 4 with a disc, 5 without. */
static inline void
begin_with(Rig *s, VirtioRigHow how, guint64 accept)
{
    memset(s, 0, sizeof *s);
    virtio_rig_init(&s->r, how);
    open_image(s, 0, false);
    open_image(s, 2, false);
    open_image(s, 4, true);
    open_image(s, VIRTIO_SCSI_UNITS, true);
    Device *dev = device_new(&virtio_scsi_class, "scsi");
    device_set_link(dev, "drive0", s->block[0]);
    device_set_link(dev, "drive2", s->block[2]);
    device_set_link(dev, "drive4", s->block[4]);
    device_set_u64(dev, "cdrom4", 1, NULL);
    device_set_u64(dev, "cdrom5", 1, NULL);
    device_set_string(dev, "serial2", "0815", NULL);
    device_set_u64(dev, "queues", 2, NULL);
    virtio_rig_add_device(&s->r, dev);
    virtio_rig_start(&s->r, accept, QUEUES);
}

static inline void
wait_quiet(Rig *s)
{
    for (unsigned i = 0; i < 10000 && !device_is_quiet(s->r.dev); i++) {
        fake_advance(s->r.vm, MS);
        g_usleep(i > 10 ? 1000 : 0);
    }
}

static inline void
end_images(Rig *s)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(s->block); i++) {
        if (s->block[i] == NULL)
            continue;
        block_close(s->block[i]);
        close(s->fd[i]);
    }
    virtio_rig_free(&s->r);
}

static inline void
end(Rig *s)
{
    wait_quiet(s);
    device_free(s->r.dev);
    s->r.dev = NULL;
    end_images(s);
}

static inline guint32
image32(Rig *s, unsigned n, guint64 block)
{
    guint32 value = G_MAXUINT32;

    CU_ASSERT_EQUAL(pread(s->fd[n], &value, 4, (off_t) block * 512), 4);
    return value;
}

/* ---- commands ---- */

static inline void
put_lun(Rig *s, guint64 at, guint8 target, guint16 lun)
{
    guint8 *p = fake_ram(s->r.vm) + at;

    memset(p, 0, 8);
    p[0] = 1;
    p[1] = target;
    p[2] = (guint8) (0x40 | lun >> 8);
    p[3] = (guint8) lun;
}

/* Command i, which has i as its tag. */
static inline void
put_command(Rig *s, unsigned i, unsigned unit, const guint8 *cdb, gsize n)
{
    guint8 *p = fake_ram(s->r.vm) + SLOT(i);

    memset(p, 0, 51);
    put_lun(s, SLOT(i), 0, (guint16) unit);
    p[8] = (guint8) i;
    memcpy(p + 19, cdb, n);
    memset(fake_ram(s->r.vm) + REPLY(i), NOT_SET, 120);
}

static inline void
add_command(Rig *s, unsigned i, guint32 out_len, guint32 in_len)
{
    VrBuf bufs[4] = {{SLOT(i), 51, false}};
    unsigned n = 1;

    if (out_len > 0)
        bufs[n++] = (VrBuf){DATA(i), out_len, false};
    bufs[n++] = (VrBuf){REPLY(i), 108, true};
    if (in_len > 0)
        bufs[n++] = (VrBuf){DATA(i), in_len, true};
    virtio_rig_add(&s->r, REQUEST, bufs, n);
}

static inline guint8
response(Rig *s, unsigned i)
{
    return fake_ram(s->r.vm)[REPLY(i) + 11];
}

static inline guint8
status(Rig *s, unsigned i)
{
    return fake_ram(s->r.vm)[REPLY(i) + 10];
}

static inline guint32
residual(Rig *s)
{
    return vr_get32(&s->r, REPLY(0) + 4);
}

/* key << 16 | asc << 8 | ascq; 0: good; all ones: no answer, or another
 * response than OK. */
static inline guint32
sense(Rig *s, unsigned i)
{
    const guint8 *p = fake_ram(s->r.vm) + REPLY(i);

    if (response(s, i) != OK)
        return G_MAXUINT32;
    if (status(s, i) == 0)
        return 0;
    CU_ASSERT_EQUAL(status(s, i), 2);
    CU_ASSERT_EQUAL(vr_get32(&s->r, REPLY(i)), 18);
    return (guint32) (p[12 + 2] << 16 | p[12 + 12] << 8 | p[12 + 13]);
}

static inline guint32
run(Rig *s, unsigned unit, guint32 out_len, guint32 in_len, const guint8 *cdb,
    gsize n)
{
    put_command(s, 0, unit, cdb, n);
    add_command(s, 0, out_len, in_len);
    CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&s->r, REQUEST), G_MAXUINT32);
    return sense(s, 0);
}
#define RUN(s, unit, out, in, ...)                                             \
    run(s, unit, out, in, (const guint8[]){__VA_ARGS__},                       \
        sizeof((guint8[]){__VA_ARGS__}))
#define TEST_READY(s, unit) RUN(s, unit, 0, 0, 0, 0, 0, 0, 0, 0)
#define POWER_ON            0x062900u
#define LUNS                0x063f0eu
#define NEW_DISC            0x062800u
#define BAD_FIELD           0x052400u
#define NO_DISC             0x023a01u

/* After power-on each unit has something to say first. */
static inline void
begin(Rig *s)
{
    static const unsigned units[] = {0, 2, 4, 5};

    begin_with(s, VR_PCI, G_MAXUINT64);
    for (unsigned i = 0; i < G_N_ELEMENTS(units); i++)
        CU_ASSERT_EQUAL(TEST_READY(s, units[i]), POWER_ON);
}

/* ---- controls ---- */

static inline void
ring(Rig *s, unsigned queue)
{
    fake_mmio_write(s->r.vm, VR_NOTIFY + 4 * queue, queue, 2);
}

static inline void
add_tmf(Rig *s, guint32 subtype, guint8 target, unsigned unit, guint64 tag)
{
    const VrBuf bufs[] = {{TMF, 24, false}, {TMF + 64, 1, true}};

    vr_put32(&s->r, TMF, 0);
    vr_put32(&s->r, TMF + 4, subtype);
    put_lun(s, TMF + 8, target, (guint16) unit);
    vr_put64(&s->r, TMF + 16, tag);
    fake_ram(s->r.vm)[TMF + 64] = NOT_SET;
    virtio_rig_add(&s->r, CONTROL, bufs, 2);
}

static inline guint8
tmf(Rig *s, guint32 subtype, guint8 target, unsigned unit, guint64 tag)
{
    add_tmf(s, subtype, target, unit, tag);
    CU_ASSERT_EQUAL(virtio_rig_finish(&s->r, CONTROL), 1);
    return fake_ram(s->r.vm)[TMF + 64];
}

/* A notification's query or subscription; what it grants << 8 | response. */
static inline guint32
an(Rig *s, guint32 type, unsigned unit, guint32 events)
{
    const VrBuf bufs[] = {{TMF, 16, false}, {TMF + 64, 5, true}};

    vr_put32(&s->r, TMF, type);
    put_lun(s, TMF + 4, 0, (guint16) unit);
    vr_put32(&s->r, TMF + 12, events);
    virtio_rig_add(&s->r, CONTROL, bufs, 2);
    CU_ASSERT_EQUAL(virtio_rig_finish(&s->r, CONTROL), 5);
    return vr_get32(&s->r, TMF + 64) << 8 | fake_ram(s->r.vm)[TMF + 68];
}

/* Writes of commands 1..n to unit, one block each at block i. */
static inline void
add_writes(Rig *s, unsigned unit, unsigned n)
{
    for (unsigned i = 1; i <= n; i++) {
        const guint8 cdb[] = {0x2a, 0, 0, 0, 0, (guint8) i, 0, 0, 1, 0};
        put_command(s, i, unit, cdb, sizeof cdb);
        vr_put32(&s->r, DATA(i), 0xabcd0000 + i);
        add_command(s, i, 512, 0);
    }
}

/* Puts what was added before both queues' notifications into the device's
 * hands at once, and waits for n commands and one control. */
static inline void
race(Rig *s, unsigned n)
{
    guint16 id;
    guint32 len;

    ring(s, REQUEST);
    ring(s, CONTROL);
    CU_ASSERT_EQUAL(virtio_rig_finish(&s->r, CONTROL), 1);
    for (unsigned i = 0; i < n; i++) /* before the control was */
        CU_ASSERT_TRUE(virtio_rig_used(&s->r, REQUEST, &id, &len));
}

/* ---- events ---- */

static inline void
add_event_buffer(Rig *s)
{
    const VrBuf buf = {EVENTS, 16, true};

    memset(fake_ram(s->r.vm) + EVENTS, NOT_SET, 16);
    virtio_rig_add(&s->r, EVENT, &buf, 1);
    virtio_rig_kick(&s->r, EVENT);
}

/* unit << 8 | reason, for an event of this kind; all ones: there was another,
 * or none. */
static inline guint32
event(Rig *s, guint32 kind)
{
    const guint8 *p = fake_ram(s->r.vm) + EVENTS;
    guint16 id;
    guint32 len = 0;

    fake_advance(s->r.vm, 0);
    if (!virtio_rig_used(&s->r, EVENT, &id, &len) ||
        vr_get32(&s->r, EVENTS) != kind)
        return G_MAXUINT32;
    CU_ASSERT_EQUAL(len, 16);
    CU_ASSERT_EQUAL(p[5], 0); /* target */
    CU_ASSERT_EQUAL(p[6], 0); /* the unit in the form that REPORT LUNS has */
    return (guint32) p[7] << 8 | vr_get32(&s->r, EVENTS + 12);
}
#define TRANSPORT_RESET 1u
#define ASYNC_NOTIFY    2u
#define MISSED          0x80000000u
