/* devices/machine/pc-cards.c - see pc-cards.h. */
#include "devices/machine/pc-cards.h"

#include <stdarg.h>

#include "devices/chipset/pcie-root-port.h"

void
pc_cards_add_function(PcCards *cards, Device *dev, unsigned slot,
                      unsigned function)
{
    g_assert(cards->n_cards < PC_MAX_FUNCTIONS);
    g_assert((slot >= PC_FIRST_CARD && slot < 32 && function < 8) ||
             (slot == PC_BOARD_SLOT && function == PC_BOARD_USB));
    cards->cards[cards->n_cards++] =
        (PcCard){dev, (guint8) slot, (guint8) function};
}

void
pc_cards_add(PcCards *cards, Device *dev, unsigned slot)
{
    pc_cards_add_function(cards, dev, slot, 0);
}

void
pc_cards_add_isa(PcCards *cards, Device *dev)
{
    g_assert(cards->n_cards < PC_MAX_FUNCTIONS);
    cards->cards[cards->n_cards++] = (PcCard){dev, PC_ISA, 0};
}

void
pc_cards_add_boot(PcCards *cards, PcBoot kind, unsigned number, const char *fmt,
                  ...)
{
    va_list args;

    g_assert(cards->n_boot < PC_MAX_BOOT_UNITS);
    PcBootUnit *unit = &cards->boot[cards->n_boot++];
    unit->kind = kind;
    unit->number = number;
    va_start(args, fmt);
    (void) g_vsnprintf(unit->path, sizeof unit->path, fmt, args);
    va_end(args);
}

unsigned
pc_cards_last_slot(const PcCards *cards)
{
    unsigned last = 0;

    for (unsigned i = 0; i < cards->n_cards; i++)
        last = MAX(last, cards->cards[i].slot);
    return last;
}

static bool
place(const PcCard *card, Device *dev, PciBus *bus, Device *port,
      GError **error)
{
    unsigned slot = port != NULL ? 0 : card->slot;

    if (card->slot == PC_ISA)
        return true;
    device_set_link(dev, "bus", port != NULL ? pcie_root_port_bus(port) : bus);
    return device_set_u64(dev, "addr", PCI_DEVFN(slot, card->function), error);
}

bool
pc_cards_plug(PcCards *cards, Vm *vm, PciBus *bus, Device *const *ports,
              GError **error)
{
    for (unsigned i = 0; i < cards->n_cards; i++) {
        Device *dev = g_steal_pointer(&cards->cards[i].dev);
        Device *port = ports != NULL ? ports[cards->cards[i].slot] : NULL;
        if (!place(&cards->cards[i], dev, bus, port, error)) {
            device_free(dev);
            return false;
        }
        if (!vm_add_device(vm, dev, error))
            return false;
    }
    return true;
}

void
pc_cards_clear(PcCards *cards)
{
    for (unsigned i = 0; i < cards->n_cards; i++)
        device_free(cards->cards[i].dev);
    cards->n_cards = cards->n_boot = 0;
}
