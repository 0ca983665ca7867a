/* vmm/boot/uefi.h - finds a UEFI for PCs on the host: code, and the empty
 * variables that come with it.
 *
 * Search order: a path; CARREL_FIRMWARE_PATH (colon list); firmware descriptors
 * (/etc/qemu/firmware, /usr/share/qemu/firmware) for x86_64 that need no system
 * management mode; where distributions put it. Thread: set-up. */
#pragma once

#include "vmm/types.h"

typedef struct {
    char *code, *vars; /* paths; vars NULL: the code keeps none */
    char *keys;        /* the same with keys for Secure Boot; NULL: none */
} UefiFiles;

/* name: "uefi", or a code image as firmware_find() takes it; its variables are
 * then the file beside it that has VARS where it has CODE. False and error set
 * (CARREL_FIRMWARE_ERROR_MISSING): names packages and paths. */
bool uefi_find(const char *name, UefiFiles *ret, GError **error);
void uefi_files_clear(UefiFiles *files);

/* Whether these variables hold a platform key: without one there is no Secure
 * Boot. */
bool uefi_vars_have_key(GBytes *vars);
