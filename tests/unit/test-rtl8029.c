/* tests/unit/test-rtl8029.c - the NE2000 of the PCI bus. */
#include "devices/net/dp8390.h"
#include "tests/unit/nic-rig.h"

extern const DeviceClass rtl8029_class;
#define NE_CLASS rtl8029_class
#define NE_PORTS NR_PORTS
#define NE_IRQ   0u /* it has a PCI one */
#include "tests/unit/ne-cases.h"

static void
test_identity(void)
{
    NicRig r;

    nic_rig_init(&r, &rtl8029_class, NULL, 0);
    CU_ASSERT_EQUAL(nr_config(&r, PCI_VENDOR_ID), 0x802910ec);
    CU_ASSERT_EQUAL(in(&r, 0xa), 'P');
    CU_ASSERT_EQUAL(in(&r, 0xb), 'C');
    nic_rig_free(&r);
}

static void
test_double_words(void)
{
    NicRig r;

    nic_rig_init(&r, &rtl8029_class, NULL, 0);
    out(&r, DP_DCR, 0x48 | DP_DCR_WTS);
    remote(&r, 0x4000, 8, 2);
    fake_out32(r.vm, NE_PORTS + DP_DATA, 0x04030201);
    fake_out32(r.vm, NE_PORTS + DP_DATA, 0x08070605);
    remote(&r, 0x4002, 4, 1);
    CU_ASSERT_EQUAL(fake_in32(r.vm, NE_PORTS + DP_DATA), 0x06050403);
    nic_rig_free(&r);
}

CU_MAIN("rtl8029", {"identity", test_identity}, NE_CASES,
        {"double_words_by_the_data_port", test_double_words})
