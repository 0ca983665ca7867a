/* tests/fuzz/fuzz-pcnet.c - a guest that does anything to the Am79C973's ports,
 * registers and rings, and frames of any kind from the cable. Afterwards the
 * card, reset, sends. */
#include "devices/net/pcnet-regs.h"
#include "tests/fuzz/nic-ops.h"

extern const DeviceClass pcnet_class;

static const guint16 ports[] = {
    PCNET_RDP_W, PCNET_RDP_W,   PCNET_RDP_W, PCNET_RAP_W,
    PCNET_RAP_W, PCNET_BDP_W,   PCNET_BDP_W, PCNET_RESET_W,
    PCNET_RAP_D, PCNET_RESET_D, PCNET_BDP_D, 0,
    13};

static NicRig rig;

static void
set_csr(unsigned n, guint16 value)
{
    fake_out16(rig.vm, NR_PORTS + PCNET_RAP_W, (guint16) n);
    fake_out16(rig.vm, NR_PORTS + PCNET_RDP_W, value);
    nr_run(&rig);
}

/* Rings of one, without an initialization block. */
static void
check_sends(void)
{
    set_csr(CSR_SWSTYLE, 2);
    set_csr(CSR_TX_BASE, NIC_OPS_RING);
    set_csr(CSR_TX_BASE + 1, 0);
    set_csr(CSR_XMTRL, 0xffff);
    nr_pattern(fake_ram(rig.vm) + 0x10000, 100, 1);
    nr_put32(&rig, NIC_OPS_RING, 0x10000);
    nr_put32(&rig, NIC_OPS_RING + 4,
             (guint32) (MD_OWN | MD_STP | MD_ENP) << 16 | (0x10000 - 100));
    set_csr(0, CSR0_STRT | CSR0_TDMD);
    if (!nr_host_gets_pattern(&rig, 100, 1))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (rig.vm == NULL)
        nic_rig_init(&rig, &pcnet_class, NULL, 0);
    else
        nic_rig_map(&rig);
    const NicOps ops = {ports, G_N_ELEMENTS(ports), rig.vm->env.ports,
                        NR_PORTS};
    /* rings of eight that are the card's, and a block that names them */
    for (unsigned i = 0; i < 16; i++) {
        nr_put32(&rig, NIC_OPS_RING + 0x100 + 16 * i, 0x40000 + 0x1000 * i);
        nr_put32(&rig, NIC_OPS_RING + 0x104 + 16 * i, 0x8000f800);
    }
    nr_put32(&rig, NIC_OPS_RING, 0x30300000);
    nr_put32(&rig, NIC_OPS_RING + 20, NIC_OPS_RING + 0x100);
    nr_put32(&rig, NIC_OPS_RING + 24, NIC_OPS_RING + 0x180);
    set_csr(CSR_SWSTYLE, 2);
    set_csr(CSR_IADR, NIC_OPS_RING);
    set_csr(0, CSR0_INIT | CSR0_STRT | CSR0_IENA);
    nic_ops_run(&rig, &ops, data, size);
    nic_rig_map(&rig);
    check_sends();
    return 0;
}
