/* devices/registry.h - the table of every device class. */
#pragma once

#include "vmm/core/device.h"

/* Sorted by name is not needed; each name occurs once. */
const DeviceClass *const *device_registry(unsigned *ret_n);
const DeviceClass *device_class_find(const char *name); /* NULL: unknown */
/* device_new() of a class that is known to exist; set-up thread. */
Device *device_create(const char *class_name, const char *id);
