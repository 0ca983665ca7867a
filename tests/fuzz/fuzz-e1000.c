/* tests/fuzz/fuzz-e1000.c - a guest that does anything to the 82540EM's
 * registers and rings, and frames of any kind from the cable. Afterwards the
 * card, reset, sends. */
#include "devices/net/e1000-regs.h"
#include "tests/fuzz/nic-ops.h"

extern const DeviceClass e1000_class;

/* Ring registers first, and more than once, as most depends on them. */
static const guint16 regs[] = {
    E1000_TDT,  E1000_TDT,      E1000_TDH,       E1000_TDLEN, E1000_TDBAL,
    E1000_RDT,  E1000_RDT,      E1000_RDH,       E1000_RDLEN, E1000_RDBAL,
    E1000_TCTL, E1000_RCTL,     E1000_RCTL,      E1000_CTRL,  E1000_STATUS,
    E1000_EECD, E1000_EERD,     E1000_MDIC,      E1000_ICR,   E1000_ICS,
    E1000_IMS,  E1000_IMC,      E1000_ITR,       E1000_RDBAH, E1000_TDBAH,
    E1000_VET,  E1000_RXCSUM,   E1000_MTA,       E1000_RA,    E1000_RA + 4,
    E1000_VFTA, E1000_MTA + 60, E1000_STATS + 64};

static NicRig rig;

static void
check_sends(void)
{
    guint8 *ram = fake_ram(rig.vm);

    nr_config_write(&rig, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
                    2);
    nr_pattern(ram + 0x10000, 100, 1);
    nr_put64(&rig, NIC_OPS_RING, 0x10000);
    nr_put64(&rig, NIC_OPS_RING + 8, 100 | (guint32) TXD_CMD_EOP << 24);
    nr_write(&rig, E1000_TDBAL, NIC_OPS_RING);
    nr_write(&rig, E1000_TDLEN, 128);
    nr_write(&rig, E1000_TCTL, TCTL_EN);
    nr_write(&rig, E1000_TDT, 1);
    if (!nr_host_gets_pattern(&rig, 100, 1))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (rig.vm == NULL)
        nic_rig_init(&rig, &e1000_class, NULL, 0);
    else
        nic_rig_map(&rig);
    const NicOps ops = {regs, G_N_ELEMENTS(regs), rig.vm->env.mmio, NR_MMIO};
    for (unsigned i = 0; i < 16; i++) /* buffers that are RAM */
        nr_put64(&rig, NIC_OPS_RING + 16 * i, 0x40000 + 0x1000 * i);
    nic_ops_run(&rig, &ops, data, size);
    nic_rig_map(&rig);
    check_sends();
    return 0;
}
