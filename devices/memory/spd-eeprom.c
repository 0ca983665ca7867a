/* devices/memory/spd-eeprom.c - EEPROM of 256 bytes on the SMBus.
 *
 * Atmel AT24C02 data sheet and JEDEC 21-C 4.1.3: a byte sets the address, each
 * read moves on to the next. It is write protected, as on a memory module that
 * was sold. Its state is guarded by the bus's lock. */
#include "devices/memory/spd-eeprom.h"

#include <string.h>

#include "devices/bus/smbus.h"
#include "devices/memory/spd.h"

typedef struct {
    guint8 address;
} SpdState;

typedef struct {
    Device dev;
    SpdState s;
    SmbusBus *bus;
    guint32 at; /* address on the bus */
    bool added;
    guint8 bytes[SPD_LEN];
} SpdEeprom;

static bool
spd_write(void *chip, guint8 byte, bool first)
{
    SpdEeprom *d = chip;

    if (first)
        d->s.address = byte;
    return first;
}

static guint8
spd_read(void *chip)
{
    SpdEeprom *d = chip;

    return d->bytes[d->s.address++];
}

static const SmbusChipOps spd_ops = {.write = spd_write, .read = spd_read};

void
spd_eeprom_fill(Device *dev, const guint8 *bytes, gsize len)
{
    memcpy(DEVICE_OF(SpdEeprom, dev)->bytes, bytes, MIN(len, SPD_LEN));
}

static bool
spd_eeprom_realize(Device *dev, DeviceEnv *env, GError **error)
{
    SpdEeprom *d = DEVICE_OF(SpdEeprom, dev);

    d->added = smbus_add(d->bus, (guint8) d->at, &spd_ops, d);
    if (!d->added)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: another chip has address 0x%02x of the SMBus", dev->id,
                    d->at);
    return d->added;
}

static void
spd_eeprom_unrealize(Device *dev)
{
    SpdEeprom *d = DEVICE_OF(SpdEeprom, dev);

    if (d->added)
        smbus_remove(d->bus, (guint8) d->at);
    d->added = false;
}

static void
spd_eeprom_reset(Device *dev, ResetKind kind)
{
    DEVICE_OF(SpdEeprom, dev)->s = (SpdState){0};
}

/* clang-format off */
static const PropDesc spd_eeprom_props[] = {
    PROP_DEF_LINK(SpdEeprom, bus, "smbus", true, "the bus that it is on"),
    PROP_DEF_U32(SpdEeprom, at, "address", 0x50, 0x08, 0x77, "",
                 "its address there"),
    PROP_END
};

static const StateField spd_eeprom_fields[] = {
    STATE_FIELD(SpdState, address, STATE_U8),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc spd_eeprom_state = {
    .name = "spd-eeprom",
    .version = 1,
    .min_version = 1,
    .size = sizeof(SpdState),
    .fields = spd_eeprom_fields,
};

const DeviceClass spd_eeprom_class = {
    .name = "spd-eeprom",
    .summary = "EEPROM of a memory module",
    .size = sizeof(SpdEeprom),
    .props = spd_eeprom_props,
    .state = &spd_eeprom_state,
    .state_offset = G_STRUCT_OFFSET(SpdEeprom, s),
    .realize = spd_eeprom_realize,
    .unrealize = spd_eeprom_unrealize,
    .reset = spd_eeprom_reset,
};
