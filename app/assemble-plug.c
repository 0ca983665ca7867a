/* app/assemble-plug.c - cards that come and go while the guest runs.
 *
 * A change holds media_lock from the first look to the last, so there is one
 * at a time. It stops the machine for the moment in which the device appears
 * or goes; images are opened before and closed after that. What the guest lets
 * go is told on the loop, which may not wait for itself to pause, so a job of
 * the pool takes the card out. */
#include <string.h>

#include "app/assemble-internal.h"
#include "devices/chipset/pci-hotplug.h"
#include "profiles/schema.h"
#include "vmm/core/error.h"
#include "vmm/loop/loop.h"

/* ---- what can come and go ---- */

typedef struct {
    const char *section; /* as in the schema */
    const char *models;  /* those that are cards, "a|b" */
    /* Opens what is behind the card, so that machine_plug_card() finds it; what
     * there is of it after a failure is closed too. NULL: nothing. */
    bool (*open)(Machine *m, const Profile *p, const char *section,
                 unsigned number, GError **error);
    void (*close)(Machine *m, const char *section);
} PlugKind;

#define SCSI "virtio-scsi" /* no card of its own, but a unit of a controller */

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
    { "disk#", "virtio-blk|" SCSI, open_disk,        machine_close_drive },
    { "cd#",   SCSI,               open_cd,          machine_close_drive },
    { "net#",  "virtio-net",       machine_open_net, machine_close_net },
    { "rng",   "virtio-rng",       NULL,             NULL },
    { "usb#",  "tablet|keyboard|mouse|storage|host", machine_open_usb, machine_close_usb },
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
machine_note_card(Machine *m, const char *section, unsigned slot, bool unit)
{
    note(m, (MachineCard){.slot = (guint8) slot, .unit = unit}, section);
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

    in->ok = pc_cards_plug(&in->cards, vm, in->m->pc.pci, &in->error);
}

/* The slot; 0 and error set. */
static unsigned
insert_card(Machine *m, const Profile *p, const char *section, GError **error)
{
    Insertion in = {.m = m};
    bool ok = machine_plug_card(m, p, section, &in.cards, error);
    unsigned slot = pc_cards_last_slot(&in.cards);

    g_return_val_if_fail(!ok || in.cards.n_cards > 0, 0);
    ok = ok && vm_with_paused(m->vm, insert_paused, &in, error);
    if (ok && !in.ok) {
        g_propagate_prefixed_error(error, in.error, "%s: ", section);
        ok = false;
    }
    pc_cards_clear(&in.cards);
    if (!ok)
        return 0;
    machine_note_card(m, section, slot, false);
    return slot;
}

static bool
is_unit(const Profile *p, const char *section)
{
    g_autofree char *key = g_strconcat(section, ".model", NULL);

    return strcmp(profile_get_string(p, key), SCSI) == 0;
}

static bool
has_controller(const Machine *m, GError **error)
{
    if (m->pc.hotplug != NULL)
        return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                "machine '%s' has no hot-plug controller: that takes "
                "machine.chipset=i440fx and machine.acpi=true; stop it, change "
                "its settings and start it",
                m->name);
    return false;
}

static bool
has_place(const Machine *m, const Profile *p, const char *section,
          GError **error)
{
    if (machine_is_usb(section))
        return machine_has_usb(m, error);
    return is_unit(p, section) ? machine_has_scsi(m, error)
                               : has_controller(m, error);
}

static bool
is_free(Machine *m, const char *section, GError **error)
{
    const MachineCard *card = find_card(m, section);

    if (card == NULL && !has_drive(m, section))
        return true;
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
             has_place(m, p, section, error) && is_free(m, section, error))
        return kind;
    return NULL;
}

static unsigned
number_of(const char *section)
{
    char last = section[strlen(section) - 1];

    return g_ascii_isdigit(last) ? (unsigned) (last - '0') : 0;
}

/* As insert_card(). */
static unsigned
put_in(Machine *m, const Profile *p, const char *section, GError **error)
{
    if (machine_is_usb(section))
        return machine_add_usb(m, p, section, error);
    return is_unit(p, section) ? machine_add_unit(m, p, section, error)
                               : insert_card(m, p, section, error);
}

/* As insert_card(). */
static unsigned
attach(Machine *m, const Profile *p, const char *section, GError **error)
{
    const PlugKind *kind = check_attach(m, p, section, error);
    unsigned slot = 0;

    if (kind == NULL)
        return 0;
    if (kind->open == NULL ||
        kind->open(m, p, section, number_of(section), error))
        slot = put_in(m, p, section, error);
    if (slot == 0 && kind->close != NULL)
        kind->close(m, section);
    return slot;
}

bool
machine_attach(Machine *m, const Profile *fragment, const char *section,
               GError **error)
{
    g_mutex_lock(&m->media_lock);
    unsigned slot = attach(m, fragment, section, error);
    g_mutex_unlock(&m->media_lock);
    if (slot == 0)
        return false;
    if (!is_unit(fragment, section) && !machine_is_usb(section))
        pci_hotplug_inserted(m->pc.hotplug, slot);
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
take_out(Machine *m, MachineCard *card, GError **error)
{
    MachineCard gone = *card;
    const PlugKind *kind = find_kind(gone.section);

    if (machine_is_usb(gone.section)) {
        if (!machine_remove_usb(m, gone.section, error))
            return false;
    } else if (gone.unit)
        machine_remove_unit(m, gone.section);
    else if (!vm_with_paused(m->vm, remove_paused, gone.section, error))
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
    if (!has_controller(m, error))
        return NULL;
    if (card == NULL && has_drive(m, section))
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "%s is no card and stays while the machine runs; stop the "
                    "machine to take it out",
                    section);
    else if (card == NULL)
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
                    "machine '%s' has no card '%s'", m->name, section);
    return card;
}

static bool
mark_leaving(Machine *m, MachineCard *card, GError **error)
{
    VmState state = vm_state(m->vm);

    if (state != VM_RUNNING && state != VM_PAUSED) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "%s: the machine is %s", card->section,
                    vm_state_name(state));
        return false;
    }
    g_mutex_lock(&m->path_lock);
    card->leaving = true;
    g_mutex_unlock(&m->path_lock);
    return true;
}

/* A guest cannot be asked before a unit of the SCSI controller goes. A disk that
 * it may live on is not taken from under it by a slip of the hand. */
static bool
may_go_unasked(const MachineCard *card, GError **error)
{
    if (!card->from_start || !g_str_has_prefix(card->section, "disk"))
        return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                "%s: the guest has had this disk since it started, and cannot "
                "be asked to let a SCSI disk go: unmount it there, then detach "
                "it with --force",
                card->section);
    return false;
}

/* What it is, or was, in *ret_card. A unit cannot be asked. */
static bool
detach(Machine *m, const char *section, bool force, MachineCard *ret_card,
       GError **error)
{
    MachineCard *card = check_detach(m, section, error);

    if (card == NULL)
        return false;
    *ret_card = *card;
    if (card->unit && !force && !may_go_unasked(card, error))
        return false;
    return force || card->unit ? take_out(m, card, error)
                               : mark_leaving(m, card, error);
}

bool
machine_detach(Machine *m, const char *section, bool force, GError **error)
{
    MachineCard card;

    g_mutex_lock(&m->media_lock);
    bool ok = detach(m, section, force, &card, error);
    g_mutex_unlock(&m->media_lock);
    if (!ok)
        return false;
    if (card.unit)
        say(m, section, "detached, and the guest is told");
    else if (force)
        say(m, section, "detached by force");
    else
        say(m, section, "the guest is asked to let it go");
    if (!card.unit && force)
        pci_hotplug_removed(m->pc.hotplug, card.slot);
    else if (!card.unit)
        pci_hotplug_request_removal(m->pc.hotplug, card.slot);
    return true;
}

/* ---- what the guest lets go ---- */

static void
take_out_as(Machine *m, unsigned slot, const char *why)
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

/* Slots to see to; 0: none, and whoever waits is told. */
static guint32
next_ejected(Machine *m)
{
    g_mutex_lock(&m->eject_lock);
    guint32 slots = m->ejected;
    m->ejected = 0;
    m->ejecting = slots != 0;
    if (slots == 0)
        g_cond_broadcast(&m->eject_idle);
    g_mutex_unlock(&m->eject_lock);
    return slots;
}

/* The pool's thread. m may be gone when there are no more. */
static int
eject_work(void *data)
{
    Machine *m = data;
    guint32 slots;

    while ((slots = next_ejected(m)) != 0)
        for (unsigned slot = 1; slot < 32; slot++)
            if ((slots & 1u << slot) != 0)
                take_out_as(m, slot, "detached: the guest let it go");
    return 0;
}

/* Loop thread. One job, however often the guest does it: the pool has few
 * threads, and disks may need them to become quiet. */
static void
on_eject(void *data, unsigned slot)
{
    Machine *m = data;

    g_mutex_lock(&m->eject_lock);
    m->ejected |= 1u << slot;
    bool start = !m->ejecting;
    m->ejecting = true;
    g_mutex_unlock(&m->eject_lock);
    if (start)
        loop_offload(vm_loop(m->vm), eject_work, NULL, m);
}

/* ---- what the host wants back ---- */

#define RETURN_WAIT_MS 2000 /* for the guest's answers */
#define RETURN_STEP_MS 50

/* Those of the slots whose cards are there still. */
static guint32
still_there(Machine *m, guint32 slots)
{
    g_mutex_lock(&m->path_lock);
    for (unsigned slot = 1; slot < 32; slot++)
        if (card_in_slot(m, slot) == NULL)
            slots &= ~(1u << slot);
    g_mutex_unlock(&m->path_lock);
    return slots;
}

/* The guest is asked for all before any is waited for: the host waits for each
 * of them. What is left. */
static guint32
ask_for_cards(Machine *m, guint32 slots)
{
    if (m->pc.hotplug == NULL)
        return still_there(m, slots);
    for (unsigned slot = 1; slot < 32; slot++)
        if ((slots & 1u << slot) != 0)
            pci_hotplug_request_removal(m->pc.hotplug, slot);
    for (unsigned waited = 0;
         waited < RETURN_WAIT_MS && (slots = still_there(m, slots)) != 0;
         waited += RETURN_STEP_MS)
        g_usleep(RETURN_STEP_MS * 1000);
    return still_there(m, slots);
}

static void
return_card(Machine *m, unsigned slot)
{
    take_out_as(m, slot,
                "given back to the host, which asked for it; the "
                "guest did not let go");
    if (m->pc.hotplug != NULL)
        pci_hotplug_removed(m->pc.hotplug, slot);
}

static guint32
next_wanted(Machine *m)
{
    g_mutex_lock(&m->eject_lock);
    guint32 slots = m->wanted;
    m->wanted = 0;
    m->returning = slots != 0;
    if (slots == 0)
        g_cond_broadcast(&m->eject_idle);
    g_mutex_unlock(&m->eject_lock);
    return slots;
}

/* The pool's thread, as eject_work(). */
static int
return_work(void *data)
{
    Machine *m = data;
    guint32 slots;

    while ((slots = next_wanted(m)) != 0) {
        slots = ask_for_cards(m, slots);
        for (unsigned slot = 1; slot < 32; slot++)
            if ((slots & 1u << slot) != 0)
                return_card(m, slot);
    }
    return 0;
}

void
machine_return_card(Machine *m, unsigned slot)
{
    g_mutex_lock(&m->eject_lock);
    m->wanted |= 1u << slot;
    bool start = !m->returning;
    m->returning = true;
    g_mutex_unlock(&m->eject_lock);
    if (start)
        loop_offload(vm_loop(m->vm), return_work, NULL, m);
}

void
machine_watch_ejects(Machine *m)
{
    if (m->pc.hotplug != NULL)
        pci_hotplug_set_owner(m->pc.hotplug, on_eject, m);
}

void
machine_plug_init(Machine *m)
{
    g_mutex_init(&m->eject_lock);
    g_cond_init(&m->eject_idle);
}

void
machine_plug_settle(Machine *m)
{
    g_mutex_lock(&m->eject_lock);
    while (m->ejecting || m->returning)
        g_cond_wait(&m->eject_idle, &m->eject_lock);
    g_mutex_unlock(&m->eject_lock);
}

void
machine_plug_done(Machine *m)
{
    g_mutex_clear(&m->eject_lock);
    g_cond_clear(&m->eject_idle);
}
