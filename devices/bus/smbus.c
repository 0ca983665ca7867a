/* devices/bus/smbus.c - see smbus.h. */
#include "devices/bus/smbus.h"

#define N_ADDRESSES 128

typedef struct {
    const SmbusChipOps *ops; /* NULL: nobody has this address */
    void *chip;
} Slot;

struct SmbusBus {
    GMutex lock; /* L2 guards slots and the state of the chips */
    Slot slots[N_ADDRESSES];
};

SmbusBus *
smbus_new(void)
{
    SmbusBus *bus = g_new0(SmbusBus, 1);

    g_mutex_init(&bus->lock);
    return bus;
}

void
smbus_free(SmbusBus *bus)
{
    if (bus == NULL)
        return;
    g_mutex_clear(&bus->lock);
    g_free(bus);
}

bool
smbus_add(SmbusBus *bus, guint8 address, const SmbusChipOps *ops, void *chip)
{
    bool ok = false;

    g_mutex_lock(&bus->lock);
    if (address < N_ADDRESSES && bus->slots[address].ops == NULL) {
        bus->slots[address] = (Slot){ops, chip};
        ok = true;
    }
    g_mutex_unlock(&bus->lock);
    return ok;
}

void
smbus_remove(SmbusBus *bus, guint8 address)
{
    g_mutex_lock(&bus->lock);
    bus->slots[address] = (Slot){NULL, NULL};
    g_mutex_unlock(&bus->lock);
}

static bool
write_bytes(const Slot *slot, const guint8 *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!slot->ops->write(slot->chip, bytes[i], false))
            return false;
    return true;
}

static void
read_bytes(const Slot *slot, guint8 *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        bytes[i] = slot->ops->read(slot->chip);
}

/* Sections 5.5.2 to 5.5.4: without a command, one byte. */
static bool
transfer_byte(const Slot *slot, SmbusMessage *m)
{
    if (m->read)
        read_bytes(slot, m->data, 1);
    return m->read || slot->ops->write(slot->chip, m->command, true);
}

static bool
read_block(const Slot *slot, SmbusMessage *m)
{
    m->count = slot->ops->read(slot->chip);
    read_bytes(slot, m->data, MIN(m->count, SMBUS_MAX_BLOCK));
    return true;
}

static bool
write_block(const Slot *slot, const SmbusMessage *m)
{
    return m->count > 0 && m->count <= SMBUS_MAX_BLOCK &&
           write_bytes(slot, &m->count, 1) &&
           write_bytes(slot, m->data, m->count);
}

/* The command goes out in either direction. */
static bool
transfer_data(const Slot *slot, SmbusMessage *m)
{
    unsigned n = m->protocol == SMBUS_BYTE_DATA ? 1 : 2;

    if (!slot->ops->write(slot->chip, m->command, true))
        return false;
    if (m->protocol == SMBUS_BLOCK)
        return m->read ? read_block(slot, m) : write_block(slot, m);
    if (!m->read && !write_bytes(slot, m->data, n))
        return false;
    if (m->read || m->protocol == SMBUS_PROCESS_CALL)
        read_bytes(slot, m->data, n);
    return true;
}

static bool
transfer(const Slot *slot, SmbusMessage *m)
{
    if (slot->ops == NULL)
        return false;
    switch (m->protocol) {
    case SMBUS_QUICK: return true; /* the address alone */
    case SMBUS_BYTE: return transfer_byte(slot, m);
    case SMBUS_BYTE_DATA:
    case SMBUS_WORD_DATA:
    case SMBUS_PROCESS_CALL:
    case SMBUS_BLOCK: return transfer_data(slot, m);
    default: return false;
    }
}

bool
smbus_transfer(SmbusBus *bus, SmbusMessage *message)
{
    g_mutex_lock(&bus->lock);
    bool ok = transfer(&bus->slots[message->address % N_ADDRESSES], message);
    g_mutex_unlock(&bus->lock);
    return ok;
}
