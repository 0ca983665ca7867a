/* tests/fuzz/fuzz-virtio-pci.c - a guest that does anything to the registers
 * of a virtio PCI function: modern, legacy, MSI-X, configuration space; and to
 * the memory where its rings may be. What it did can be saved, restored and
 * reset, and then the device starts for a good driver. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/port-ops.h"
#include "tests/unit/virtio-card.h"

#define MAX_STEPS 200u

static VirtioRig rig;
static VirtioCard *card;

/* Values that mean something where a byte alone would rarely hit. */
static guint64
value_of(const uint8_t *d)
{
    guint64 value = d[3] | (guint64) d[4] << 8;

    switch (d[5] & 3) {
    case 1: return VR_RINGS + (value << 4);
    case 2: return value << 24;
    case 3: return value * G_GUINT64_CONSTANT(0x1000100010001);
    default: return value;
    }
}

static void
access_mmio(guint64 base, guint64 len, const uint8_t *d)
{
    guint64 at = base + (d[1] | (guint64) d[2] << 8) % len;
    unsigned size = 1u << (d[0] >> 4 & 3);

    if (d[0] & 0x80)
        (void) fake_mmio_read(rig.vm, at, size);
    else
        fake_mmio_write(rig.vm, at, value_of(d), size);
}

static void
step(const uint8_t *d)
{
    unsigned size = 1u << (d[0] >> 4 & 3);

    switch (d[0] & 15) {
    case 0:
    case 1:
    case 2:
    case 3: access_mmio(VR_COMMON, 0x40, d); break;
    case 4: access_mmio(VR_MODERN, 0x4000, d); break;
    case 5: access_mmio(VR_MSIX, 0x1000, d); break;
    case 6:
    case 7:
        if (d[0] & 0x80)
            (void) io_read(rig.vm->env.ports, VR_PORT + d[1] % 64,
                           MIN(size, 4));
        else
            io_write(rig.vm->env.ports, VR_PORT + d[1] % 64, value_of(d),
                     MIN(size, 4));
        break;
    case 8:
        if (d[1] >= 0x34) /* the BARs stay where they are */
            vr_config_write(&rig, d[1] & 0xfcu, (guint32) value_of(d), 4);
        (void) vr_config_read(&rig, d[1] & 0xfcu, 4);
        break;
    case 9: fake_advance(rig.vm, d[1]); break;
    case 10:
    case 11: vr_put64(&rig, VR_RINGS + d[1] * 8u, value_of(d)); break;
    case 12: virtio_rig_start(&rig, value_of(d), 1 + d[1] % CARD_QUEUES); break;
    case 13: virtio_rig_kick(&rig, d[1]); break;
    default: break;
    }
}

/* Whatever queue has something. */
static void
serve(void)
{
    CardElem e;

    for (unsigned i = 0; i < CARD_QUEUES; i++)
        for (unsigned n = 0; n < 4 && virtio_card_pop(card, i, &e); n++)
            virtio_card_give(card, i, &e, 1);
}

static void
check_good_driver(void)
{
    const VrBuf good = {VR_DATA, 8, true};
    CardElem e;

    vr_config_write(&rig, PCI_BAR0, VR_PORT, 4);
    vr_config_write(&rig, PCI_BAR0 + 4, VR_MSIX, 4);
    vr_config_write(&rig, PCI_BAR0 + 16, VR_MODERN, 4);
    vr_config_write(&rig, PCI_COMMAND, 7, 2);
    virtio_rig_start(&rig, G_MAXUINT64, 1);
    virtio_rig_add(&rig, 0, &good, 1);
    if (!virtio_card_pop(card, 0, &e))
        abort();
    virtio_card_give(card, 0, &e, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (card == NULL)
        card = virtio_card_begin(&rig, VR_PCI);
    memset(fake_ram(rig.vm) + VR_RINGS, 0, 0x8000);
    for (unsigned n = 0; n < MAX_STEPS && 6 * n + 6 <= size; n++) {
        step(data + 6 * n);
        serve();
    }
    device_quiesce(rig.dev);
    check_state(rig.dev);
    device_resume(rig.dev);
    check_good_driver();
    return 0;
}
