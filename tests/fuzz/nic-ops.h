/* tests/fuzz/nic-ops.h - a fuzzer's bytes as a guest with a network card: each
 * eight bytes are a register access, bytes for the rings, a frame from the
 * cable, a pulled cable, a pause or some time. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/nic-rig.h"

#define NIC_OPS_MAX  512u
#define NIC_OPS_RING 0x1000u /* where rings, blocks and buffers are put */

typedef struct {
    const guint16 *regs; /* offsets that do something */
    unsigned n;
    IoSpace *space;
    guint64 base;
} NicOps;

static inline void
nic_ops_drain(NicRig *r)
{
    guint8 waste[64];

    while (recv(r->host, waste, sizeof waste, MSG_DONTWAIT) >= 0)
        ;
}

static inline void
nic_ops_frame(NicRig *r, const uint8_t *d)
{
    static const uint16_t lens[] = {14, 42, 59, 60, 64, 1500, 1514, 1518};
    static guint8 bytes[NR_HDR + 2048];

    memset(bytes, d[1], sizeof bytes);
    memset(bytes, 0, NR_HDR);
    nr_pattern(bytes + NR_HDR, 64, d[2]);
    if (d[3] & 1)
        memset(bytes + NR_HDR, 0xff, 6);
    if (d[3] & 2)
        memcpy(bytes + NR_HDR, d + 3, 4);
    if (d[3] & 4)
        memcpy(bytes + NR_HDR + 12, (const guint8[]){0x81, 0}, 2);
    (void) !send(r->host, bytes, NR_HDR + lens[d[0] & 7],
                 MSG_DONTWAIT | MSG_NOSIGNAL);
    nr_run(r);
}

/* Values as guests have them: any, small, or an address of the rings. */
static inline guint32
nic_ops_value(const uint8_t *d)
{
    guint32 value;

    memcpy(&value, d + 3, sizeof value);
    switch (d[7] & 3) {
    case 0: return value;
    case 1: return value & 0xff;
    case 2: return NIC_OPS_RING + (value & 0xfff0);
    default: return 1u << (value & 31);
    }
}

static inline void
nic_ops_access(NicRig *r, const NicOps *ops, const uint8_t *d, bool write)
{
    guint64 at = ops->base + ops->regs[d[1] % ops->n];
    unsigned size = 1u << MIN(d[2] & 3, 2);

    if (!write)
        (void) io_read(ops->space, at, size);
    else
        io_write(ops->space, at, nic_ops_value(d), size);
    if (d[2] & 4)
        nr_run(r);
}

static inline void
nic_ops_event(NicRig *r, const uint8_t *d)
{
    switch (d[1] & 3) {
    case 0: net_set_plugged(r->link, (d[2] & 1) != 0); break;
    case 1: fake_advance(r->vm, (gint64) d[2] << (d[3] & 31)); break;
    case 2:
        device_quiesce(r->dev);
        nic_ops_drain(r);
        device_resume(r->dev);
        break;
    default: nic_ops_drain(r); break;
    }
}

static inline void
nic_ops_step(NicRig *r, const NicOps *ops, const uint8_t *d)
{
    guint8 *ram = fake_ram(r->vm);

    switch (d[0] % 8) {
    case 0:
    case 1:
    case 2: nic_ops_access(r, ops, d, true); break;
    case 3: nic_ops_access(r, ops, d, false); break;
    case 4:
    case 5: /* a descriptor or a part of one, perhaps one that names RAM */
        memcpy(ram + NIC_OPS_RING + 8u * d[1], d + 2, 6);
        if (d[0] & 64)
            memset(ram + NIC_OPS_RING + 8u * d[1] + 3, 0, 5);
        break;
    case 6: nic_ops_frame(r, d + 1); break;
    default: nic_ops_event(r, d); break;
    }
}

/* All steps; then what the card is can be saved, restored and reset. */
static inline void
nic_ops_run(NicRig *r, const NicOps *ops, const uint8_t *data, size_t size)
{
    g_autoptr(GByteArray) saved = g_byte_array_new();
    g_autoptr(GError) error = NULL;

    for (size_t i = 0; i + 8 <= size && i / 8 < NIC_OPS_MAX; i += 8)
        nic_ops_step(r, ops, data + i);
    nr_run(r);
    nic_ops_drain(r);
    nr_run(r);
    nic_ops_drain(r);
    device_quiesce(r->dev);
    device_save(r->dev, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    if (!device_restore(r->dev, bytes, &error))
        g_error("%s: own state refused: %s", r->dev->klass->name,
                error->message);
    net_set_plugged(r->link, true);
    device_resume(r->dev);
    device_reset(r->dev, RESET_COLD);
    nr_run(r);
    nic_ops_drain(r);
    g_string_truncate(r->vm->log, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
