/* passthrough-wizard/host-record.h - a host in one file of text: what
 * `carrel doctor --record` writes and host_root_open() reads.
 *
 *     carrel-host 1
 *     # a remark
 *     @ /sys/devices/pci0000:00/0000:00:02.0   names below are relative to it
 *     D msi_irqs                   a directory
 *     F vendor 0x8086              a file of one line
 *     T uevent                     a file of several lines, which follow,
 *     <TAB>DRIVER=i915             each behind a tab
 *     X config 8680 0000 +12 01    a file of bytes, in hexadecimal; +12: 12
 *                                  bytes of zero
 *     L driver ../../../bus/pci/drivers/i915     a symbolic link
 *     N /dev/kvm 660 0 106 rw      a device node: mode, owner, group, and
 *                                  whether this user may read and write
 *     P /sys/firmware/acpi/tables/DMAR 400       a file that this user may not
 *                                  read
 *
 * A name has no blank; one that begins with "/" is not relative. Directories
 * above are made by themselves. Thread: any one at a time. */
#pragma once

#include "passthrough-wizard/host-root.h"

/* Whole recordings: a server with many functions has some 1 MiB. */
enum {
    HOST_RECORD_MAX_BYTES = 32 * 1024 * 1024,
    HOST_RECORD_MAX_NODES = 400000
};

/* A root from the text of a recording. Fails with CARREL_HOST_ERROR_FORMAT and
 * the line's number. The caller frees. */
HostRoot *host_record_parse(const char *text, gsize len, GError **error);

/* Makes real files of a recording below dir, which must exist; device nodes
 * become empty files with their mode, for tests that write. */
bool host_record_expand(const char *text, gsize len, const char *dir,
                        GError **error);
