/* devices/machine/pc-cards.h - PCI devices beside those of a main board: what
 * a profile plugs into any kind of PC. */
#pragma once

#include "devices/bus/pci.h"
#include "vmm/core/vm.h"

#define PC_MAX_CARDS      29 /* slots 3..31 */
#define PC_MAX_FUNCTIONS  96 /* of all cards together */
#define PC_FIRST_CARD     3u
#define PC_BOARD_SLOT     1u /* the PIIX3's, whose function 2 is a card here */
#define PC_BOARD_USB      2u
#define PC_ISA            0u
#define PC_SLOTS          32u
#define PC_MAX_BOOT_UNITS 32

typedef enum {
    PC_BOOT_NONE,
    PC_BOOT_FLOPPY,
    PC_BOOT_CD,
    PC_BOOT_DISK,
    PC_BOOT_NET,
    PC_N_BOOT
} PcBoot;

/* Options set, not realized, not connected: the machine sets "bus" and "addr".
 * A guest finds a card again where it was when others come and go, so each
 * thing of a profile has a slot of its own. */
typedef struct {
    Device *dev;     /* owned until a machine took it, then NULL */
    guint8 slot;     /* PC_FIRST_CARD..31, or PC_BOARD_SLOT; PC_ISA: on no PCI
                        bus */
    guint8 function; /* 0..7; a card has a function 0 */
} PcCard;

/* Something on a card that firmware can start from. */
typedef struct {
    PcBoot kind;
    unsigned number; /* place among those of its kind */
    char path
        [64]; /* as SeaBIOS spells it, from the slot on: "scsi@4/disk@0,0" */
} PcBootUnit;

typedef struct {
    PcCard cards[PC_MAX_FUNCTIONS];
    unsigned n_cards;
    PcBootUnit boot[PC_MAX_BOOT_UNITS];
    unsigned n_boot;
} PcCards;

/* Takes dev. Set-up thread, as all here. */
void pc_cards_add(PcCards *cards, Device *dev, unsigned slot);
/* A card that has its ports and interrupt by its own options. */
void pc_cards_add_isa(PcCards *cards, Device *dev);
/* One function of a card that has several. */
void pc_cards_add_function(PcCards *cards, Device *dev, unsigned slot,
                           unsigned function);
void pc_cards_add_boot(PcCards *cards, PcBoot kind, unsigned number,
                       const char *fmt, ...) G_GNUC_PRINTF(4, 5);
/* Highest slot in use; 0: none. */
unsigned pc_cards_last_slot(const PcCards *cards);
/* Gives all to the machine, in order. ports: by slot, the root port that a card
 * of that slot is behind; NULL: on the bus itself, in that slot; or NULL: there
 * are none. False and error set: the rest is still in cards. */
bool pc_cards_plug(PcCards *cards, Vm *vm, PciBus *bus, Device *const *ports,
                   GError **error);
/* Frees what no machine took. */
void pc_cards_clear(PcCards *cards);
