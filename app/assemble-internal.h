/* app/assemble-internal.h - shared by the files assemble*.c. */
#pragma once

#include "app/assemble.h"
#include "devices/firmware/smbios.h"
#include "devices/machine/pc-i440fx.h"
#include "devices/machine/pc-virtio.h"
#include "devices/memory/ivshmem-plain.h"
#include "devices/usb/usb-bus.h"

typedef enum { DRIVE_FLOPPY, DRIVE_DISK, DRIVE_CD, DRIVE_USB } DriveKind;

/* Where it is: on the main board, or a unit of a controller that is a card. A
 * virtio-blk disk is a card of its own. */
typedef enum {
    DRIVE_ON_BOARD,
    DRIVE_ON_SCSI,
    DRIVE_ON_SATA,
    DRIVE_N_BUSES
} DriveBus;

typedef struct {
    char *name; /* "floppy0", as the profile's section */
    DriveKind kind;
    DriveBus bus;
    unsigned number; /* as in its section's name */
    unsigned unit;   /* floppy 0..1; IDE 0..3; SCSI 0..7; SATA 0..5 */
    /* What the profile wants of every medium in it. */
    bool read_only, snapshot;
    Block *block; /* NULL: empty */
    char *path;   /* of block, for people */
} Drive;

#define MACHINE_CONSOLES MACHINE_MAX_CONSOLES

/* One of machine_hold_nets() and what only these files need. */
typedef struct {
    MachineNic nic; /* first; constant while the card is in the list */
    unsigned users; /* path_lock: who holds it; it is closed when none do */
    char made[16];  /* macvtap to delete after the link; "": none */
    GBytes *rom;    /* firmware starts from the card by it; NULL: it does not */
} OpenNic;

#define MACHINE_PCIS 8
typedef struct OpenPci OpenPci; /* assemble-pci.c: a card of the host, opened */
typedef struct VfioContainer VfioContainer;

#define MACHINE_DRIVES (PC_FLOPPIES + 2 * PC_IDE + USB_PORTS)

/* The memory behind the card "ivshmem". */
typedef struct {
    char *path;
    bool made; /* by us: it goes with the machine */
    IvshmemFile file;
} SharedFile;

struct Machine {
    char *name, *runtime_dir;
    bool snapshot;
    MemPages pages;      /* of the RAM */
    SharedFile *shared;  /* NULL: none */
    struct Evdev *evdev; /* of the host, for the guest; NULL: none */
    guint64 ram;         /* bytes */
    unsigned threads;    /* of a core that the guest sees */
    NetSpawn spawn;
    Vm *vm;
    Display *display;
    Input *input;
    GBytes *bios, *vga_bios;
    GBytes *uefi_vars; /* at the start; NULL: a BIOS */
    Block *nvram;      /* where they are kept */
    CharLink *serial[PC_SERIALS];
    CharLink *firmware_log;
    Audio *audio;    /* NULL: no sound device */
    Device *balloon; /* the machine's; NULL: none */
    unsigned balloon_users;
    Device *controllers[DRIVE_N_BUSES];   /* cards with units; NULL: none */
    Device *console;                      /* virtio-console; NULL: none */
    CharLink *consoles[MACHINE_CONSOLES]; /* what is behind its ports */
    Device *usb;                          /* the controller; NULL: none */
    int usb_channel[USB_PORTS];           /* see usb-role.h; 0: none */
    PcDevices pc;
    /* chipset=pc-virtio: these, and of pc only the bus */
    Kernel *kernel;
    PcVirtio *minimal;
    GMutex media_lock; /* L1 guards drives[].block; held during a change */
    /* Which drives and cards there are changes under both, so that either is
     * enough to look. */
    GMutex path_lock; /* L2 guards drives[].path, drives, cards, nics,
                         balloon, consoles */
    GCond idle;       /* a card of nics, or the balloon, has one user less */
    OpenNic *nics[MACHINE_NETS]; /* by number; NULL: there is none */
    VfioContainer *vfio; /* all of pcis see the RAM by it; NULL: none does */
    OpenPci *pcis[MACHINE_PCIS]; /* by number; NULL: there is none */
    Drive drives[MACHINE_DRIVES];
    unsigned n_drives;
    GPtrArray *retired; /* loop: Block *, of no drive and still busy; NULL */
    MachineCard cards[MACHINE_MAX_CARDS];
    unsigned n_cards;
    GMutex eject_lock; /* L2 guards ejected, ejecting */
    GCond eject_idle;  /* ejecting has become false */
    guint32 ejected;   /* slots that the guest let go */
    bool ejecting;     /* a job of the pool sees to them */
    guint32 wanted;    /* eject_lock: slots that the host wants back */
    bool returning;    /* eject_lock: a job of the pool sees to them */
};

/* Adds "SECTION.key: " in front of an error, so that it names what to change;
 * returns false. */
bool machine_blame(GError **error, const char *section, const char *key);

/* assemble-uefi.c: m->bios is then its code, m->uefi_vars and m->nvram the
 * variables. Closed on the loop, after the devices. */
bool machine_wants_uefi(const Profile *p);
bool machine_load_uefi(Machine *m, const Profile *p, GError **error);
void machine_close_uefi(Machine *m);

/* assemble-smbios.c: its texts are the profile's. */
void machine_read_smbios(const Machine *m, const Profile *p, SmbiosSpec *ret);

/* assemble-cards.c: the PCI devices that the profile names, for any machine.
 * On failure cards is to be cleared all the same. */
bool machine_plug_cards(Machine *m, const Profile *p, PcCards *cards,
                        GError **error);
/* The one of a section; the profile's other sections are not looked at. */
bool machine_plug_card(Machine *m, const Profile *p, const char *section,
                       PcCards *cards, GError **error);

/* assemble-plug.c: cards that come and go while the guest runs. */
/* There is one, its device's name is id; at start-up, or with media_lock
 * held. */
void machine_note_card(Machine *m, const char *section, const char *id,
                       unsigned slot);
/* The same for what is on a card that stays, in that slot. */
void machine_note_unit(Machine *m, const char *section, unsigned slot);
/* The same for a USB device; device: the host's, or "". */
void machine_note_usb(Machine *m, const char *section, const char *device);
/* The card of that slot, if there is one, goes without asking. Blocks; not on
 * the loop thread. */
void machine_take_out(Machine *m, unsigned slot, const char *why);
/* Those of the slots whose cards are there still. */
guint32 machine_slots_in_use(Machine *m, guint32 slots);

/* assemble-eject.c: jobs that see to what happens without a client. */
void machine_plug_init(Machine *m);
void machine_plug_done(Machine *m);
/* Set-up thread: from now on, what the guest lets go is taken out. */
void machine_watch_ejects(Machine *m);
/* After vm_remove_devices(): waits for what watches them. */
void machine_plug_settle(Machine *m);

/* assemble-units.c: units of the SCSI and the SATA controller. */
/* Where the profile puts the drive of this section. */
DriveBus machine_unit_bus(const Profile *p, const char *section);
const char *machine_unit_model(DriveBus bus); /* not DRIVE_ON_BOARD */
/* Sets bus, and unit when that is not the board. */
void machine_place_unit(const Profile *p, Drive *d);
/* Options of the controller, which is not realized yet. */
bool machine_set_unit(const Machine *m, const Profile *p, const Drive *d,
                      GError **error);
bool machine_has_controller(const Machine *m, DriveBus bus, GError **error);
/* Units that come and go while the guest runs; the drive is open, and stays
 * so. With media_lock held, not on the loop thread. */
bool machine_add_unit(Machine *m, const Profile *p, const char *section,
                      GError **error);
void machine_remove_unit(Machine *m, const char *section);
/* On the loop thread. */
bool machine_change_unit(Machine *m, const Drive *d, Block *block, bool force,
                         GError **error);
/* MMC_TRAY_... of a CD drive. Any thread. */
unsigned machine_unit_tray(const Machine *m, DriveBus bus, unsigned unit);

/* assemble-balloon.c: the card has come, or is about to go (NULL): then waits
 * until nobody works with the old one. With media_lock held. */
void machine_set_balloon(Machine *m, Device *balloon);

/* assemble-console.c: ports of the virtio console, which come and go as units
 * do once the card is there. */
bool machine_is_console(const char *section);
/* What is behind a port. Blocks; at start-up, or with media_lock held. */
bool machine_open_console(Machine *m, const Profile *p, const char *section,
                          unsigned number, GError **error);
void machine_close_console(Machine *m, const char *section);
/* On the loop, or when it has ended. */
void machine_close_consoles(Machine *m);
bool machine_add_port(Machine *m, const Profile *p, const char *section,
                      GError **error);
void machine_remove_port(Machine *m, const char *section);

/* assemble-usb.c: what is on the USB controller, by its section "usb0". */
#define MACHINE_SLOT_USB 10u /* the controller's, see assemble-cards.c */
bool machine_is_usb(const char *section);
bool machine_has_usb(const Machine *m, GError **error);
/* What is behind a section: the process that looks after a device of the host,
 * an image. Blocks; at start-up, or with media_lock held. */
bool machine_open_usb(Machine *m, const Profile *p, const char *section,
                      unsigned number, GError **error);
void machine_close_usb(Machine *m, const char *section);
void machine_close_usbs(Machine *m);
/* Where firmware finds a stick, behind its controller: "hub@2/storage@1". */
char *machine_usb_path(const Profile *p, const char *section);
/* Set-up thread, when the controller is in the machine. */
bool machine_plug_usb(Machine *m, const Profile *p, GError **error);
/* While the guest runs, as units of a controller. */
bool machine_add_usb(Machine *m, const Profile *p, const char *section,
                     GError **error);
bool machine_remove_usb(Machine *m, const char *section, GError **error);
/* What belongs into the hub of that section, there or away; NULL: nothing, or it
 * is none. Loop, or while no device comes or goes. */
const Device *machine_in_hub(Vm *vm, const char *section);

/* assemble-direct.c: bits of a guest's physical addresses: the host's; 0: not
 * known. */
unsigned machine_address_bits(void);
/* Whether the profile is for the minimal machine. */
bool machine_is_minimal(const Profile *p);
/* assemble-cards.c: whether it is for the board with PCI Express. */
bool machine_is_q35(const Profile *p);
/* Its kernel is opened and its devices are made. */
bool machine_build_minimal(Machine *m, const Profile *p, GError **error);

/* assemble-sound.c: before the devices are made; those on the ISA bus, when the
 * others are there. */
bool machine_open_sound(Machine *m, const Profile *p, GError **error);
bool machine_add_sound(Machine *m, const Profile *p, GError **error);

/* assemble-net.c: opens the links that the profile names, before the devices
 * are made; close after them. */
bool machine_open_nets(Machine *m, const Profile *p, GError **error);
/* One of them. At start-up, or with media_lock held; blocks. */
bool machine_open_net(Machine *m, const Profile *p, const char *section,
                      unsigned number, GError **error);
/* Waits until nobody holds it, ends its process. No device may use it any
 * more. With media_lock held, not on the loop thread. */
void machine_close_net(Machine *m, const char *section);
/* All, when nobody can hold one. */
void machine_close_nets(Machine *m);

/* assemble-shmem.c: opens the file of ivshmem.name, before the devices are made;
 * closing after them, or after a failure. */
bool machine_open_shared(Machine *m, const Profile *p, GError **error);
void machine_close_shared(Machine *m);

/* assemble-evdev.c: opens what the profile hands over; blocks. Closing: on the
 * loop thread. */
bool machine_open_evdevs(Machine *m, const Profile *p, GError **error);
void machine_close_evdevs(Machine *m);

/* assemble-pci.c: devices of the host that the guest has to itself. The profile
 * names them; before the devices are made. */
bool machine_open_pcis(Machine *m, const Profile *p, GError **error);
/* One of them. At start-up, or with media_lock held; blocks. */
bool machine_open_pci(Machine *m, const Profile *p, const char *section,
                      unsigned number, GError **error);
/* Its functions become cards of that slot. */
bool machine_plug_pci(Machine *m, unsigned number, PcCards *cards,
                      unsigned slot, GError **error);
/* The RAM is there: devices may see it. */
bool machine_show_ram(Machine *m, GError **error);
/* Back to the host; no device may use it any more. As machine_close_net(). */
void machine_close_pci(Machine *m, const char *section);
/* All. */
void machine_close_pcis(Machine *m);

/* assemble-eject.c: the host wants the card of that slot back. The guest is asked
 * to let it go, and after a moment it is taken out all the same. Loop
 * thread. */
void machine_return_card(Machine *m, unsigned slot);

/* assemble.c: the far end of a serial port or console. */
CharLink *machine_open_char(Machine *m, const Profile *p, const char *section,
                            GError **error);
/* Opens a section's image and adds the drive, which is there on
 * failure too. At start-up, or with media_lock held. */
bool machine_open_drive(Machine *m, const Profile *p, const char *name,
                        DriveKind kind, unsigned index, GError **error);
/* assemble-media.c: takes over what drive has. As above. */
void machine_add_drive(Machine *m, const Drive *drive);
/* Closes the image when what is in flight has ended; no device may use it any
 * more. With media_lock held, not on the loop thread. */
void machine_close_drive(Machine *m, const char *name);
/* No device uses it any more: closes it when what is in flight has ended,
 * waiting for that a few seconds at most. NULL is fine. Not on the loop
 * thread. */
void machine_retire_block(Machine *m, Block *block);
/* The devices have gone. Loop thread. */
void machine_close_retired(Machine *m);
