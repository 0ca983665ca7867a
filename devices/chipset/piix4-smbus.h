/* devices/chipset/piix4-smbus.h - the SMBus controller in the PIIX4's power
 * management function: its registers, which turn into messages on a bus. */
#pragma once

#include "devices/bus/smbus.h"

#define PIIX4_SMBUS_LEN 16 /* I/O ports */

/* Guest-visible; part of the function's state. */
typedef struct {
    guint8 reg[PIIX4_SMBUS_LEN];
    guint8 block[SMBUS_MAX_BLOCK]; /* behind the block data register */
    guint8 index;                  /* of the next byte there */
} Piix4SmbusState;

/* Device's lock held. */
guint8 piix4_smbus_read(Piix4SmbusState *s, unsigned offset);
void piix4_smbus_write(Piix4SmbusState *s, SmbusBus *bus, unsigned offset,
                       guint8 value);
/* Something has ended, and the guest wants an interrupt for that. */
bool piix4_smbus_asks(const Piix4SmbusState *s);
