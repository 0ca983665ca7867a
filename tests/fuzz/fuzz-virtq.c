/* tests/fuzz/fuzz-virtq.c - a driver that writes anything into its rings, in
 * any order with what the device does. Each buffer that comes out lies in
 * memory, no more are out than the ring has entries, and after a reset the
 * device works. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/virtq-internal.h"
#include "tests/unit/virtio-card.h"

#define SIZE      16u
#define MAX_STEPS 400u

static VirtioRig rig;
static VirtioCard *card;
static CardElem out[SIZE]; /* a stack of what is out */
static unsigned n_out;

static uint64_t
features(uint8_t bits)
{
    return VIRTIO_F_VERSION_1 | ((bits & 1) ? VIRTIO_F_RING_PACKED : 0) |
           ((bits & 2) ? VIRTIO_F_EVENT_IDX : 0) |
           ((bits & 4) ? VIRTIO_F_INDIRECT_DESC : 0);
}

static void
check_elem(const CardElem *e)
{
    const guint8 *ram = fake_ram(rig.vm);
    gsize lens[2] = {0, 0};

    for (unsigned i = 0; i < e->e.n_out + e->e.n_in; i++) {
        const guint8 *at = e->iov[i].iov_base;
        if (at < ram || at >= ram + VR_RAM ||
            e->iov[i].iov_len > (gsize) (ram + VR_RAM - at))
            abort(); /* outside the guest's memory */
        lens[i >= e->e.n_out] += e->iov[i].iov_len;
    }
    if (lens[0] != e->e.out_len || lens[1] != e->e.in_len)
        abort();
}

static void
take(void)
{
    if (n_out < SIZE && virtio_card_pop(card, 0, &out[n_out])) {
        check_elem(&out[n_out]);
        memset(out[n_out].iov[0].iov_base, 0x5a,
               out[n_out].e.n_out > 0 ? 0 : 1);
        n_out++;
    }
}

static void
give(unsigned i, gsize len, bool back)
{
    CardElem e;

    if (n_out == 0)
        return;
    i = back ? n_out - 1 : i % n_out;
    e = out[i];
    e.e.iov = e.iov;
    memmove(&out[i], &out[i + 1], (--n_out - i) * sizeof out[0]);
    for (unsigned k = i; k < n_out; k++)
        out[k].e.iov = out[k].iov;
    if (back) {
        virtio_lock(&card->virtio);
        virtq_unpop(virtio_queue(&card->virtio, 0), &e.e);
        virtio_unlock(&card->virtio);
    } else {
        virtio_card_give(card, 0, &e, len);
    }
}

static void
wish(uint8_t value)
{
    Virtq *q = virtio_queue(&card->virtio, 0);

    virtio_lock(&card->virtio);
    if (value & 1)
        virtq_suppress(q);
    else
        (void) virtq_listen(q);
    virtio_unlock(&card->virtio);
}

/* A chain as a good driver builds it, with odd places and lengths. */
static void
add(const uint8_t *d)
{
    VrBuf bufs[4];
    unsigned n = 1 + (d[0] & 3);

    for (unsigned i = 0; i < n; i++)
        bufs[i] = (VrBuf){VR_DATA + d[1 + i % 3] * 64u, 1u + d[i % 4],
                          (d[0] >> 4 & 3) <= i};
    if (d[0] & 4)
        virtio_rig_add_indirect(&rig, 0, VR_DATA + 0x8000 + d[1], bufs, n);
    else
        virtio_rig_add(&rig, 0, bufs, n);
}

/* Any bytes anywhere in the rings and in the tables behind them. */
static size_t
poke(const uint8_t *d, size_t left)
{
    static const struct {
        uint32_t base, len;
    } places[] = {{VR_RINGS, 16 * SIZE},
                  {VR_RINGS + 0x4000, 64},
                  {VR_RINGS + 0x5000, 192},
                  {VR_DATA + 0x8000, 1024}};
    unsigned place = d[0] & 3;
    size_t len = MIN((d[0] >> 4) * 2u + 2u, left);
    uint32_t at = (uint32_t) (d[1] * 2u) % places[place].len;

    memcpy(fake_ram(rig.vm) + places[place].base + at, d + 2, MIN(len, left));
    return len;
}

static size_t
step(const uint8_t *d, size_t left)
{
    switch (d[0] % 8) {
    case 0: return 3 + poke(d + 1, left - 3);
    case 1: take(); return 1;
    case 2: give(d[1], d[2], false); return 3;
    case 3: give(0, 0, true); return 1;
    case 4: wish(d[1]); return 2;
    case 5: virtio_rig_start(&rig, features(d[1]), 1); return 2;
    case 6: add(d + 1); return 5;
    default:
        vr_put16(&rig, rig.q[0].driver + 2,
                 (uint16_t) (vr_get16(&rig, rig.q[0].driver + 2) + d[1] % 3));
        return 2;
    }
}

static void
give_all(void)
{
    while (n_out > 0)
        give(0, 0, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const VrBuf good = {VR_DATA, 8, true};
    size_t i = 1;
    CardElem e;

    if (card == NULL)
        card = virtio_card_begin(&rig, VR_PCI);
    if (size < 1)
        return 0;
    memset(fake_ram(rig.vm) + VR_DATA, 0, 0x9000);
    virtio_rig_start(&rig, features(data[0]), 1);
    for (unsigned n = 0; n < MAX_STEPS && i + 8 <= size; n++) {
        i += step(data + i, size - i);
        if (virtq_in_flight(virtio_queue(&card->virtio, 0)) > SIZE)
            abort();
    }
    give_all();
    virtio_rig_start(&rig, features(data[0]), 1);
    virtio_rig_add(&rig, 0, &good, 1);
    if (!virtio_card_pop(card, 0, &e))
        abort(); /* a reset must bring it back */
    virtio_card_give(card, 0, &e, 0);
    return 0;
}
