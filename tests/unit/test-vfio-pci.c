/* tests/unit/test-vfio-pci.c - what a guest sees of a passed-through function:
 * configuration space, BARs, interrupts, expansion ROM. */
#include <string.h>

#include "devices/chipset/pcie-root-port.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/pci-config.h"
#include "tests/unit/vfio-fake.h"
#include "vmm/core/sysutil.h"

#define BAR0_AT  0xd0000000u
#define ENTRY(v) (BAR0_AT + VF_TABLE + 16 * (v))
#define MSG      0xfee01000u
#define ENABLE   0x8000u
#define MASK_ALL 0x4000u
#define IRQ_INTX 0
#define IRQ_MSI  1
#define IRQ_MSIX 2
#define IRQ_ERR  3
#define IRQ_REQ  4
#define MS       G_GINT64_CONSTANT(1000000)

static VfFunction *
card(VfioRig *r)
{
    return &r->fake->fn[0];
}

static void
place_bars(VfioRig *r)
{
    vfio_rig_write(r, PCI_BAR0, BAR0_AT, 4);
    vfio_rig_write(r, PCI_BAR0 + 8, 0xc000, 4);
    vfio_rig_write(r, PCI_COMMAND, 7, 2);
}

/* ---- configuration space ---- */

static void
test_ids(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, 0, 4), 0x10c98086);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_CLASS_DEVICE, 2), 0x0200);
    vfio_rig_write(&r, 0, 0x12345678, 4);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, 0, 4), 0x10c98086);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->config, 0), 0x10c98086);
    vfio_rig_end(&r);
}

static void
test_chain(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_CAPABILITY_LIST, 1), VF_PM);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_PM + 1, 1), VF_MSI);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_MSI + 1, 1), VF_MSIX);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_MSIX + 1, 1), VF_EXP);
    /* the vital product data, which hangs some devices, is not there */
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_EXP + 1, 1), VF_VEND);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_VPD, 4), 0);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_VEND + 1, 1), 0);
    vfio_rig_end(&r);
}

/* Decoding stays on in the device; the guest sees what it wrote. */
static void
test_command(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_COMMAND, 2), 0);
    CU_ASSERT_EQUAL(pci_get16(card(&r)->config, PCI_COMMAND), 0x0003);
    vfio_rig_write(&r, PCI_COMMAND, 0x0404, 2);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_COMMAND, 2), 0x0404);
    CU_ASSERT_EQUAL(pci_get16(card(&r)->config, PCI_COMMAND), 0x0007);
    vfio_rig_end(&r);
}

static void
test_bar_registers(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    vfio_rig_write(&r, PCI_BAR0, 0xffffffff, 4);
    vfio_rig_write(&r, PCI_BAR0 + 4, 0xffffffff, 4);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_BAR0, 4), 0xffffc00c);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_BAR0 + 4, 4), 0xffffffff);
    vfio_rig_write(&r, PCI_BAR0 + 8, 0xffffffff, 4);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_BAR0 + 8, 4), 0xffffffe1);
    /* the host's addresses are the host's business */
    CU_ASSERT_EQUAL(pci_get32(card(&r)->config, PCI_BAR0), 0x0000000c);
    vfio_rig_end(&r);
}

static void
test_power(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_PM + 2, 2), 0x0003); /* no PME */
    vfio_rig_write(&r, VF_PM + 4, 0xffff, 2);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_PM + 4, 2), 0x000b);
    CU_ASSERT_EQUAL(pci_get16(card(&r)->config, VF_PM + 4), 0);
    vfio_rig_end(&r);
}

static void
give_link(VfioFake *fake)
{
    pci_put32(fake->fn[0].config, VF_EXP + 0x0c, 0x0043f842);
    pci_put32(fake->fn[0].config, VF_EXP + 0x10, 0x10420042);
}

static void
test_express(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    /* an endpoint of the chip set, without a link */
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_EXP + 2, 2), 0x0092);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_EXP + 0x0c, 4), 0);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_EXP + 4, 4), 0x10008000);
    /* a function level reset is the kernel's work */
    vfio_rig_write(&r, VF_EXP + 8, 0x8000, 2);
    CU_ASSERT_EQUAL(pci_get16(card(&r)->config, VF_EXP + 8), 0x8000);
    vfio_rig_end(&r);
}

static Device *
put_behind_port(VfioRig *r)
{
    Device *port = device_new(&pcie_root_port_class, "port");

    device_set_link(port, "bus", r->bus);
    device_set_u64(port, "addr", PCI_DEVFN(4, 0), NULL);
    fake_vm_realize(r->vm, port);
    device_unrealize(r->dev);
    device_set_link(r->dev, "bus", pcie_root_port_bus(port));
    (void) device_set_u64(r->dev, "addr", 0, NULL);
    fake_vm_realize(r->vm, r->dev);
    return port;
}

static void
make_integrated(VfioFake *fake)
{
    pci_put16(fake->fn[0].config, VF_EXP + 2, 0x0092);
    pci_put32(fake->fn[0].config, VF_EXP + 0x0c, 0);
    pci_put32(fake->fn[0].config, VF_EXP + 0x10, 0x00000003);
}

/* A part of the host's chip set has no link of its own; it is given one. */
static void
test_integrated_behind_a_port(void)
{
    VfioRig r;

    vfio_rig_begin_with(&r, make_integrated);
    Device *port = put_behind_port(&r);
    PciBus *behind = pcie_root_port_bus(port);
    CU_ASSERT_EQUAL(pci_config_get(behind, 0, VF_EXP + 2, 2), 0x0002);
    CU_ASSERT_EQUAL(pci_config_get(behind, 0, VF_EXP + 0x0c, 4), 0x11);
    CU_ASSERT_EQUAL(pci_config_get(behind, 0, VF_EXP + 0x10, 4), 0x00110000);
    CU_ASSERT_EQUAL(pci_config_get(behind, 0, VF_EXP + 4, 4), 0x10008000);
    device_free(r.dev);
    r.dev = NULL;
    device_free(port);
    vfio_rig_end(&r);
}

/* Link capabilities as the fake card has them, link control without ASPM; the
 * rest of the capability as on bus 0. */
static void
test_behind_a_port(void)
{
    VfioRig r;

    vfio_rig_begin_with(&r, give_link);
    Device *port = put_behind_port(&r);
    PciBus *behind = pcie_root_port_bus(port);
    CU_ASSERT_EQUAL(pci_config_get(behind, 0, VF_EXP + 2, 2), 0x0002);
    CU_ASSERT_EQUAL(pci_config_get(behind, 0, VF_EXP + 0x0c, 4), 0x0043f842);
    pci_config_set(behind, 0, VF_EXP + 0x10, 0x0003, 2);
    CU_ASSERT_EQUAL(pci_config_get(behind, 0, VF_EXP + 0x10, 4), 0x10420000);
    CU_ASSERT_EQUAL(pci_get16(card(&r)->config, VF_EXP + 0x10), 0x0042);
    device_free(r.dev);
    r.dev = NULL;
    device_free(port);
    vfio_rig_end(&r);
}

static void
test_vendor_bytes(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_VEND + 4, 1), 0x5a);
    card(&r)->config[VF_VEND + 4] = 0x77; /* it changes by itself */
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_VEND + 4, 1), 0x77);
    vfio_rig_write(&r, VF_VEND + 4, 0x33, 1);
    CU_ASSERT_EQUAL(card(&r)->config[VF_VEND + 4], 0x33);
    vfio_rig_end(&r);
}

/* Whatever the guest writes anywhere, ids, BARs, power state and interrupt
 * registers of the device stay as the host has set them. */
static void
test_wild_writes(void)
{
    static const struct {
        unsigned offset, len;
    } hosts[] = {{0, 4},       {6, 0x3a},     {VF_PM, 8},
                 {VF_MSI, 24}, {VF_MSIX, 12}, {VF_EXP, 4}};
    VfioRig r;
    guint8 before[256];

    vfio_rig_begin(&r);
    memcpy(before, card(&r)->config, sizeof before);
    for (unsigned offset = 0; offset < 256; offset++)
        for (unsigned value = 0; value < 256; value += 51)
            vfio_rig_write(&r, offset, value, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++)
        CU_ASSERT_EQUAL(memcmp(before + hosts[i].offset,
                               card(&r)->config + hosts[i].offset,
                               hosts[i].len),
                        0);
    CU_ASSERT_EQUAL(card(&r)->config[PCI_COMMAND] & 3, 3);
    vfio_rig_end(&r);
}

/* ---- the extended half ---- */

#define X_AER   0x100u
#define X_SRIOV 0x148u
#define X_DSN   0x200u
#define X_VEND  0x240u
#define X_REBAR 0x280u

static void
extend(VfioFake *fake)
{
    guint8 *c = fake->fn[0].config;

    pci_put32(c, X_AER, X_SRIOV << 20 | 0x20001);
    pci_put32(c, X_SRIOV, X_DSN << 20 | 0x10010);
    pci_put32(c, X_SRIOV + 0x10, 7);
    pci_put32(c, X_DSN, X_VEND << 20 | 0x10003);
    pci_put32(c, X_DSN + 4, 0xdeadbeef);
    pci_put32(c, X_VEND, X_REBAR << 20 | 0x1000b);
    pci_put32(c, X_VEND + 4, 0x00c00000); /* 12 bytes */
    pci_put32(c, X_VEND + 8, 0x77);
    pci_put32(c, X_REBAR, X_AER << 20 | 0x10015); /* bites its tail */
    pci_put32(c, 0x800, 0x55);                    /* in no capability */
}

static void
hide_first(VfioFake *fake)
{
    extend(fake);
    pci_put32(fake->fn[0].config, X_AER, X_DSN << 20 | 0x1000f); /* ATS */
}

static void
test_extended_chain(void)
{
    VfioRig r;

    vfio_rig_begin_with(&r, extend);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_AER, 4), X_DSN << 20 | 0x20001);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_DSN, 4), X_VEND << 20 | 0x10003);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_DSN + 4, 4), 0xdeadbeef);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_VEND, 4), 0x1000b);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_VEND + 8, 2), 0x77);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_SRIOV, 4), 0);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_SRIOV + 0x10, 4), 0);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, 0x800, 4), 0);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, 0xffe, 4), 0xffffffff); /* too far */
    vfio_rig_end(&r);
    vfio_rig_begin_with(&r, hide_first);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_AER, 4), X_DSN << 20);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_AER + 4, 4), 0);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_DSN, 4), X_VEND << 20 | 0x10003);
    vfio_rig_end(&r);
}

static void
test_extended_writes(void)
{
    VfioRig r;

    vfio_rig_begin_with(&r, extend);
    vfio_rig_write(&r, X_AER + 0x08, 0x1234, 4);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->config, X_AER + 8), 0x1234);
    vfio_rig_write(&r, X_AER, 0, 4);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->config, X_AER),
                    X_SRIOV << 20 | 0x20001);
    vfio_rig_write(&r, X_SRIOV + 0x10, 0, 4);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->config, X_SRIOV + 0x10), 7);
    vfio_rig_write(&r, 0x800, 0, 4);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->config, 0x800), 0x55);
    vfio_rig_end(&r);
}

static void
test_extended_absent(void)
{
    VfioRig r;

    vfio_rig_begin(&r); /* nothing at 0x100 */
    CU_ASSERT_EQUAL(vfio_rig_read(&r, X_AER, 4), 0);
    vfio_rig_write(&r, X_AER, 1, 4);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->config, X_AER), 0);
    vfio_rig_end(&r);
}

/* ---- BARs ---- */

static void
test_direct_memory(void)
{
    VfioRig r;
    unsigned before;

    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(r.fake->mmaps, 1); /* up to the table */
    place_bars(&r);
    fake_mmio_write(r.vm, BAR0_AT + 0x10, 0xcafe, 4);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->bar0, 0x10), 0xcafe);
    /* no model's DMA reaches the device */
    CU_ASSERT_NOT_EQUAL(guest_mem_read(r.vm->env.mem, BAR0_AT, &before, 4), 0);
    vfio_rig_end(&r);
}

static void
test_ports(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    place_bars(&r);
    fake_out16(r.vm, 0xc004, 0xbeef);
    CU_ASSERT_EQUAL(pci_get16(card(&r)->bar2, 4), 0xbeef);
    CU_ASSERT_EQUAL(fake_in8(r.vm, 0xc005), 0xbe);
    vfio_rig_write(&r, PCI_COMMAND, 0, 2);
    CU_ASSERT_EQUAL(fake_in16(r.vm, 0xc004), 0xffff);
    vfio_rig_end(&r);
}

static void
test_moves(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    place_bars(&r);
    vfio_rig_write(&r, PCI_BAR0, 0xd8000000, 4);
    pci_put32(card(&r)->bar0, 0x20, 0x1234);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, 0xd8000020, 4), 0x1234);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, BAR0_AT + 0x20, 4), 0xffffffff);
    vfio_rig_end(&r);
}

/* What the guest writes into its table never reaches the host's. */
static void
test_table_is_apart(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    place_bars(&r);
    fake_mmio_write(r.vm, ENTRY(0), MSG, 4);
    fake_mmio_write(r.vm, ENTRY(0) + 8, 0x41, 4);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, ENTRY(0), 8), MSG);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, ENTRY(4) + 12, 4), 1);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->bar0, VF_TABLE), 0);
    /* the rest of the page is the device's */
    fake_mmio_write(r.vm, ENTRY(VF_VECTORS), 0x99, 4);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->bar0, VF_TABLE + 16 * VF_VECTORS),
                    0x99);
    vfio_rig_end(&r);
}

/* ---- interrupts ---- */

static void
set_entry(VfioRig *r, unsigned v, guint32 data)
{
    fake_mmio_write(r->vm, ENTRY(v), MSG, 8);
    fake_mmio_write(r->vm, ENTRY(v) + 8, data, 4);
    fake_mmio_write(r->vm, ENTRY(v) + 12, 0, 4);
}

static void
test_msix(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    place_bars(&r);
    vfio_rig_write(&r, VF_MSIX + 2, ENABLE | MASK_ALL, 2);
    /* all are reserved at once, as the kernel cannot enlarge them */
    CU_ASSERT_EQUAL(card(&r)->n_irqs[IRQ_MSIX], VF_VECTORS);
    set_entry(&r, 3, 0x43);
    CU_ASSERT_EQUAL(card(&r)->irq[IRQ_MSIX][3], -1);
    vfio_rig_write(&r, VF_MSIX + 2, ENABLE, 2);
    CU_ASSERT_TRUE(card(&r)->irq[IRQ_MSIX][3] >= 0);
    CU_ASSERT_EQUAL(card(&r)->irq[IRQ_MSIX][0], -1);
    vfio_rig_write(&r, VF_MSIX + 2, 0, 2);
    CU_ASSERT_EQUAL(card(&r)->n_irqs[IRQ_MSIX], 0);
    vfio_rig_end(&r);
}

/* Without KVM nobody takes the signal from the eventfd, as while masked. */
static void
test_pending(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    place_bars(&r);
    vfio_rig_write(&r, VF_MSIX + 2, ENABLE, 2);
    set_entry(&r, 2, 0x42);
    fake_mmio_write(r.vm, ENTRY(2) + 12, 1, 4);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, BAR0_AT + VF_PBA, 4), 0);
    sys_eventfd_signal(card(&r)->irq[IRQ_MSIX][2]);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, BAR0_AT + VF_PBA, 4), 4);
    vfio_rig_end(&r);
}

static void
test_few_vectors(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    place_bars(&r);
    r.fake->vectors = 2;
    vfio_rig_write(&r, VF_MSIX + 2, ENABLE, 2);
    CU_ASSERT_EQUAL(card(&r)->n_irqs[IRQ_MSIX], 2);
    set_entry(&r, 1, 0x41);
    set_entry(&r, 4, 0x44);
    CU_ASSERT_TRUE(card(&r)->irq[IRQ_MSIX][1] >= 0);
    CU_ASSERT_EQUAL(card(&r)->irq[IRQ_MSIX][4], -1);
    vfio_rig_end(&r);
}

static void
test_msi(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    vfio_rig_write(&r, VF_MSI + 4, MSG, 4);
    vfio_rig_write(&r, VF_MSI + 12, 0x51, 2);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_MSI + 12, 2), 0x51);
    vfio_rig_write(&r, VF_MSI + 2, 1, 2);
    CU_ASSERT_EQUAL(card(&r)->n_irqs[IRQ_MSI], 1);
    CU_ASSERT_TRUE(card(&r)->irq[IRQ_MSI][0] >= 0);
    CU_ASSERT_EQUAL(card(&r)->n_irqs[IRQ_INTX], 0); /* one kind at a time */
    vfio_rig_write(&r, VF_MSI + 2, 0, 2);
    CU_ASSERT_EQUAL(card(&r)->n_irqs[IRQ_MSI], 0);
    CU_ASSERT_EQUAL(card(&r)->n_irqs[IRQ_INTX], 1);
    vfio_rig_end(&r);
}

static void
test_intx(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_INTERRUPT_PIN, 1), 1);
    CU_ASSERT_EQUAL(card(&r)->n_irqs[IRQ_INTX], 1);
    sys_eventfd_signal(card(&r)->irq[IRQ_INTX][0]);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT,
                    PCI_STATUS_INTERRUPT);
    CU_ASSERT_EQUAL(r.fake->unmasks, 0);
    fake_advance(r.vm, 1 * MS);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, 0);
    CU_ASSERT_EQUAL(r.fake->unmasks, 1);
    vfio_rig_end(&r);
}

static int
route_of(void *data, unsigned pirq)
{
    return *(const int *) data;
}

static void
no_level(void *data, unsigned pirq, bool level)
{
    if (level)
        CU_FAIL("the bus drives a line that KVM has");
}

/* A chip set that tells where INTx goes, and a backend that can bind. */
static void
make_direct(VfioRig *r, int *route)
{
    r->vm->can_bind = true;
    pci_bus_set_irq_router(r->bus, no_level, route);
    pci_bus_set_irq_route(r->bus, route_of);
    pci_bus_refresh_irqs(r->bus);
}

static bool
bound(const VfioRig *r, int pin)
{
    const VfFunction *fn = &r->fake->fn[0];

    return fn->irq[IRQ_INTX][0] >= 0 && fn->unmask_fd >= 0 &&
           r->vm->pin_fd[pin] == fn->irq[IRQ_INTX][0] &&
           r->vm->pin_over_fd[pin] == fn->unmask_fd &&
           r->vm->binds == r->vm->unbinds + 1;
}

static void
test_intx_direct(void)
{
    VfioRig r;
    int pin = 11;

    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(card(&r)->unmask_fd, -1);
    make_direct(&r, &pin);
    CU_ASSERT_TRUE(bound(&r, 11));
    sys_eventfd_signal(card(&r)->irq[IRQ_INTX][0]);
    fake_advance(r.vm, 1 * MS); /* the loop does not listen */
    CU_ASSERT_EQUAL(vfio_pci_slow_interrupts(r.dev), 0);
    CU_ASSERT_PTR_NULL(strstr(r.vm->log->str, "slow way"));
    CU_ASSERT_EQUAL(r.fake->unmasks, 0);
    vfio_rig_write(&r, VF_MSI + 2, 1, 2); /* messages take its place */
    CU_ASSERT_EQUAL(r.vm->binds, r.vm->unbinds);
    CU_ASSERT_EQUAL(card(&r)->unmask_fd, -1);
    vfio_rig_write(&r, VF_MSI + 2, 0, 2);
    CU_ASSERT_TRUE(bound(&r, 11));
    device_reset(r.dev, RESET_WARM);
    CU_ASSERT_TRUE(bound(&r, 11));
    device_unrealize(r.dev);
    CU_ASSERT_EQUAL(r.vm->binds, r.vm->unbinds);
    vfio_rig_end(&r);
}

static void
test_intx_moves(void)
{
    VfioRig r;
    int pin = 11;

    vfio_rig_begin(&r);
    make_direct(&r, &pin);
    guint unmasks = r.fake->unmasks;
    pin = 5;
    pci_bus_refresh_irqs(r.bus);
    CU_ASSERT_TRUE(bound(&r, 5));
    CU_ASSERT_EQUAL(r.fake->unmasks, unmasks + 1); /* what began at 11 */
    pci_bus_refresh_irqs(r.bus);                   /* another one's route */
    CU_ASSERT_EQUAL(r.fake->unmasks, unmasks + 1);
    pin = PCI_INTX_NOWHERE;
    pci_bus_refresh_irqs(r.bus);
    CU_ASSERT_EQUAL(r.vm->binds, r.vm->unbinds);
    pin = 5;
    pci_bus_refresh_irqs(r.bus);
    CU_ASSERT_TRUE(bound(&r, 5));
    vfio_rig_write(&r, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
    CU_ASSERT_EQUAL(r.vm->binds, r.vm->unbinds);
    vfio_rig_write(&r, PCI_COMMAND, 0, 2);
    CU_ASSERT_TRUE(bound(&r, 5));
    vfio_rig_end(&r);
}

static void
test_intx_status(void)
{
    VfioRig r;
    int pin = 9;

    vfio_rig_begin(&r);
    make_direct(&r, &pin);
    card(&r)->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT,
                    PCI_STATUS_INTERRUPT);
    vfio_rig_write(&r, VF_MSI + 2, 1, 2);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, 0);
    vfio_rig_end(&r);
}

static void
test_intx_refused(void)
{
    VfioRig r;
    int pin = PCI_INTX_NOWHERE;

    vfio_rig_begin(&r);
    pci_bus_set_irq_router(r.bus, NULL, &pin);
    pci_bus_set_irq_route(r.bus, route_of);
    pci_bus_refresh_irqs(r.bus);
    pin = 9;
    pci_bus_refresh_irqs(r.bus); /* the backend cannot: the loop again */
    CU_ASSERT_EQUAL(r.vm->binds, 0);
    sys_eventfd_signal(card(&r)->irq[IRQ_INTX][0]);
    fake_advance(r.vm, 1 * MS);
    CU_ASSERT_EQUAL(vfio_pci_slow_interrupts(r.dev), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->log->str, "slow way"));
    CU_ASSERT_EQUAL(r.fake->unmasks, 1);
    vfio_rig_end(&r);
}

static void
test_host_asks(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    sys_eventfd_signal(card(&r)->irq[IRQ_REQ][0]);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(r.wanted, 1);
    CU_ASSERT_EQUAL(r.failed, 0);
    sys_eventfd_signal(card(&r)->irq[IRQ_ERR][0]);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(r.failed, 1);
    vfio_rig_end(&r);
}

/* ---- cards that show configuration space twice ---- */

#define NV_MIRROR 0x88000u
#define NV_OLD    0x1800u

static void
be_nvidia(VfioFake *fake)
{
    guint8 *c = fake->fn[0].config;

    vfio_fake_grow(fake, 0x100000);
    fake->ports = 5;
    pci_put16(c, PCI_VENDOR_ID, 0x10de);
    pci_put16(c, PCI_CLASS_DEVICE, 0x0300);
    pci_put32(c, PCI_BAR0 + 8, 0);
    pci_put32(c, PCI_BAR0 + 20, 1);
    memcpy(fake->fn[0].bar0 + NV_MIRROR, c, 256);
    pci_put32(fake->fn[0].bar0 + NV_MIRROR, PCI_BAR0, 0x1234000c);
}

static void
be_nvidia_sound(VfioFake *fake)
{
    be_nvidia(fake);
    pci_put16(fake->fn[0].config, PCI_CLASS_DEVICE, 0x0403);
}

static void
test_mirror(void)
{
    VfioRig r;

    vfio_rig_begin_with(&r, be_nvidia);
    /* around the old place, the table with its pending bits, and the new one */
    CU_ASSERT_EQUAL(r.fake->mmaps, 3);
    vfio_rig_write(&r, PCI_BAR0, BAR0_AT, 4);
    vfio_rig_write(&r, PCI_COMMAND, 7, 2);
    const guint64 mirror = BAR0_AT + NV_MIRROR;
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, mirror + PCI_BAR0, 4), BAR0_AT | 0xc);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, BAR0_AT + NV_OLD + PCI_BAR0, 4),
                    BAR0_AT | 0xc);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, mirror + PCI_COMMAND, 2), 7);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, mirror, 8) & 0xffffffff, 0x10c910de);
    /* the guest's own MSI, not the host's */
    fake_mmio_write(r.vm, mirror + VF_MSI + 4, MSG, 4);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, VF_MSI + 4, 4), MSG);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->bar0, NV_MIRROR + VF_MSI + 4), 0);
    /* the register that re-arms MSI is the device's, and so is all else */
    fake_mmio_write(r.vm, mirror + 0x704, 0xff, 4);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->bar0, NV_MIRROR + 0x704), 0xff);
    fake_mmio_write(r.vm, BAR0_AT + 0x90000, 0xcafe, 4);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->bar0, 0x90000), 0xcafe);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->log->str, "re-arms MSI"));
    vfio_rig_end(&r);
}

/* The write takes away the BAR that it came by. */
static void
test_mirror_ends(void)
{
    VfioRig r;

    vfio_rig_begin_with(&r, be_nvidia);
    vfio_rig_write(&r, PCI_BAR0, BAR0_AT, 4);
    vfio_rig_write(&r, PCI_COMMAND, 7, 2);
    fake_mmio_write(r.vm, BAR0_AT + NV_MIRROR + PCI_COMMAND, 0, 2);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_COMMAND, 2), 0);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, BAR0_AT + NV_MIRROR, 4), 0xffffffff);
    vfio_rig_end(&r);
}

static void
test_mirror_ports(void)
{
    VfioRig r;

    vfio_rig_begin_with(&r, be_nvidia);
    vfio_rig_write(&r, PCI_BAR0, BAR0_AT, 4);
    vfio_rig_write(&r, PCI_BAR0 + 20, 0xc000, 4);
    vfio_rig_write(&r, PCI_COMMAND, 7, 2);
    pci_put32(card(&r)->bar2, 0xc, 0x1234000c);
    fake_out32(r.vm, 0xc008, NV_MIRROR + PCI_BAR0);
    CU_ASSERT_EQUAL(fake_in32(r.vm, 0xc00c), BAR0_AT | 0xc);
    CU_ASSERT_EQUAL(pci_get32(card(&r)->bar2, 8), NV_MIRROR + PCI_BAR0);
    fake_out32(r.vm, 0xc008, NV_OLD + PCI_COMMAND);
    CU_ASSERT_EQUAL(fake_in16(r.vm, 0xc00c), 7);
    fake_out32(r.vm, 0xc008, 0x100);
    CU_ASSERT_EQUAL(fake_in32(r.vm, 0xc00c), 0x1234000c);
    vfio_rig_end(&r);
}

static void
test_no_mirror(void)
{
    VfioRig r;

    vfio_rig_begin_with(&r, be_nvidia_sound);
    CU_ASSERT_EQUAL(r.fake->mmaps, 2); /* around the table alone */
    CU_ASSERT_PTR_NULL(strstr(r.vm->log->str, "re-arms MSI"));
    vfio_rig_end(&r);
}

/* ---- reset, ROM ---- */

static void
without_reset(VfioFake *fake)
{
    fake->no_reset = fake->foreign_slot = true;
}

static void
with_its_slot(VfioFake *fake)
{
    fake->no_reset = true;
}

/* The card's power is read when the device has gone, and before the fake does. */
static guint16
power_afterwards(VfioRig *r)
{
    device_free(r->dev);
    guint16 state = pci_get16(card(r)->config, VF_PM + 4) & 3;
    r->dev = device_new(&vfio_pci_class, "none"); /* for vfio_rig_end() */
    return state;
}

static void
test_works_once(void)
{
    VfioRig r;

    vfio_rig_begin_with(&r, without_reset);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->log->str, "it works once"));
    CU_ASSERT_EQUAL(pci_get16(card(&r)->config, VF_PM + 4) & 3, 0);
    CU_ASSERT_EQUAL(power_afterwards(&r), 3);
    vfio_rig_end(&r);
    vfio_rig_begin_with(&r, with_its_slot);
    CU_ASSERT_PTR_NULL(strstr(r.vm->log->str, "it works once"));
    CU_ASSERT_EQUAL(power_afterwards(&r), 0);
    vfio_rig_end(&r);
    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(power_afterwards(&r), 0);
    vfio_rig_end(&r);
}

static void
test_reset(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(card(&r)->resets, 0); /* opening it was one */
    place_bars(&r);
    vfio_rig_write(&r, VF_MSIX + 2, ENABLE, 2);
    set_entry(&r, 0, 0x40);
    device_reset(r.dev, RESET_COLD);
    CU_ASSERT_EQUAL(card(&r)->resets, 1);
    CU_ASSERT_EQUAL(card(&r)->n_irqs[IRQ_MSIX], 0);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_COMMAND, 2), 0);
    CU_ASSERT_EQUAL(pci_get16(card(&r)->config, PCI_COMMAND), 3);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, BAR0_AT, 4), 0xffffffff);
    place_bars(&r);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, ENTRY(0) + 8, 4), 0);
    vfio_rig_end(&r);
}

static void
test_rom(void)
{
    VfioRig r;

    vfio_rig_begin(&r);
    vfio_rig_write(&r, PCI_ROM_ADDRESS, 0xfffff800, 4);
    CU_ASSERT_EQUAL(vfio_rig_read(&r, PCI_ROM_ADDRESS, 4), 0xfffff800);
    vfio_rig_write(&r, PCI_ROM_ADDRESS, 0xd9000001, 4);
    vfio_rig_write(&r, PCI_COMMAND, 2, 2);
    CU_ASSERT_EQUAL(fake_mmio_read(r.vm, 0xd9000000, 2), 0xaa55);
    vfio_rig_end(&r);
}

CU_MAIN("vfio-pci", {"the_guest_sees_the_devices_ids", test_ids},
        {"the_chain_goes_past_what_is_hidden", test_chain},
        {"decoding_stays_on_behind_the_guests_back", test_command},
        {"bars_are_sized_without_the_device", test_bar_registers},
        {"the_device_never_sleeps", test_power},
        {"an_endpoint_becomes_part_of_the_chip_set", test_express},
        {"behind_a_root_port_it_is_an_endpoint_with_a_link",
         test_behind_a_port},
        {"a_part_of_the_chip_set_behind_a_port_is_an_endpoint",
         test_integrated_behind_a_port},
        {"vendor_bytes_are_the_devices", test_vendor_bytes},
        {"wild_writes_do_not_reach_what_is_the_hosts", test_wild_writes},
        {"a_bar_is_memory_of_cpus_alone", test_direct_memory},
        {"ports_exit_and_reach_the_device", test_ports},
        {"a_bar_follows_its_register", test_moves},
        {"the_table_is_the_guests_own", test_table_is_apart},
        {"a_vector_is_signalled_when_unmasked", test_msix},
        {"a_masked_message_waits_in_the_pending_bits", test_pending},
        {"a_host_with_few_vectors_gives_those", test_few_vectors},
        {"msi_takes_the_place_of_intx", test_msi},
        {"intx_rises_falls_and_may_come_again", test_intx},
        {"intx_goes_by_the_kernel_alone", test_intx_direct},
        {"intx_follows_its_route_and_the_disable_bit", test_intx_moves},
        {"the_status_shows_the_device's_request", test_intx_status},
        {"intx_that_cannot_be_bound_goes_by_the_loop", test_intx_refused},
        {"the_host_may_ask_and_the_device_may_fail", test_host_asks},
        {"the_extended_chain_goes_past_what_is_hidden", test_extended_chain},
        {"extended_writes_reach_what_is_shown", test_extended_writes},
        {"no_extended_capability_is_none", test_extended_absent},
        {"a_mirror_shows_the_guests_registers", test_mirror},
        {"a_write_may_take_the_mirror_away", test_mirror_ends},
        {"a_mirror_behind_ports_does_so_too", test_mirror_ports},
        {"other_functions_have_no_mirror", test_no_mirror},
        {"what_cannot_be_reset_is_put_to_sleep", test_works_once},
        {"a_reset_clears_what_the_guest_has_set", test_reset},
        {"the_rom_is_where_the_guest_puts_it", test_rom})
