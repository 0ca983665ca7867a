/* devices/registry.c - the table of every device class. A new model adds one
 * declaration and one row here. */
#include "devices/registry.h"

#include <string.h>

/* bus, chipset, firmware */
extern const DeviceClass acpi_ged_class;
extern const DeviceClass fw_cfg_class;
extern const DeviceClass pflash_class;
extern const DeviceClass hpet_class;
extern const DeviceClass i440fx_class;
extern const DeviceClass ich9_lpc_class;
extern const DeviceClass pci_hotplug_class;
extern const DeviceClass pci_ecam_class;
extern const DeviceClass pcie_root_port_class;
extern const DeviceClass piix3_class;
extern const DeviceClass piix4_pm_class;
extern const DeviceClass q35_mch_class;

/* legacy */
extern const DeviceClass i8237_class;
extern const DeviceClass mc146818_class;
extern const DeviceClass apm_shutdown_class;
extern const DeviceClass debug_exit_class;
extern const DeviceClass debugcon_class;
extern const DeviceClass i8042_class;
extern const DeviceClass port80_class;
extern const DeviceClass port92_class;

/* serial */
extern const DeviceClass uart16550_class;

/* net */
extern const DeviceClass e1000_class;
extern const DeviceClass ne2000_class;
extern const DeviceClass pcnet_class;
extern const DeviceClass rtl8029_class;
extern const DeviceClass rtl8139_class;
extern const DeviceClass rtl8139c_class;

/* sound */
extern const DeviceClass ac97_class;
extern const DeviceClass opl3_class;
extern const DeviceClass pc_speaker_class;
extern const DeviceClass sb16_class;

/* storage */
extern const DeviceClass fdc_class;
extern const DeviceClass ahci_class;
extern const DeviceClass piix3_ide_class;

/* display */
extern const DeviceClass cirrus_class;
extern const DeviceClass vga_class;

/* memory */
extern const DeviceClass ivshmem_plain_class;
extern const DeviceClass spd_eeprom_class;

/* usb */
extern const DeviceClass ehci_class;
extern const DeviceClass uhci_class;
#if CARREL_HAVE_LIBUSB
extern const DeviceClass usb_host_class;
#endif
extern const DeviceClass usb_hid_class;
extern const DeviceClass usb_hub_class;
extern const DeviceClass usb_storage_class;
extern const DeviceClass xhci_class;

/* virtio */
extern const DeviceClass virtio_blk_class;
extern const DeviceClass virtio_scsi_class;
extern const DeviceClass virtio_net_class;
extern const DeviceClass virtio_rng_class;
extern const DeviceClass virtio_balloon_class;
extern const DeviceClass virtio_console_class;
extern const DeviceClass virtio_input_class;
/* vfio */
extern const DeviceClass vfio_pci_class;

static const DeviceClass *const registry[] = {
    /* bus, chipset, firmware */
    &acpi_ged_class,
    &fw_cfg_class,
    &pflash_class,
    &hpet_class,
    &i440fx_class,
    &ich9_lpc_class,
    &pci_hotplug_class,
    &pci_ecam_class,
    &pcie_root_port_class,
    &piix3_class,
    &piix4_pm_class,
    &q35_mch_class,

    /* legacy */
    &i8237_class,
    &mc146818_class,
    &apm_shutdown_class,
    &debug_exit_class,
    &debugcon_class,
    &i8042_class,
    &port80_class,
    &port92_class,

    /* serial */
    &uart16550_class,

    /* net */
    &e1000_class,
    &ne2000_class,
    &pcnet_class,
    &rtl8029_class,
    &rtl8139_class,
    &rtl8139c_class,

    /* sound */
    &ac97_class,
    &opl3_class,
    &pc_speaker_class,
    &sb16_class,

    /* storage */
    &fdc_class,
    &ahci_class,
    &piix3_ide_class,

    /* display */
    &cirrus_class,
    &vga_class,

    /* memory */
    &ivshmem_plain_class,
    &spd_eeprom_class,

    /* usb */
    &ehci_class,
    &uhci_class,
#if CARREL_HAVE_LIBUSB
    &usb_host_class,
#endif
    &usb_hid_class,
    &usb_hub_class,
    &usb_storage_class,
    &xhci_class,

    /* virtio */
    &virtio_blk_class,
    &virtio_scsi_class,
    &virtio_net_class,
    &virtio_rng_class,
    &virtio_balloon_class,
    &virtio_console_class,
    &virtio_input_class,
    /* vfio */
    &vfio_pci_class,

    NULL,
};

const DeviceClass *const *
device_registry(unsigned *ret_n)
{
    *ret_n = G_N_ELEMENTS(registry) - 1;
    return registry;
}

const DeviceClass *
device_class_find(const char *name)
{
    for (unsigned i = 0; registry[i] != NULL; i++)
        if (strcmp(registry[i]->name, name) == 0)
            return registry[i];
    return NULL;
}

Device *
device_create(const char *class_name, const char *id)
{
    const DeviceClass *klass = device_class_find(class_name);

    g_assert(klass != NULL);
    return device_new(klass, id);
}
