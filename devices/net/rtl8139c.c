/* devices/net/rtl8139c.c - network card Realtek RTL8139C: the RTL8139C+ of
 * rtl8139.c without descriptors and offloads, for drivers that refuse a C+ by
 * its revision (Linux's 8139too) or know nothing of it. */
#include "devices/net/rtl8139-internal.h"

static const PciIds rtl8139c_ids = {
    .vendor = 0x10ec,
    .device = 0x8139,
    .subsystem_vendor = 0x10ec,
    .subsystem = 0x8139,
    .class_device = 0x0200,
    .revision = RTL_REVISION,
    .interrupt_pin = 1,
};

static bool
rtl8139c_realize(Device *dev, DeviceEnv *env, GError **error)
{
    return rtl8139_realize_as(dev, env, &rtl8139c_ids, error);
}

static const StateDesc rtl8139c_state = {
    .name = "rtl8139c",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Rtl8139State),
    .fields = rtl8139_fields,
    .check = rtl8139_check,
};

const DeviceClass rtl8139c_class = {
    .name = "rtl8139c",
    .summary = "network card (Realtek RTL8139C, without the C+)",
    .size = sizeof(Rtl8139),
    .props = rtl8139_props,
    .state = &rtl8139c_state,
    .state_offset = G_STRUCT_OFFSET(Rtl8139, s),
    .realize = rtl8139c_realize,
    .unrealize = rtl8139_unrealize,
    .reset = rtl8139_reset,
    .restored = rtl8139_restored,
    .quiesce = rtl8139_quiesce,
    .resume = rtl8139_resume,
};
