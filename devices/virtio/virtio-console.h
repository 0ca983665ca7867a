/* devices/virtio/virtio-console.h - what the machine's owner asks a virtio
 * console; the device itself is class "virtio-console". dev is realized, and
 * everything runs on the loop. */
#pragma once

#include "vmm/core/device.h"

/* Ports of a device. */
#define VIRTIO_CONSOLE_PORTS 8u

/* Port n comes while the guest runs, and a driver hears of it. name is copied.
 * False and error set: the device has no room for that number, or the port is
 * there already. */
bool virtio_console_connect(Device *dev, unsigned n, CharLink *chr,
                            const char *name, GError **error);
/* It goes; what the guest had written is sent as far as its link takes it, and
 * a driver hears of it. The link is the caller's again. */
void virtio_console_disconnect(Device *dev, unsigned n);
