/* devices/usb/usb-library.c - see usb-library.h. */
#include "devices/usb/usb-library.h"

#include "vmm/core/sysutil.h"

/* clang-format off */
#define ROW(name) { "libusb_" #name, G_STRUCT_OFFSET(UsbLibrary, name) }
static const SysLateFunction functions[] = {
    ROW(init),
    ROW(exit),
    ROW(set_option),
    ROW(wrap_sys_device),
    ROW(close),
    ROW(get_device),
    ROW(get_device_speed),
    ROW(get_active_config_descriptor),
    ROW(free_config_descriptor),
    ROW(get_configuration),
    ROW(set_configuration),
    ROW(detach_kernel_driver),
    ROW(claim_interface),
    ROW(release_interface),
    ROW(set_interface_alt_setting),
    ROW(clear_halt),
    ROW(reset_device),
    ROW(alloc_transfer),
    ROW(free_transfer),
    ROW(submit_transfer),
    ROW(cancel_transfer),
    ROW(handle_events_timeout_completed),
    ROW(get_pollfds),
    ROW(free_pollfds),
    ROW(set_pollfd_notifiers),
};
#undef ROW
/* clang-format on */

bool
usb_library_load(UsbLibrary *ret_library)
{
    return sys_late_functions("libusb-1.0.so.0", functions,
                              G_N_ELEMENTS(functions), ret_library);
}
