/* devices/bus/smbus.h - the two-wire bus of a main board, as a host controller
 * and the chips on it see it.
 *
 * System Management Bus specification 2.0, section 5.5. A message is carried
 * out at once. Controllers (PIIX4's here) turn registers into messages; chips
 * answer byte by byte and do not know which controller asks. */
#pragma once

#include "vmm/types.h"

#define SMBUS_MAX_BLOCK 32

typedef struct SmbusBus SmbusBus;

/* Called with the bus's lock, which guards the chip's state: any thread, one at
 * a time. */
typedef struct {
    /* A byte for the chip; first: of a message. False: not acknowledged. */
    bool (*write)(void *chip, guint8 byte, bool first);
    guint8 (*read)(void *chip);
} SmbusChipOps;

/* Their numbers are those of the controllers' command field. */
typedef enum {
    SMBUS_QUICK,
    SMBUS_BYTE,
    SMBUS_BYTE_DATA,
    SMBUS_WORD_DATA,
    SMBUS_PROCESS_CALL,
    SMBUS_BLOCK
} SmbusProtocol;

typedef struct {
    SmbusProtocol protocol;
    guint8 address; /* 7 bits */
    bool read;
    guint8 command;
    guint8 data[SMBUS_MAX_BLOCK]; /* to write, or what was read */
    /* SMBUS_BLOCK: bytes in data; read: as the chip said, which may be 0 or
     * more than there are. */
    guint8 count;
} SmbusMessage;

SmbusBus *smbus_new(void);
/* No chip is left. NULL is fine. */
void smbus_free(SmbusBus *bus);

/* Loop thread, vCPUs parked or not started. False: the address is taken. */
bool smbus_add(SmbusBus *bus, guint8 address, const SmbusChipOps *ops,
               void *chip);
void smbus_remove(SmbusBus *bus, guint8 address);

/* Any thread; a device's lock may be held. False: no chip acknowledged, or not
 * all of it. */
bool smbus_transfer(SmbusBus *bus, SmbusMessage *message);
