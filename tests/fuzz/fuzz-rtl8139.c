/* tests/fuzz/fuzz-rtl8139.c - a guest that does anything to the RTL8139C+'s
 * registers, slots and rings, and frames of any kind from the cable. Afterwards
 * the card, reset, sends. */
#include "devices/net/rtl8139-regs.h"
#include "tests/fuzz/nic-ops.h"

extern const DeviceClass rtl8139_class;

static const guint16 regs[] = {
    RTL_TSD0,      RTL_TSD0 + 4,  RTL_TSD0 + 8, RTL_TSD0 + 12, RTL_TSAD0,
    RTL_TSAD0 + 4, RTL_TSAD0 + 8, RTL_RBSTART,  RTL_CR,        RTL_CR,
    RTL_CAPR,      RTL_CBR,       RTL_IMR,      RTL_ISR,       RTL_TCR,
    RTL_RCR,       RTL_RCR,       RTL_TCTR,     RTL_MPC,       RTL_9346CR,
    RTL_CONFIG1,   RTL_TIMERINT,  RTL_MSR,      RTL_TSAD,      RTL_BMCR,
    RTL_ANAR,      RTL_TPPOLL,    RTL_TPPOLL,   RTL_CPCR,      RTL_CPCR,
    RTL_RDSAR,     RTL_RDSAR + 4, RTL_IDR0,     RTL_MAR0,      0xfd};

static NicRig rig;

static void
check_sends(void)
{
    nr_pattern(fake_ram(rig.vm) + 0x10000, 100, 1);
    io_write(rig.vm->env.mmio, NR_MMIO + RTL_CR, CR_TE, 1);
    nr_write(&rig, RTL_TSAD0, 0x10000);
    nr_write(&rig, RTL_TSD0, 100);
    if (!nr_host_gets_pattern(&rig, 100, 1))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (rig.vm == NULL)
        nic_rig_init(&rig, &rtl8139_class, NULL, 0);
    else
        nic_rig_map(&rig);
    const NicOps ops = {regs, G_N_ELEMENTS(regs), rig.vm->env.mmio, NR_MMIO};
    for (unsigned i = 0; i < 64; i++) { /* descriptors that are the card's */
        nr_put32(&rig, NIC_OPS_RING + 16 * i, DESC_OWN | 1600);
        nr_put32(&rig, NIC_OPS_RING + 16 * i + 4, 0);
        nr_put64(&rig, NIC_OPS_RING + 16 * i + 8, 0x40000 + 0x1000 * i);
    }
    nic_ops_run(&rig, &ops, data, size);
    nic_rig_map(&rig);
    check_sends();
    return 0;
}
