/* app/assemble-pci.c - PCI devices of the host that the guest has to itself:
 * from an address in the profile to opened functions.
 *
 * They are bound to vfio-pci before the machine starts; the kernel's list below
 * /sys says so, and which IOMMU group is opened. One container makes the guest's
 * RAM visible to all of them. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "app/assemble-internal.h"
#include "app/helper/vf-mac.h"
#include "devices/registry.h"
#include "devices/vfio/vfio-pci.h"
#include "passthrough-wizard/rebar.h"
#include "profiles/pci-address.h"
#include "profiles/schema.h"
#include "vmm/core/error.h"

#define DEVICES   "/sys/bus/pci/devices"
#define FUNCTIONS 8u
#define ROM_MAX   (1u << 20)

struct OpenPci {
    char section[8]; /* "pci0" */
    VfioHost *hosts[FUNCTIONS];
    unsigned n_hosts;
    GBytes *rom; /* the first function's, from a file; NULL: its own */
    bool device_rom;
    Machine *m;
    unsigned slot;
    /* loop: the host has asked, or the device has failed; said once */
    bool wanted, failed;
};

/* ---- the host's list ---- */

/* The last part of what a link below /sys points to; NULL: there is none. */
static char *
link_name(const char *address, const char *link)
{
    g_autofree char *path = g_strdup_printf(DEVICES "/%s/%s", address, link);
    char target[512];
    ssize_t len = readlink(path, target, sizeof target - 1);

    if (len <= 0)
        return NULL;
    target[len] = '\0';
    return g_path_get_basename(target);
}

static bool
exists(const char *address, const char *file)
{
    g_autofree char *path = g_strdup_printf(DEVICES "/%s/%s", address, file);

    return access(path, F_OK) == 0;
}

static bool
is_given(const char *address)
{
    g_autofree char *driver = link_name(address, "driver");

    return driver != NULL && strcmp(driver, "vfio-pci") == 0;
}

/* Names what is in the way and what removes it. */
static bool
check_given(const char *address, GError **error)
{
    g_autofree char *driver = link_name(address, "driver");

    if (!exists(address, "vendor"))
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
                    "this host has no PCI device %s; 'carrel passthrough "
                    "list' shows those that it has",
                    address);
    else if (!exists(address, "iommu_group"))
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "%s is behind no IOMMU, so it could write to any memory of "
                    "the host; 'carrel doctor' says how to turn the IOMMU on",
                    address);
    else if (driver == NULL || strcmp(driver, "vfio-pci") != 0)
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "%s is bound to %s%s, not to vfio-pci; 'carrel passthrough "
                    "bind %s' gives it to guests",
                    address,
                    driver != NULL ? "the host's driver " : "no driver",
                    driver != NULL ? driver : "", address);
    else
        return true;
    return false;
}

/* ---- open ---- */

/* Devices work without where the IOMMU controls snooping, as nearly all do. */
static void
tell_cpus(Machine *m, const OpenPci *o, unsigned group)
{
    DeviceEnv *env = vm_env(m->vm);
    int ret =
        vm_set_vfio_group(m->vm, vfio_container_group_fd(m->vfio, group), true);

    if (ret == 0 || ret == -EEXIST)
        return;
    g_autofree char *line =
        g_strdup_printf("KVM takes no notice of IOMMU group %u (%s): where the "
                        "IOMMU does not control snooping, the guest's driver "
                        "may see stale memory",
                        group, g_strerror(-ret));
    env->log(env, o->section, line);
}

static bool
open_function(Machine *m, OpenPci *o, const char *address, GError **error)
{
    g_autofree char *group = NULL;
    guint64 number = 0;

    if (!check_given(address, error))
        return false;
    group = link_name(address, "iommu_group");
    if (group == NULL ||
        !g_ascii_string_to_unsigned(group, 10, 0, G_MAXUINT, &number, NULL)) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "%s: its IOMMU group cannot be read", address);
        return false;
    }
    VfioHost *host = vfio_host_open(m->vfio, (unsigned) number, address, error);
    if (host == NULL)
        return false;
    o->hosts[o->n_hosts++] = host;
    tell_cpus(m, o, (unsigned) number);
    return true;
}

/* The card's functions that were given to guests, lowest first, or this one
 * alone. Virtual functions only look like a card: each is a device of its
 * own. */
static bool
open_functions(Machine *m, OpenPci *o, const char *address, bool all,
               GError **error)
{
    gsize len = strlen(address);

    if (!all || exists(address, "physfn"))
        return open_function(m, o, address, error);
    for (unsigned fn = 0; fn < FUNCTIONS; fn++) {
        g_autofree char *other =
            g_strdup_printf("%.*s%u", (int) len - 1, address, fn);
        bool asked = strcmp(other, address) == 0;
        bool given = is_given(other) && !exists(other, "physfn");
        if ((asked || given) && !open_function(m, o, other, error))
            return false;
    }
    return true;
}

static bool
load_rom(OpenPci *o, const Profile *p, GError **error)
{
    g_autofree char *key = g_strconcat(o->section, ".rom", NULL);
    g_autofree char *own_key = g_strconcat(o->section, ".device-rom", NULL);
    g_autofree char *path = profile_get_path(p, key);
    g_autofree char *bytes = NULL;
    gsize len;

    o->device_rom = profile_get_bool(p, own_key);
    if (path == NULL)
        return true;
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
                    "%s: '%s' is no file", key, path);
        return false;
    }
    if (!g_file_get_contents(path, &bytes, &len, error)) {
        g_prefix_error(error, "%s: ", key);
        return false;
    }
    if (len > ROM_MAX) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
                    "%s: '%s' has %" G_GSIZE_FORMAT
                    " bytes, and an expansion ROM at most %u",
                    key, path, len, ROM_MAX);
        return false;
    }
    o->rom = g_bytes_new_take(g_steal_pointer(&bytes), len);
    return true;
}

/* As sysfs writes it. What is no address is refused as a device that is not
 * there. */
static char *
full_address(const char *text)
{
    char address[PCI_ADDRESS_SIZE];

    return g_strdup(pci_address_parse(text, address) ? address : text);
}

/* It is set when `carrel start` binds the device; one that was bound before
 * keeps what it has. */
static void
look_at_size(Machine *m, const OpenPci *o, const Profile *p,
             const char *address)
{
    g_autofree char *key = g_strconcat(o->section, ".rebar", NULL);
    const char *word = profile_get_string(p, key);
    DeviceEnv *env = vm_env(m->vm);
    guint64 bytes = 0;

    if (*word == '\0')
        return;
    g_autoptr(HostRoot) root = host_root_open(NULL, NULL);
    int bar = root != NULL ? rebar_bar(root, address) : -1;
    g_autofree char *text = bar >= 0 ? rebar_describe(root, address)
                                     : g_strdup("no BAR can change");
    bool fits = schema_parse_size(word, &bytes) && bar >= 0 &&
                rebar_now(root, address, (unsigned) bar) == bytes;
    g_autofree char *line = g_strdup_printf(
        "%s=%s: %s%s", key, word, text,
        fits || strcmp(word, "max") == 0
            ? ""
            : "; give the device back ('carrel passthrough unbind') and let "
              "'carrel start' bind it");
    env->log(env, o->section, line);
}

/* `carrel start` has seen to it that a virtual function has the profile's
 * address; nobody has for other ways into a machine. */
static bool
has_address(OpenPci *o, const Profile *p, const char *address, GError **error)
{
    g_autofree char *key = g_strconcat(o->section, ".mac", NULL);
    const char *mac = profile_get_string(p, key);

    return *mac == '\0' || vf_mac_check(address, mac, error) ||
           machine_blame(error, o->section, "mac");
}

/* KVM would keep the group open, so that nobody could open it again. */
static void
group_leaves(void *data, int fd)
{
    (void) vm_set_vfio_group(((Machine *) data)->vm, fd, false);
}

static bool
open_card(Machine *m, OpenPci *o, const Profile *p, GError **error)
{
    g_autofree char *key = g_strconcat(o->section, ".host", NULL);
    g_autofree char *fn_key = g_strconcat(o->section, ".functions", NULL);
    g_autofree char *address = full_address(profile_get_string(p, key));
    bool all = strcmp(profile_get_string(p, fn_key), "all") == 0;

    if (*profile_get_string(p, key) == '\0') {
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_VALUE,
                    "it names no device; 'carrel passthrough list' shows the "
                    "host's");
        return machine_blame(error, o->section, "host");
    }
    if (m->vfio == NULL) {
        m->vfio = vfio_container_new(&vfio_sys_kernel, error);
        if (m->vfio != NULL)
            vfio_container_set_leave(m->vfio, group_leaves, m);
    }
    if (m->vfio == NULL || !open_functions(m, o, address, all, error))
        return machine_blame(error, o->section, "host");
    look_at_size(m, o, p, address);
    return has_address(o, p, address, error) && load_rom(o, p, error);
}

static void
close_card(OpenPci *o)
{
    for (unsigned i = 0; i < o->n_hosts; i++)
        vfio_host_close(o->hosts[i]);
    g_clear_pointer(&o->rom, g_bytes_unref);
    g_free(o);
}

bool
machine_open_pci(Machine *m, const Profile *p, const char *section,
                 unsigned number, GError **error)
{
    OpenPci *o = g_new0(OpenPci, 1);

    o->m = m;
    g_strlcpy(o->section, section, sizeof o->section);
    if (open_card(m, o, p, error) &&
        (vm_state(m->vm) == VM_NEW || machine_show_ram(m, error))) {
        m->pcis[number] = o;
        return true;
    }
    close_card(o);
    return false;
}

bool
machine_open_pcis(Machine *m, const Profile *p, GError **error)
{
    for (unsigned i = 0; i < MACHINE_PCIS; i++) {
        g_autofree char *section = g_strdup_printf("pci%u", i);
        if (profile_has_section(p, section) &&
            !machine_open_pci(m, p, section, i, error))
            return false;
    }
    return true;
}

bool
machine_show_ram(Machine *m, GError **error)
{
    return m->vfio == NULL ||
           vfio_container_map_ram(m->vfio, vm_env(m->vm)->mem, error);
}

/* ---- as devices ---- */

static void
card_wanted(void *data, Device *dev)
{
    OpenPci *o = data;
    DeviceEnv *env = vm_env(o->m->vm);

    if (!o->wanted)
        env->log(env, o->section, "the host asks for the device back");
    o->wanted = true;
    /* the kernel asks every ten seconds until it has it: what could not go the
     * first time has another */
    machine_return_card(o->m, o->slot);
}

static void
card_failed(void *data, Device *dev)
{
    OpenPci *o = data;
    DeviceEnv *env = vm_env(o->m->vm);

    if (!o->failed)
        env->log(env, o->section,
                 "the device reported an error that it cannot recover from; "
                 "what the guest does with it now may fail. Detach it, or "
                 "restart the machine");
    o->failed = true;
}

static const VfioPciEvents card_events = {card_wanted, card_failed};

/* The guest finds the first at function 0, and the others where they are on the
 * host if that is function 0 there too. */
static unsigned
function_of(const OpenPci *o, unsigned i)
{
    const char *first = o->hosts[0]->address;
    const char *address = o->hosts[i]->address;
    bool same = g_str_has_suffix(first, ".0");

    return same ? (unsigned) (address[strlen(address) - 1] - '0') : i;
}

bool
machine_plug_pci(Machine *m, unsigned number, PcCards *cards, unsigned slot,
                 GError **error)
{
    OpenPci *o = m->pcis[number];

    o->slot = slot;
    for (unsigned i = 0; i < o->n_hosts; i++) {
        unsigned fn = function_of(o, i);
        g_autofree char *id = fn > 0 ? g_strdup_printf("%s.%u", o->section, fn)
                                     : g_strdup(o->section);
        Device *dev = device_create("vfio-pci", id);
        pc_cards_add_function(cards, dev, slot, fn);
        device_set_link(dev, "host", o->hosts[i]);
        if (i == 0)
            device_set_link(dev, "rom", o->rom);
        vfio_pci_set_events(dev, &card_events, o);
        if (!device_set_u64(dev, "device-rom", o->device_rom, error) ||
            !device_set_u64(dev, "multifunction", o->n_hosts > 1, error))
            return false;
    }
    return true;
}

/* ---- close ---- */

void
machine_close_pci(Machine *m, const char *section)
{
    unsigned number = (unsigned) (section[strlen(section) - 1] - '0');

    if (number >= MACHINE_PCIS || m->pcis[number] == NULL)
        return;
    close_card(m->pcis[number]);
    m->pcis[number] = NULL;
}

void
machine_close_pcis(Machine *m)
{
    for (unsigned i = 0; i < MACHINE_PCIS; i++) {
        if (m->pcis[i] != NULL)
            close_card(m->pcis[i]);
        m->pcis[i] = NULL;
    }
    g_clear_pointer(&m->vfio, vfio_container_free);
}
