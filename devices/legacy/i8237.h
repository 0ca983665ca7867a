/* devices/legacy/i8237.h - the two 8237A DMA controllers of an ISA machine, as
 * a service to the devices that use them. */
#pragma once

#include "vmm/core/device.h"
#include "vmm/types.h"

#define I8237_CHANNELS 8 /* 0..3 move bytes, 5..7 words; 4 is the cascade */

typedef enum {
    I8237_TO_MEMORY,  /* the device gives data (a "write transfer") */
    I8237_FROM_MEMORY /* the device takes data (a "read transfer") */
} I8237Dir;

extern const DeviceClass i8237_class;

/* Moves up to len bytes (even on channels 5..7, else rounded down) between buf
 * and guest memory as the guest programmed the channel, and returns how many
 * were moved: 0 while the channel is masked, disabled or a cascade. It stops
 * at terminal count and then sets *ret_tc (else false). A verify transfer, or
 * one programmed for the other direction, counts without touching memory (buf
 * is filled with ones for I8237_FROM_MEMORY, as nothing drives the bus).
 * Memory outside RAM reads as ones and ignores writes.
 *
 * Locking: takes the controller's own device lock, so the caller must not hold
 * its lock: collect, unlock, call, lock again and look whether the world has
 * changed. Any thread; never blocks; work is bounded by 128 KiB. */
unsigned i8237_transfer(Device *dma, unsigned channel, guint8 *buf,
                        unsigned len, I8237Dir dir, bool *ret_tc);

/* The device's DREQ pin, which the guest sees in the status register. Same
 * locking rule. */
void i8237_set_dreq(Device *dma, unsigned channel, bool level);

/* True when a transfer on the channel would move something now. Same locking
 * rule. */
bool i8237_is_ready(Device *dma, unsigned channel);
