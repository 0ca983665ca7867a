/* app/assemble-plug.c - cards that come and go while the guest runs.
 *
 * A change holds media_lock from the first look to the last, so there is one
 * at a time. It stops the machine for the moment in which the device appears
 * or goes; images are opened before and closed after that. What the guest lets
 * go is told on the loop, which may not wait for itself to pause, so a job of
 * the pool takes the card out. */
#include <string.h>

#include "app/assemble-internal.h"
#include "profiles/schema.h"
#include "vmm/core/error.h"
#include "vmm/loop/loop.h"

/* ---- what can come and go ---- */

typedef struct {
    const char *section; /* as in the schema */
    const char *models;  /* those that are cards, "a|b"; "": any */
    /* Opens what is behind the card, so that machine_plug_card() finds it; what
     * there is of it after a failure is closed too. NULL: nothing. */
    bool (*open)(Machine *m, const Profile *p, const char *section,
                 unsigned number, GError **error);
    void (*close)(Machine *m, const char *section);
} PlugKind;

/* No cards of their own, but units of a controller. */
#define UNITS "virtio-scsi|ahci"

static bool
open_disk(Machine *m, const Profile *p, const char *section, unsigned number,
          GError **error)
{
    return machine_open_drive(m, p, section, DRIVE_DISK, number, error);
}

static bool
open_cd(Machine *m, const Profile *p, const char *section, unsigned number,
        GError **error)
{
    return machine_open_drive(m, p, section, DRIVE_CD, number, error);
}

/* One row a kind; nothing else lists them. */
/* clang-format off */
static const PlugKind plug_kinds[] = {
    { "disk#", "virtio-blk|" UNITS, open_disk,       machine_close_drive },
    { "cd#",   UNITS,              open_cd,          machine_close_drive },
    { "net#",  "virtio-net|e1000|rtl8139|rtl8139c|pcnet|rtl8029", machine_open_net, machine_close_net },
    { "rng",   "virtio-rng",       NULL,             NULL },
    { "balloon", "virtio-balloon", NULL,             NULL },
    { "input", "",                 NULL,             NULL },
    { "console#", "",              machine_open_console, machine_close_console },
    { "usb#",  "tablet|keyboard|mouse|storage|hub|host", machine_open_usb, machine_close_usb },
    { "pci#",  "vfio-pci",         machine_open_pci, machine_close_pci },
};
/* clang-format on */

static const PlugKind *
find_kind(const char *section)
{
    const SchemaSection *row = schema_find_section(section);

    for (gsize i = 0; row != NULL && i < G_N_ELEMENTS(plug_kinds); i++)
        if (strcmp(plug_kinds[i].section, row->section) == 0)
            return &plug_kinds[i];
    return NULL;
}

const char *
machine_plug_models(const char *section)
{
    const PlugKind *kind = find_kind(section);

    return kind != NULL ? kind->models : NULL;
}

char *
machine_plug_names(void)
{
    GString *names = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(plug_kinds); i++) {
        const char *section = plug_kinds[i].section;
        g_autofree char *first = g_strdelimit(g_strdup(section), "#", '0');
        const SchemaSection *row = schema_find_section(first);
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", first);
        if (row != NULL && row->count > 1)
            g_string_append_printf(names, " to %.*s%u",
                                   (int) strlen(section) - 1, section,
                                   row->count - 1);
    }
    return g_string_free(names, FALSE);
}

/* ---- the list ---- */

static void
say(Machine *m, const char *section, const char *what)
{
    DeviceEnv *env = vm_env(m->vm);
    g_autofree char *line = g_strdup_printf("%s: %s", section, what);

    env->log(env, "machine", line);
}

static void
note(Machine *m, MachineCard card, const char *section)
{
    g_strlcpy(card.section, section, sizeof card.section);
    g_mutex_lock(&m->path_lock);
    if (m->n_cards < G_N_ELEMENTS(m->cards))
        m->cards[m->n_cards++] = card;
    g_mutex_unlock(&m->path_lock);
}

void
machine_note_card(Machine *m, const char *section, const char *id,
                  unsigned slot)
{
    MachineCard card = {.slot = (guint8) slot};

    if (!g_str_has_prefix(id, section)) /* "pci0.1" is of pci0 */
        g_strlcpy(card.id, id, sizeof card.id);
    note(m, card, section);
}

void
machine_note_unit(Machine *m, const char *section, unsigned slot)
{
    note(m, (MachineCard){.slot = (guint8) slot, .unit = true}, section);
}

void
machine_note_usb(Machine *m, const char *section, const char *device)
{
    MachineCard card = {.slot = MACHINE_SLOT_USB, .unit = true};

    g_strlcpy(card.device, device, sizeof card.device);
    note(m, card, section);
}

static void
drop_card(Machine *m, MachineCard *card)
{
    g_mutex_lock(&m->path_lock);
    *card = m->cards[--m->n_cards];
    g_mutex_unlock(&m->path_lock);
}

static MachineCard *
find_card(Machine *m, const char *section)
{
    for (unsigned i = 0; i < m->n_cards; i++)
        if (strcmp(m->cards[i].section, section) == 0)
            return &m->cards[i];
    return NULL;
}

static MachineCard *
card_in_slot(Machine *m, unsigned slot)
{
    for (unsigned i = 0; i < m->n_cards; i++)
        if (m->cards[i].slot == slot && !m->cards[i].unit)
            return &m->cards[i];
    return NULL;
}

static bool
has_drive(const Machine *m, const char *name)
{
    for (unsigned i = 0; i < m->n_drives; i++)
        if (strcmp(m->drives[i].name, name) == 0)
            return true;
    return false;
}

unsigned
machine_cards(Machine *m, MachineCard *ret_cards, unsigned n)
{
    g_mutex_lock(&m->path_lock);
    n = MIN(n, m->n_cards);
    memcpy(ret_cards, m->cards, n * sizeof *ret_cards);
    g_mutex_unlock(&m->path_lock);
    return n;
}

/* ---- in ---- */

typedef struct {
    Machine *m;
    PcCards cards;
    bool ok;
    GError *error;
} Insertion;

static void
insert_paused(Vm *vm, void *data)
{
    Insertion *in = data;

    in->ok = pc_cards_plug(&in->cards, vm, in->m->pc.pci, in->m->pc.ports,
                           &in->error);
}

/* What is not behind a root port stays where it is. */
static bool
is_hot(const Machine *m, const char *section, unsigned slot, GError **error)
{
    if (pc_slot_is_hot(&m->pc, slot))
        return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                "%s: on chipset=pc-q35 virtio disks, network cards and "
                "devices of the host come and go while the machine runs, this "
                "does not; stop it, change its settings and start it",
                section);
    return false;
}

/* A section that has several cards says which are wanted, and may say none. */
static bool
are_new(Machine *m, const char *section, const PcCards *cards, GError **error)
{
    if (cards->n_cards == 0) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
                    "%s: nothing of it is a card; say keyboard=virtio or "
                    "pointer=virtio-tablet",
                    section);
        return false;
    }
    for (unsigned i = 0; i < cards->n_cards; i++) {
        if (!is_hot(m, section, cards->cards[i].slot, error))
            return false;
        if (card_in_slot(m, cards->cards[i].slot) == NULL)
            continue;
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "%s: its %s is there already; detach it first", section,
                    cards->cards[i].dev->id);
        return false;
    }
    return true;
}

/* It is in the machine. */
static void
inserted(Machine *m, const char *section, PcCard card, Device *dev)
{
    if (machine_is_console(section)) {
        m->console = dev;
        machine_note_unit(m, section, card.slot);
    } else if (card.function == 0) {
        machine_note_card(m, section, dev->id, card.slot);
    }
    if (strcmp(section, "balloon") == 0)
        machine_set_balloon(m, dev);
}

/* Their slots; 0 and error set. */
static guint32
insert_cards(Machine *m, const Profile *p, const char *section, GError **error)
{
    Insertion in = {.m = m};
    bool ok = machine_plug_card(m, p, section, &in.cards, error) &&
              are_new(m, section, &in.cards, error);
    PcCards cards = in.cards; /* their devices are the machine's soon */
    guint32 slots = 0;

    ok = ok && vm_with_paused(m->vm, insert_paused, &in, error);
    if (ok && !in.ok) {
        g_propagate_prefixed_error(error, in.error, "%s: ", section);
        ok = false;
    }
    for (unsigned i = 0; ok && i < cards.n_cards; i++) {
        inserted(m, section, cards.cards[i], cards.cards[i].dev);
        slots |= 1u << cards.cards[i].slot;
    }
    pc_cards_clear(&in.cards);
    return slots;
}

static bool
is_unit(const Profile *p, const char *section)
{
    return machine_unit_bus(p, section) != DRIVE_ON_BOARD;
}

static bool
has_hotplug(const Machine *m, GError **error)
{
    for (unsigned slot = 1; slot < PC_SLOTS; slot++)
        if (pc_slot_is_hot(&m->pc, slot))
            return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                "machine '%s' has no hot-plug controller: that takes "
                "machine.acpi=true and another chipset than pc-virtio; stop "
                "it, change its settings and start it",
                m->name);
    return false;
}

static bool
has_place(const Machine *m, const Profile *p, const char *section,
          GError **error)
{
    if (machine_is_usb(section))
        return machine_has_usb(m, error);
    if (machine_is_console(section) && m->console != NULL)
        return true;
    DriveBus bus = machine_unit_bus(p, section);
    return bus != DRIVE_ON_BOARD ? machine_has_controller(m, bus, error)
                                 : has_hotplug(m, error);
}

/* What a device of the host writes goes to pages that stay; a balloon gives
 * pages away. */
static bool
may_be_together(Machine *m, const char *section, GError **error)
{
    bool balloon = strcmp(section, "balloon") == 0 && m->vfio != NULL;
    bool pci = g_str_has_prefix(section, "pci") && m->balloon != NULL;

    if (balloon || pci)
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "%s: a machine has a balloon or devices of the host, not "
                    "both: they write to memory that the balloon gives away; "
                    "detach the %s first",
                    section, balloon ? "device" : "balloon");
    return !balloon && !pci;
}

static bool
is_free(Machine *m, const char *section, GError **error)
{
    const MachineCard *card = find_card(m, section);
    bool several = card != NULL && *card->id != '\0';

    if (several ? !card->leaving : card == NULL && !has_drive(m, section))
        return true; /* of several, are_new() looks at each */
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                card != NULL && card->leaving
                    ? "%s: the guest has not let go of the one that is there; "
                      "wait, or detach it with force"
                    : "%s is there already; detach it, or take another number",
                section);
    return false;
}

static bool
is_card_model(const PlugKind *kind, const Profile *p, const char *section,
              GError **error)
{
    g_autofree char *key = g_strconcat(section, ".model", NULL);
    g_auto(GStrv) models = g_strsplit(kind->models, "|", -1);

    if (*kind->models == '\0')
        return true;
    const char *model = profile_get_string(p, key);
    if (g_strv_contains((const char *const *) models, model))
        return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                "%s: '%s' cannot be plugged in while the machine runs; use one "
                "of: %s",
                key, model, kind->models);
    return false;
}

static const PlugKind *
check_attach(Machine *m, const Profile *p, const char *section, GError **error)
{
    const PlugKind *kind = find_kind(section);
    g_autofree char *names = machine_plug_names();

    if (kind == NULL)
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "'%s' is nothing that can be plugged in while the machine "
                    "runs; what can: %s",
                    section, names);
    else if (profile_validate(p, error) &&
             is_card_model(kind, p, section, error) &&
             has_place(m, p, section, error) && is_free(m, section, error) &&
             may_be_together(m, section, error))
        return kind;
    return NULL;
}

static unsigned
number_of(const char *section)
{
    char last = section[strlen(section) - 1];

    return g_ascii_isdigit(last) ? (unsigned) (last - '0') : 0;
}

/* Slots of new cards to *ret_slots. */
static bool
put_in(Machine *m, const Profile *p, const char *section, guint32 *ret_slots,
       GError **error)
{
    if (machine_is_usb(section))
        return machine_add_usb(m, p, section, error);
    if (machine_is_console(section) && m->console != NULL)
        return machine_add_port(m, p, section, error);
    if (is_unit(p, section))
        return machine_add_unit(m, p, section, error);
    *ret_slots = insert_cards(m, p, section, error);
    return *ret_slots != 0;
}

static bool
attach(Machine *m, const Profile *p, const char *section, guint32 *ret_slots,
       GError **error)
{
    const PlugKind *kind = check_attach(m, p, section, error);

    if (kind == NULL)
        return false;
    bool ok = (kind->open == NULL ||
               kind->open(m, p, section, number_of(section), error)) &&
              put_in(m, p, section, ret_slots, error);
    if (!ok && kind->close != NULL)
        kind->close(m, section);
    return ok;
}

static void
tell_guest(Machine *m, guint32 slots,
           void (*tell)(const PcDevices *pc, unsigned slot))
{
    for (unsigned slot = 1; slot < 32; slot++)
        if ((slots & 1u << slot) != 0)
            tell(&m->pc, slot);
}

bool
machine_attach(Machine *m, const Profile *fragment, const char *section,
               GError **error)
{
    guint32 slots = 0;

    g_mutex_lock(&m->media_lock);
    bool ok = attach(m, fragment, section, &slots, error);
    g_mutex_unlock(&m->media_lock);
    if (!ok)
        return false;
    tell_guest(m, slots, pc_slot_inserted);
    say(m, section, "attached");
    return true;
}

/* ---- out ---- */

static void
remove_paused(Vm *vm, void *data)
{
    const char *section = data;

    /* a card's other functions are "pci0.1" and so on; the first goes last */
    for (unsigned fn = 8; fn-- > 0;) {
        g_autofree char *id =
            fn > 0 ? g_strdup_printf("%s.%u", section, fn) : g_strdup(section);
        Device *dev = vm_find_device(vm, id);
        if (dev != NULL)
            vm_remove_device(vm, dev);
    }
}

static bool
remove_card(Machine *m, MachineCard *card, GError **error)
{
    Device *balloon = m->balloon;
    bool is_balloon = strcmp(card->section, "balloon") == 0;
    char *id = *card->id != '\0' ? card->id : card->section;

    if (is_balloon)
        machine_set_balloon(m, NULL);
    bool ok = vm_with_paused(m->vm, remove_paused, id, error);
    if (is_balloon && !ok)
        machine_set_balloon(m, balloon);
    return ok;
}

static bool
remove_any(Machine *m, MachineCard *card, GError **error)
{
    if (!card->unit)
        return remove_card(m, card, error);
    if (machine_is_usb(card->section))
        return machine_remove_usb(m, card->section, error);
    if (machine_is_console(card->section))
        machine_remove_port(m, card->section);
    else
        machine_remove_unit(m, card->section);
    return true;
}

static bool
take_out(Machine *m, MachineCard *card, GError **error)
{
    MachineCard gone = *card;
    const PlugKind *kind = find_kind(gone.section);

    if (!remove_any(m, &gone, error))
        return false;
    drop_card(m, card);
    if (kind != NULL && kind->close != NULL)
        kind->close(m, gone.section);
    return true;
}

static MachineCard *
check_detach(Machine *m, const char *section, GError **error)
{
    MachineCard *card = find_card(m, section);

    if (card != NULL && card->unit)
        return card;
    if (!has_hotplug(m, error))
        return NULL;
    if (card == NULL && has_drive(m, section))
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "%s is no card and stays while the machine runs; stop the "
                    "machine to take it out",
                    section);
    else if (card == NULL)
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
                    "machine '%s' has no card '%s'", m->name, section);
    else if (!is_hot(m, section, card->slot, error))
        card = NULL;
    return card;
}

/* All cards of the section, as take_out_all(). */
static bool
mark_leaving(Machine *m, const char *section, guint32 *ret_slots,
             GError **error)
{
    VmState state = vm_state(m->vm);

    if (state != VM_RUNNING && state != VM_PAUSED) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "%s: the machine is %s", section, vm_state_name(state));
        return false;
    }
    g_mutex_lock(&m->path_lock);
    for (unsigned i = 0; i < m->n_cards; i++) {
        if (strcmp(m->cards[i].section, section) != 0)
            continue;
        m->cards[i].leaving = true;
        *ret_slots |= 1u << m->cards[i].slot;
    }
    g_mutex_unlock(&m->path_lock);
    return true;
}

/* Slots of cards to *ret_slots, some of them after a failure too. */
static bool
take_out_all(Machine *m, const char *section, guint32 *ret_slots,
             GError **error)
{
    MachineCard *card;

    while ((card = find_card(m, section)) != NULL) {
        guint32 slot = card->unit ? 0 : 1u << card->slot;
        if (!take_out(m, card, error))
            return false;
        *ret_slots |= slot;
    }
    return true;
}

/* A guest cannot be asked before a unit of a controller goes. A disk that
 * it may live on is not taken from under it by a slip of the hand. */
static bool
may_go_unasked(const MachineCard *card, GError **error)
{
    if (!card->from_start || !g_str_has_prefix(card->section, "disk"))
        return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                "%s: the guest has had this disk since it started, and cannot "
                "be asked to let a SCSI or SATA disk go: unmount it there, "
                "then detach it with --force",
                card->section);
    return false;
}

/* A unit cannot be asked. */
static bool
detach(Machine *m, const char *section, bool force, bool *ret_unit,
       guint32 *ret_slots, GError **error)
{
    MachineCard *card = check_detach(m, section, error);

    if (card == NULL)
        return false;
    *ret_unit = card->unit;
    if (card->unit && !force && !may_go_unasked(card, error))
        return false;
    return force || card->unit ? take_out_all(m, section, ret_slots, error)
                               : mark_leaving(m, section, ret_slots, error);
}

bool
machine_detach(Machine *m, const char *section, bool force, GError **error)
{
    bool unit = false;
    guint32 slots = 0;

    g_mutex_lock(&m->media_lock);
    bool ok = detach(m, section, force, &unit, &slots, error);
    g_mutex_unlock(&m->media_lock);
    if (ok)
        say(m, section,
            unit    ? "detached, and the guest is told"
            : force ? "detached by force"
                    : "the guest is asked to let it go");
    tell_guest(m, slots, force ? pc_slot_removed : pc_slot_request_removal);
    return ok;
}

void
machine_take_out(Machine *m, unsigned slot, const char *why)
{
    g_autoptr(GError) error = NULL;

    g_mutex_lock(&m->media_lock);
    MachineCard *card = card_in_slot(m, slot);
    g_autofree char *section = g_strdup(card != NULL ? card->section : "");
    bool ok = card != NULL && take_out(m, card, &error);
    g_mutex_unlock(&m->media_lock);
    if (ok)
        say(m, section, why);
    else if (card != NULL)
        say(m, section, error->message);
}

guint32
machine_slots_in_use(Machine *m, guint32 slots)
{
    g_mutex_lock(&m->path_lock);
    for (unsigned slot = 1; slot < 32; slot++)
        if (card_in_slot(m, slot) == NULL)
            slots &= ~(1u << slot);
    g_mutex_unlock(&m->path_lock);
    return slots;
}
