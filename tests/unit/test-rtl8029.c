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

/* As Linux does it: the address once, though each byte of it is there twice. */
static void
test_prom_by_bytes_in_word_mode(void)
{
    NicRig r;
    guint8 prom[16];

    nic_rig_init(&r, &rtl8029_class, NULL, 0);
    out(&r, DP_DCR, 0x48 | DP_DCR_WTS);
    remote(&r, 0, 32, 1);
    for (unsigned i = 0; i < 16; i++)
        prom[i] = in(&r, DP_DATA);
    CU_ASSERT_EQUAL(memcmp(prom, "\x52\x54\x00\x12\x34\x56", 6), 0);
    CU_ASSERT_EQUAL(prom[14], 'W');
    CU_ASSERT_EQUAL(in(&r, DP_ISR) & DP_ISR_RDC, DP_ISR_RDC);
    nic_rig_free(&r);
}

CU_MAIN("rtl8029",
        {"byte_access_takes_a_word_in_word_mode",
         test_prom_by_bytes_in_word_mode},
        {"identity", test_identity}, NE_CASES,
        {"double_words_by_the_data_port", test_double_words})
