/* tests/unit/test-rtl8139c.c - what the Realtek RTL8139C has not of the C+, see
 * test-rtl8139.c for what both have. */
#include "devices/net/rtl8139-internal.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/nic-rig.h"

extern const DeviceClass rtl8139c_class;

static void
test_identity(void)
{
    NicRig r;

    nic_rig_init(&r, &rtl8139c_class, NULL, 0);
    CU_ASSERT_EQUAL(nr_config(&r, PCI_VENDOR_ID), 0x813910ec);
    CU_ASSERT_EQUAL(nr_config(&r, PCI_REVISION_ID) & 0xff, 0x10);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_TCR) & 0x7cc00000, TCR_C);
    nic_rig_free(&r);
}

static void
test_no_descriptors(void)
{
    NicRig r;

    nic_rig_init(&r, &rtl8139c_class, NULL, 0);
    fake_mmio_write(r.vm, NR_MMIO + RTL_CPCR, CPCR_RXEN | CPCR_TXEN, 2);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_CPCR) & 0xffff, 0);
    nr_write(&r, RTL_RBSTART, 0x40000);
    nr_write(&r, RTL_RCR, RCR_APM);
    fake_mmio_write(r.vm, NR_MMIO + RTL_CR, CR_RE | CR_TE, 1);
    nr_host_sends_pattern(&r, 100, 3);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, 0x40004, 100, 3));
    nr_pattern(fake_ram(r.vm) + 0x10000, 100, 1);
    nr_write(&r, RTL_TSAD0, 0x10000);
    nr_write(&r, RTL_TSD0, 100);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 100, 1));
    nic_rig_free(&r);
}

CU_MAIN("rtl8139c", {"identity_is_that_of_the_older_chip", test_identity},
        {"there_are_no_descriptors", test_no_descriptors})
