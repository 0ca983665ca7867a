/* tests/fuzz/fuzz-rtl8029.c - a guest that does anything to an NE2000's ports,
 * and frames of any kind from the cable. Afterwards the card, reset, sends. */
#include "devices/net/dp8390.h"
#include "tests/fuzz/nic-ops.h"

extern const DeviceClass rtl8029_class;

static const guint16 ports[] = {
    DP_CR,    DP_CR,    DP_CR,    DP_PSTART, DP_PSTOP, DP_BNRY,
    DP_TPSR,  DP_TBCR0, DP_TBCR1, DP_ISR,    DP_RSAR0, DP_RSAR1,
    DP_RBCR0, DP_RBCR1, DP_RCR,   DP_TCR,    DP_DCR,   DP_IMR,
    DP_DATA,  DP_DATA,  DP_RESET, 0x13,      0x1f};

static NicRig rig;

static void
out(unsigned reg, guint8 value)
{
    fake_out8(rig.vm, (guint16) (NR_PORTS + reg), value);
}

static void
check_sends(void)
{
    guint8 frame[100];

    nr_pattern(frame, sizeof frame, 1);
    out(DP_DCR, 0);
    out(DP_RSAR0, 0);
    out(DP_RSAR1, 0x40);
    out(DP_RBCR0, sizeof frame);
    out(DP_CR, CR_STA | 2 << 3);
    for (unsigned i = 0; i < sizeof frame; i++)
        out(DP_DATA, frame[i]);
    out(DP_TPSR, 0x40);
    out(DP_TBCR0, sizeof frame);
    out(DP_CR, CR_STA | CR_TXP | 0x20);
    nr_run(&rig);
    if (!nr_host_gets_pattern(&rig, sizeof frame, 1))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (rig.vm == NULL)
        nic_rig_init(&rig, &rtl8029_class, NULL, 0);
    else
        nic_rig_map(&rig);
    const NicOps ops = {ports, G_N_ELEMENTS(ports), rig.vm->env.ports,
                        NR_PORTS};
    out(DP_PSTART, 0x4c); /* a ring that is one */
    out(DP_PSTOP, 0x80);
    out(DP_BNRY, 0x4c);
    out(DP_RCR, DP_RCR_PRO);
    out(DP_CR, CR_STA | 0x60);
    out(DP_CURR, 0x4d);
    out(DP_CR, CR_STA | 0x20);
    nic_ops_run(&rig, &ops, data, size);
    nic_rig_map(&rig);
    check_sends();
    return 0;
}
