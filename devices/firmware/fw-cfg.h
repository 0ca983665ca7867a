/* devices/firmware/fw-cfg.h - what the machine puts into fw_cfg.
 *
 * All of these: set-up thread, after realize and before the first
 * instruction; a key or name that exists is replaced. Integers are stored
 * little-endian, as the interface wants them. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass fw_cfg_class;

#define FW_CFG_SIGNATURE     0x0000
#define FW_CFG_ID            0x0001
#define FW_CFG_UUID          0x0002
#define FW_CFG_NOGRAPHIC     0x0004
#define FW_CFG_NB_CPUS       0x0005
#define FW_CFG_NUMA          0x000d
#define FW_CFG_BOOT_MENU     0x000e
#define FW_CFG_MAX_CPUS      0x000f
#define FW_CFG_FILE_DIR      0x0019
#define FW_CFG_FILE_FIRST    0x0020
#define FW_CFG_IRQ0_OVERRIDE 0x8002
#define FW_CFG_MAX_FILE_PATH 56 /* with the terminating NUL */

/* Takes a reference on data. */
void fw_cfg_add_item(Device *dev, guint16 key, GBytes *data);
void fw_cfg_add_u8(Device *dev, guint16 key, guint8 value);
void fw_cfg_add_u16(Device *dev, guint16 key, guint16 value);
void fw_cfg_add_u32(Device *dev, guint16 key, guint32 value);
void fw_cfg_add_u64(Device *dev, guint16 key, guint64 value);

/* A file of the directory: "etc/e820". name: at most 55 bytes. Takes a
 * reference on data. */
void fw_cfg_add_file(Device *dev, const char *name, GBytes *data);

/* The file's content is made anew, in the same size, whenever the guest selects
 * it, as it tells where firmware has put things. make() returns a reference;
 * vCPU thread, with the device's lock held: it takes none itself. data goes with
 * the device. */
typedef GBytes *(*FwCfgMake)(void *data);
void fw_cfg_set_maker(Device *dev, const char *name, FwCfgMake make, void *data,
                      GDestroyNotify free_data);
