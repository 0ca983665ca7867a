/* app/assemble.h - from a profile to a machine that can be started.
 *
 * The only code that knows both what a profile says and what devices are. */
#pragma once

#include "profiles/profile.h"
#include "vmm/char/char.h"
#include "vmm/core/vm.h"
#include "vmm/display/display.h"
#include "vmm/input/input.h"
#include "vmm/net/net.h"

typedef struct Machine Machine;

typedef struct {
    const char *name;
    /* Directory for what the machine makes at run time (serial sockets,
     * firmware log); 0700, exists. */
    const char *runtime_dir;
    /* Every disk in throw-away mode, as `start --snapshot-mode`. */
    bool snapshot;
    bool checked;   /* the profile is valid, as profile_check() has said */
    NetSpawn spawn; /* of networks' processes; NULL: by itself */
} MachineOptions;

/* Opens images and firmware, creates the Vm and every device, realized and
 * reset, not started. The profile is only read during the call. Errors name
 * the profile's key. Blocks: main thread at start-up. */
Machine *machine_new(const Profile *profile, const MachineOptions *options,
                     const VmEvents *events, void *data, GError **error);
/* Stops and frees everything, closes images last. NULL is fine. Where storage
 * does not answer any more, nothing is freed: the kernel and the pool still
 * point at it, so the process is to end by _exit(). */
void machine_free(Machine *machine);

Vm *machine_vm(Machine *machine);
Display *machine_display(Machine *machine); /* NULL: no display */
Input *machine_input(Machine *machine);
/* Serial port n (0..3), or NULL. */
CharLink *machine_serial(Machine *machine, unsigned n);
/* What the firmware printed to its debug port. */
CharLink *machine_firmware_log(Machine *machine);

#define MACHINE_MAX_CONSOLES 8
/* One more peer of port n (0..) of the virtio console, as char_attach_fd().
 * False: there is no such port, and fd is the caller's still. Any thread. */
bool machine_attach_console(Machine *machine, unsigned n, int fd, bool replay);
/* Where its sound goes, "alsa: default"; NULL: it has none. g_free. Any
 * thread. */
char *machine_describe_sound(Machine *machine);
/* For virtio-balloon.h, or NULL. It stays until machine_release_balloon():
 * hold it shortly, and nothing that waits for a change of cards. Any thread. */
Device *machine_hold_balloon(Machine *machine);
/* NULL is fine. */
void machine_release_balloon(Machine *machine, Device *balloon);

/* A network card. Its address may be changed by the guest; mac is the first. */
#define MACHINE_NETS 4
typedef struct {
    char *name, *kind, *model; /* "net0", "user", "virtio-net" */
    unsigned number;           /* 0..MACHINE_NETS - 1 */
    guint8 mac[6];
    guint64 capture_limit; /* bytes; 0: none */
    NetLink *link;         /* open as long as it is held */
} MachineNic;
/* Cards come and go while the guest runs. Whoever works with one holds it
 * meanwhile, and taking it out waits for that: hold it shortly, and nothing
 * that waits for a change of cards. */
/* All there are, by number, to ret_nets; how many. Any thread. */
unsigned machine_hold_nets(Machine *machine,
                           const MachineNic *ret_nets[MACHINE_NETS]);
/* The one of that name; NULL: there is none. Any thread. */
const MachineNic *machine_hold_net(Machine *machine, const char *name);
/* NULL is fine. Any thread. */
void machine_release_net(Machine *machine, const MachineNic *net);

/* A thing on a PCI card, which may come and go while the guest runs. */
typedef struct {
    char section[16]; /* "disk1" */
    char id[16];      /* its device, where a section has several; else "" */
    guint8 slot;      /* 3..31 */
    bool leaving;     /* the guest was asked to let it go */
    bool unit;        /* of a card that stays and has that slot */
    bool from_start;  /* the guest may have started from it */
    char device[24];  /* USB: the host's, "1-2" or "046d:c52b"; "": none */
} MachineCard;
/* What may be plugged in: the models of a section ("disk1") that are cards,
 * "a|b", the usual one first; "": it has none to choose from; NULL: nothing of
 * that kind. Any thread. */
const char *machine_plug_models(const char *section);
/* "disk0 to disk3, rng", for messages. g_free. */
char *machine_plug_names(void);
#define MACHINE_MAX_CARDS 48
/* At most n of them to ret_cards; how many. Any thread. */
unsigned machine_cards(Machine *machine, MachineCard *ret_cards, unsigned n);
/* Plugs in the card that fragment's section describes ("disk1"); the rest of
 * fragment is not looked at, and it is only read during the call. Errors name
 * the key (CARREL_ERROR, CARREL_PROFILE_ERROR, those of the backend). Both
 * block; any thread but the VM's. */
bool machine_attach(Machine *machine, const Profile *fragment,
                    const char *section, GError **error);
/* Asks the guest to let it go; machine_cards() tells when it is gone. force:
 * takes it out at once, as pulling it from its slot would. Units of a SCSI or
 * SATA controller and ports of the console always go at once, and the guest is
 * told. */
bool machine_detach(Machine *machine, const char *section, bool force,
                    GError **error);

/* Drives with removable media: "floppy0", "floppy1", "cd0".. path NULL ejects;
 * force also opens a locked tray. Any thread but the VM's. */
bool machine_change_media(Machine *machine, const char *drive, const char *path,
                          bool read_only, bool force, GError **error);
/* "floppy0: /x/dos.img\ncd0: (empty) (tray open)\n", for people. Any
 * thread. */
char *machine_describe_drives(Machine *machine);
