/* tests/host/hostile-virtio/transport.c - registers, configuration space and
 * MSI-X used as no driver would (Virtio 1.2 section 4.1). */
#include "tests/host/hostile-virtio/victim.h"

#define SEED       1u
#define FACTOR     1664525u
#define ADD        1013904223u
#define BAR_LEN    0x4000u
#define CONFIG     256u
#define CAP_MSIX   0x11u
#define CAP_VIRTIO 0x09u
#define CFG_PCI    5u
#define VECTORS    8u

static u32 seed = SEED;

static u32
random32(void)
{
    seed = seed * FACTOR + ADD;
    return seed >> 8 ^ seed << 16;
}

/* 0 where a look is enough: whatever came, only the process counts. */
static u32
seen(Target *t)
{
    return virtio_status(&t->dev) & VIRTIO_STATUS_NEEDS_RESET ? RESET : IGNORED;
}

static u32
size_0(Target *t)
{
    u32 c = t->dev.common;

    REG16(c + VIRTIO_QUEUE_SIZE) = 0;
    REG16(c + VIRTIO_QUEUE_SIZE) = 0xffff;
    REG16(c + VIRTIO_QUEUE_SIZE) = 3;
    REG32(c + VIRTIO_QUEUE_DESC) = 0;
    target_start(t);
    return target_outcome(t);
}

static u32
queue_outside(Target *t)
{
    u32 c = t->dev.common;

    for (u32 q = 1; q < 0x10000; q = q * 3 + 5) {
        REG16(c + VIRTIO_QUEUE_SELECT) = (u16) q;
        if (REG16(c + VIRTIO_QUEUE_SIZE) == 0) {
            REG16(c + VIRTIO_QUEUE_ENABLE) = 1;
            REG32(c + VIRTIO_QUEUE_DESC) = random32();
        }
        REG16(t->dev.notify) = (u16) q;
        REG32(t->dev.notify + q % 0x400 * 4) = random32();
    }
    return seen(t);
}

static u32
notify_early(Target *t)
{
    target_desc(t, 0, (u32) t->page, 16, target_flag(t), 0);
    return target_offer(t, 0);
}

/* FEATURES_OK must not stay when VERSION_1 was given back. */
static u32
features_late(Target *t)
{
    u32 c = t->dev.common;

    REG8(c + VIRTIO_STATUS) = 0;
    while (REG8(c + VIRTIO_STATUS) != 0)
        ;
    REG8(c + VIRTIO_STATUS) = 3;
    for (u32 word = 0; word < 2; word++) {
        REG32(c + 8) = word;
        REG32(c + 12) = 0xffffffff; /* what was never offered */
    }
    REG8(c + VIRTIO_STATUS) = 3 | VIRTIO_STATUS_FEATURES_OK;
    return REG8(c + VIRTIO_STATUS) & VIRTIO_STATUS_FEATURES_OK ? USED : REFUSED;
}

static u32
reset_at_once(Target *t)
{
    for (u32 i = 0; i < 200; i++) {
        target_desc(t, 0, (u32) t->page, 16, target_flag(t), 0);
        for (u32 n = 0; n < t->q.size; n++)
            virtq_offer(&t->q, 0);
        virtq_ring_doorbell(&t->q);
        REG8(t->dev.common + VIRTIO_STATUS) = 0;
        REG8(t->dev.common + VIRTIO_STATUS) = 15;
    }
    return seen(t);
}

/* Every register of the device's BAR, but its status, in every size. */
static u32
registers_at_random(Target *t)
{
    u32 bar = t->dev.common & ~(BAR_LEN - 1);

    for (u32 i = 0; i < 3000; i++) {
        u32 at = bar + random32() % (BAR_LEN - 8), value = random32();
        switch (value % 6) {
        case 0: REG8(at) = (u8) value; break;
        case 1: REG16(at) = (u16) value; break;
        case 2: REG32(at) = value; break;
        case 3: (void) REG8(at); break;
        case 4: (void) REG16(at); break;
        default: (void) REG32(at); break;
        }
    }
    return seen(t);
}

/* Common and device configuration over and over, in each size. */
static u32
configuration_at_random(Target *t)
{
    for (u32 i = 0; i < 2000; i++) {
        u32 base =
            i % 2 == 0 || t->dev.config == 0 ? t->dev.common : t->dev.config;
        u32 at = base + random32() % 64, value = random32();
        if (at == t->dev.common + VIRTIO_STATUS && value % 4 != 0)
            continue; /* else it is reset most of the time */
        if (i % 3 == 0)
            REG8(at) = (u8) value;
        else if (i % 3 == 1)
            REG16(at) = (u16) value;
        else
            REG32(at) = value;
    }
    return seen(t);
}

/* 4.1.4.9: access to BARs through configuration space. */
static u32
window_outside(Target *t)
{
    static const u32 bars[] = {0, 1, 4, 6, 7, 255};
    static const u32 offsets[] = {0, 2, 0x3fff, 0x4000, 0x7fffffff, 0xffffffff};
    static const u32 lens[] = {0, 1, 2, 3, 4, 8, 0xffffffff};
    u32 cap = 0;

    do
        cap = pci_capability(t->dev.pci, CAP_VIRTIO, cap);
    while (cap != 0 && pci_read8(t->dev.pci, cap + 3) != CFG_PCI);
    for (u32 i = 0; cap != 0 && i < COUNT(bars) * COUNT(offsets) * COUNT(lens);
         i++) {
        pci_write(t->dev.pci, cap + 4, bars[i % COUNT(bars)]);
        pci_write(t->dev.pci, cap + 8,
                  offsets[i / COUNT(bars) % COUNT(offsets)]);
        pci_write(t->dev.pci, cap + 12, lens[i / COUNT(bars) / COUNT(offsets)]);
        (void) pci_read(t->dev.pci, cap + 16);
        if (bars[i % COUNT(bars)] != 4)
            pci_write(t->dev.pci, cap + 16, random32());
    }
    return seen(t);
}

/* Read-only fields, too; BARs and the command register come back after. */
static u32
pci_config_at_random(Target *t)
{
    u32 kept[CONFIG / 4];
    PciDev dev = t->dev.pci;

    for (u32 i = 0; i < CONFIG / 4; i++)
        kept[i] = pci_read(dev, i * 4);
    for (u32 i = 0; i < 1000; i++)
        pci_write(dev, random32() % (CONFIG / 4) * 4, random32());
    for (u32 i = 0; i < CONFIG / 4; i++)
        pci_write(dev, i * 4, kept[i]);
    return seen(t);
}

static u32
bar_moves(Target *t)
{
    PciDev dev = t->dev.pci;
    u32 bar = pci_read(dev, 0x20);

    for (u32 i = 0; i < 50; i++) {
        pci_write(dev, 0x20, random32());
        virtq_ring_doorbell(&t->q);
        pci_write(dev, 0x20, i % 2 == 0 ? 0xfee00000u : 0x100000u);
        (void) virtio_status(&t->dev);
    }
    pci_write(dev, 0x20, bar);
    return seen(t);
}

static u32
vectors_outside(Target *t)
{
    u32 c = t->dev.common;

    REG16(c + VIRTIO_CONFIG_VECTOR) = 0x1234;
    REG16(c + VIRTIO_QUEUE_VECTOR) = 0x4321;
    bool none = REG16(c + VIRTIO_CONFIG_VECTOR) == 0xffff &&
                REG16(c + VIRTIO_QUEUE_VECTOR) == 0xffff;
    return none ? IGNORED : USED;
}

static u32
vectors_lead_astray(Target *t)
{
    u32 cap = pci_capability(t->dev.pci, CAP_MSIX, 0);
    u32 where = pci_read(t->dev.pci, cap + 4);
    u32 table = pci_bar(t->dev.pci, where & 7) + (where & ~7u);
    u32 n = (pci_read(t->dev.pci, cap) >> 16 & 0x7ff) + 1;

    for (u32 i = 0; i < n && i < VECTORS; i++) {
        REG32(table + i * 16) = random32() & ~0xfee00000u; /* no interrupt */
        REG32(table + i * 16 + 4) = i % 2 == 0 ? 0 : random32();
        REG32(table + i * 16 + 8) = random32();
        REG32(table + i * 16 + 12) = i % 3 == 2;
    }
    return target_offer(t, t->q.size); /* raises the configuration's */
}

#define EITHER (RESET | USED | IGNORED)

/* clang-format off */
const Attack transport_attacks[] = {
    { "VQ14-sizes",            NULL, EITHER,         0, false, size_0 },
    { "VQ16-queue-outside",    NULL, RESET | IGNORED, 0, true, queue_outside },
    { "VQ17-notify-early",     NULL, IGNORED,        0, false, notify_early },
    { "VQ18-unknown-features", NULL, REFUSED,        0, false, features_late },
    { "VQ19-reset-in-flight",  NULL, RESET | IGNORED, 0, true, reset_at_once },
    { "VQ26-registers",        NULL, RESET | IGNORED, 0, true, registers_at_random },
    { "VQ26-configuration",    NULL, RESET | IGNORED, 0, true, configuration_at_random },
    { "VQ26-window",           NULL, RESET | IGNORED, 0, true, window_outside },
    { "VQ26-pci-config",       NULL, RESET | IGNORED, 0, true, pci_config_at_random },
    { "VQ26-bar-moves",        NULL, RESET | IGNORED, 0, true, bar_moves },
    { "VQ27-no-such-vector",   NULL, IGNORED,        0, true, vectors_outside },
    { "VQ27-vector-astray",    NULL, RESET,          0, true, vectors_lead_astray },
    { NULL, NULL, 0, 0, false, NULL },
};
/* clang-format on */
