/* devices/registry.h - the table of every device class. */
#pragma once

#include "vmm/core/device.h"

/* Sorted by name is not needed; each name occurs once. */
const DeviceClass *const *device_registry(unsigned *ret_n);
const DeviceClass *device_class_find(const char *name); /* NULL: unknown */
