/* vmm/boot/firmware.h - finds BIOS images on the host.
 *
 * Search order: an explicit path; CARREL_FIRMWARE_PATH (colon list); the
 * distribution's directories; firmware descriptors (the JSON files of
 * /etc/qemu/firmware and /usr/share/qemu/firmware). Thread: set-up. */
#pragma once

#include "vmm/types.h"

#define CARREL_FIRMWARE_ERROR (carrel_firmware_error_quark())
GQuark carrel_firmware_error_quark(void);
typedef enum {
    CARREL_FIRMWARE_ERROR_MISSING, /* not found: names package and paths */
    CARREL_FIRMWARE_ERROR_INVALID  /* size impossible for a ROM */
} CarrelFirmwareError;

/* name: "bios-256k.bin", "vgabios-stdvga.bin", or a path with a slash. The
 * content, or NULL with error set. */
GBytes *firmware_load(const char *name, GError **error);
/* Where it was found, for `carrel doctor` and `carrel info`; NULL if not. */
char *firmware_find(const char *name);
/* The first step alone: a file of that name in a folder of
 * CARREL_FIRMWARE_PATH, or NULL. */
char *firmware_by_environment(const char *name);
