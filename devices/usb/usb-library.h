/* devices/usb/usb-library.h - libusb, loaded when the first device of the host
 * comes: linking it costs each start. */
#pragma once

#include <libusb-1.0/libusb.h>

#include "vmm/types.h"

typedef struct {
    __typeof__(libusb_init) *init;
    __typeof__(libusb_exit) *exit;
    __typeof__(libusb_set_option) *set_option;
    __typeof__(libusb_wrap_sys_device) *wrap_sys_device;
    __typeof__(libusb_close) *close;
    __typeof__(libusb_get_device) *get_device;
    __typeof__(libusb_get_device_speed) *get_device_speed;
    __typeof__(libusb_get_active_config_descriptor)
        *get_active_config_descriptor;
    __typeof__(libusb_free_config_descriptor) *free_config_descriptor;
    __typeof__(libusb_get_configuration) *get_configuration;
    __typeof__(libusb_set_configuration) *set_configuration;
    __typeof__(libusb_detach_kernel_driver) *detach_kernel_driver;
    __typeof__(libusb_claim_interface) *claim_interface;
    __typeof__(libusb_release_interface) *release_interface;
    __typeof__(libusb_set_interface_alt_setting) *set_interface_alt_setting;
    __typeof__(libusb_clear_halt) *clear_halt;
    __typeof__(libusb_reset_device) *reset_device;
    __typeof__(libusb_alloc_transfer) *alloc_transfer;
    __typeof__(libusb_free_transfer) *free_transfer;
    __typeof__(libusb_submit_transfer) *submit_transfer;
    __typeof__(libusb_cancel_transfer) *cancel_transfer;
    __typeof__(libusb_handle_events_timeout_completed)
        *handle_events_timeout_completed;
    __typeof__(libusb_get_pollfds) *get_pollfds;
    __typeof__(libusb_free_pollfds) *free_pollfds;
    __typeof__(libusb_set_pollfd_notifiers) *set_pollfd_notifiers;
} UsbLibrary;

/* False: it is not there, or older than 1.0.25. Blocks; stays loaded. */
bool usb_library_load(UsbLibrary *ret_library);
