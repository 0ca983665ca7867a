/* tests/unit/test-ne2000.c - the NE2000 of the ISA bus. */
#include "devices/net/dp8390.h"

extern const DeviceClass ne2000_class;
#define NE_CLASS ne2000_class
#define NE_PORTS 0x300u
#define NE_IRQ   3u
#include "tests/unit/ne-cases.h"

static void
test_bytes(void)
{
    NicRig r;

    nic_rig_init(&r, &ne2000_class, NULL, 0);
    out(&r, DP_DCR, 0x48); /* as in a slot of eight bits */
    remote(&r, 0x4000, 3, 2);
    for (guint8 i = 1; i <= 3; i++)
        out(&r, DP_DATA, i);
    CU_ASSERT_EQUAL(in(&r, DP_ISR) & DP_ISR_RDC, DP_ISR_RDC);
    remote(&r, 0x4001, 2, 1);
    CU_ASSERT_EQUAL(in(&r, DP_DATA), 2);
    CU_ASSERT_EQUAL(in(&r, DP_DATA), 3);
    nic_rig_free(&r);
}

static void
test_taken_ports(void)
{
    NicRig r;
    GError *error = NULL;

    nic_rig_init(&r, &ne2000_class, NULL, 0);
    Device *second = device_new(&ne2000_class, "net1");
    device_set_link(second, "net", r.link);
    CU_ASSERT_FALSE(device_realize(second, &r.vm->env, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "0x300"));
    g_error_free(error);
    device_free(second);
    nic_rig_free(&r);
}

CU_MAIN("ne2000", NE_CASES, {"bytes_by_the_data_port", test_bytes},
        {"taken_ports_are_an_error", test_taken_ports})
