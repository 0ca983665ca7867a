/* app/assemble-net.c - from the profile's net sections to open links: which
 * host interface, which role process, which address. */
#include <string.h>
#include <sys/stat.h>

#include "app/assemble-internal.h"
#include "app/helper/host-net.h"
#include "devices/registry.h"
#include "vmm/boot/firmware.h"
#include "vmm/loop/loop.h"

static const char *const user_role[] = {"/proc/self/exe", "carrel", "__net",
                                        NULL};
static const char *const switch_role[] = {"/proc/self/exe", "carrel",
                                          "__switch", NULL};

static const char *
setting(const Profile *p, const char *section, const char *key)
{
    g_autofree char *full = g_strdup_printf("%s.%s", section, key);
    return profile_get_string(p, full);
}

static guint64
number(const Profile *p, const char *section, const char *key)
{
    g_autofree char *full = g_strdup_printf("%s.%s", section, key);
    return profile_get_u64(p, full);
}

static bool
flag(const Profile *p, const char *section, const char *key)
{
    g_autofree char *full = g_strdup_printf("%s.%s", section, key);
    return profile_get_bool(p, full);
}

/* The same machine always has the same addresses: guests name their
 * interfaces by them. 52:54:00 is local, and customary for such cards. */
static void
derive_mac(const char *machine, const char *nic, guint8 mac[6])
{
    guint8 digest[32];
    gsize len = sizeof digest;
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);

    g_checksum_update(sum, (const guint8 *) machine, -1);
    g_checksum_update(sum, (const guint8 *) "/", 1);
    g_checksum_update(sum, (const guint8 *) nic, -1);
    g_checksum_get_digest(sum, digest, &len);
    g_checksum_free(sum);
    memcpy(mac, (const guint8[]){0x52, 0x54, 0}, 3);
    memcpy(mac + 3, digest, 3);
}

static void
read_mac(const Machine *m, const Profile *p, MachineNic *nic)
{
    const char *text = setting(p, nic->name, "mac");

    if (*text == '\0')
        derive_mac(m->name, nic->name, nic->mac);
    for (unsigned i = 0; *text != '\0' && i < 6; i++)
        nic->mac[i] = (guint8) (g_ascii_xdigit_value(text[3 * i]) << 4 |
                                g_ascii_xdigit_value(text[3 * i + 1]));
}

/* Rules of net0.forward, without the blanks between them. */
static char **
read_forwards(const Profile *p, const char *section)
{
    char **rules = g_strsplit(setting(p, section, "forward"), ",", -1);

    for (unsigned i = 0; rules[i] != NULL; i++)
        g_strstrip(rules[i]);
    if (rules[0] != NULL && *rules[0] == '\0') {
        g_strfreev(rules);
        return g_new0(char *, 1);
    }
    return rules;
}

/* Beside the machines' folders, which have names that begin otherwise. */
static char *
switch_path(const Machine *m, const char *name)
{
    g_autofree char *top = g_path_get_dirname(m->runtime_dir);
    g_autofree char *dir = g_build_filename(top, ".switches", NULL);

    (void) mkdir(dir, 0700); /* exists, or the open of the lock tells */
    return g_build_filename(dir, name, NULL);
}

static bool
model_is_there(const char *model, GError **error)
{
    if (device_class_find(model) != NULL)
        return true;
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_MISSING,
                "this Carrel has no network card '%s'; take the section out "
                "with `carrel set NAME --unset`, or use a newer version",
                model);
    return false;
}

/* NULL: none. */
static char *
tftp_folder(const Profile *p, const MachineNic *nic)
{
    g_autofree char *key = g_strconcat(nic->name, ".tftp", NULL);

    return profile_get_path(p, key);
}

static bool
tftp_is_there(const Profile *p, const MachineNic *nic, GError **error)
{
    g_autofree char *folder = tftp_folder(p, nic);

    if (folder == NULL || strcmp(nic->kind, "user") != 0 ||
        g_file_test(folder, G_FILE_TEST_IS_DIR))
        return true;
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_MISSING,
                "'%s' is no folder; name the one with the files that guests "
                "start from",
                folder);
    return false;
}

static NetLink *
open_link(Machine *m, const Profile *p, OpenNic *o, GError **error)
{
    const MachineNic *nic = &o->nic;
    g_auto(GStrv) forwards = read_forwards(p, nic->name);
    g_autofree char *path = switch_path(m, setting(p, nic->name, "switch"));
    g_autofree char *tftp = tftp_folder(p, nic);
    bool user = strcmp(nic->kind, "user") == 0;
    bool none = strcmp(nic->kind, "none") == 0;
    NetSpec spec = {
        .kind = none ? "null" : nic->kind,
        .name = nic->name,
        .ifname = setting(p, nic->name, "interface"),
        .queues = (unsigned) number(p, nic->name, "queues"),
        .mtu = (guint) number(p, nic->name, "mtu"),
        .path = path,
        .role_argv = user ? user_role : switch_role,
        .spawn = m->spawn,
        .forwards = (const char *const *) forwards,
        .restricted = flag(p, nic->name, "restrict"),
        .host_access = flag(p, nic->name, "host-access"),
        .tftp = tftp,
        .bootfile = setting(p, nic->name, "bootfile"),
    };
    HostNet host = {.machine = m->name,
                    .nic = nic->name,
                    .bridge = setting(p, nic->name, "bridge"),
                    .lower = spec.ifname,
                    .mac = nic->mac,
                    .queues = MAX(spec.queues, 1)};

    if (strcmp(nic->kind, "bridge") == 0)
        return host_net_open_bridge(&host, &spec, vm_loop(m->vm), error);
    if (strcmp(nic->kind, "macvtap") == 0) {
        NetLink *link =
            host_net_open_macvtap(&host, &spec, vm_loop(m->vm), error);
        g_strlcpy(o->made, host.made, sizeof o->made);
        return link;
    }
    return net_open(&spec, vm_loop(m->vm), error);
}

static bool
start_capture(const Profile *p, const MachineNic *nic, GError **error)
{
    g_autofree char *full = g_strdup_printf("%s.capture", nic->name);
    g_autofree char *path = profile_get_path(p, full);

    return path == NULL ||
           net_capture_start(nic->link, path, nic->capture_limit, error);
}

static bool
boots_from_nets(const Profile *p)
{
    g_auto(GStrv) kinds =
        g_strsplit_set(profile_get_string(p, "machine.boot"), ", ", -1);

    return g_strv_contains((const char *const *) kinds, "net");
}

/* ipxe-qemu's, which hold a part for each kind of firmware. */
static const char *
usual_rom(const char *model)
{
    static const struct {
        const char *model, *rom;
    } rows[] = {
        {"e1000", "efi-e1000.rom"},      {"pcnet", "efi-pcnet.rom"},
        {"rtl8029", "efi-ne2k_pci.rom"}, {"rtl8139", "efi-rtl8139.rom"},
        {"rtl8139c", "efi-rtl8139.rom"}, {"virtio-net", "efi-virtio.rom"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].model, model) == 0)
            return rows[i].rom;
    return "";
}

/* A ROM that is not there keeps no machine from starting: it has other ways, or
 * its firmware says that it found nothing. Where nothing starts from networks
 * there is none, for it takes its time at every start. */
static bool
load_rom(Machine *m, const Profile *p, OpenNic *o, GError **error)
{
    g_autofree char *key = g_strconcat(o->nic.name, ".boot-rom", NULL);
    g_autofree char *set = profile_get_path(p, key);
    const char *name =
        g_strcmp0(set, "auto") == 0 ? usual_rom(o->nic.model) : set;
    DeviceEnv *env = vm_env(m->vm);

    if (name == NULL || *name == '\0' || !boots_from_nets(p))
        return true;
    g_autofree char *file = firmware_find(name);
    if (file != NULL) {
        o->rom = firmware_load(file, error);
        return o->rom != NULL;
    }
    g_autofree char *line = g_strdup_printf(
        "%s: '%s' was not found, so nothing starts from this network; install "
        "it (Debian: ipxe-qemu; Fedora: ipxe-roms-qemu; Arch: qemu-common) or "
        "name its folder in CARREL_FIRMWARE_PATH",
        key, name);
    env->log(env, "machine", line);
    return true;
}

/* What is open after a failure is the caller's. */
static bool
open_nic(Machine *m, const Profile *p, OpenNic *o, GError **error)
{
    MachineNic *nic = &o->nic;

    if (!model_is_there(nic->model, error))
        return machine_blame(error, nic->name, "model");
    if (!load_rom(m, p, o, error))
        return machine_blame(error, nic->name, "boot-rom");
    if (!tftp_is_there(p, nic, error))
        return machine_blame(error, nic->name, "tftp");
    nic->link = open_link(m, p, o, error);
    if (nic->link == NULL)
        return machine_blame(error, nic->name, "kind");
    if (strcmp(nic->kind, "none") == 0 ||
        strcmp(setting(p, nic->name, "link"), "down") == 0)
        net_set_plugged(nic->link, false);
    return start_capture(p, nic, error) ||
           machine_blame(error, nic->name, "capture");
}

static void
close_nic(OpenNic *o)
{
    net_close(o->nic.link);
    if (o->made[0] != '\0')
        (void) host_net_delete(o->made, "macvtap"); /* may be gone */
    g_clear_pointer(&o->rom, g_bytes_unref);
    g_free(o->nic.name);
    g_free(o->nic.kind);
    g_free(o->nic.model);
    g_free(o);
}

bool
machine_open_net(Machine *m, const Profile *p, const char *section,
                 unsigned number_of_nic, GError **error)
{
    OpenNic *o = g_new0(OpenNic, 1);
    MachineNic *nic = &o->nic;

    nic->number = number_of_nic;
    nic->name = g_strdup(section);
    nic->kind = g_strdup(setting(p, section, "kind"));
    nic->model = g_strdup(setting(p, section, "model"));
    nic->capture_limit = number(p, section, "capture-limit");
    read_mac(m, p, nic);
    if (!open_nic(m, p, o, error)) {
        close_nic(o);
        return false;
    }
    g_mutex_lock(&m->path_lock);
    m->nics[number_of_nic] = o;
    g_mutex_unlock(&m->path_lock);
    return true;
}

bool
machine_open_nets(Machine *m, const Profile *p, GError **error)
{
    for (unsigned i = 0; i < MACHINE_NETS; i++) {
        g_autofree char *section = g_strdup_printf("net%u", i);
        if (profile_has_section(p, section) &&
            !machine_open_net(m, p, section, i, error))
            return false;
    }
    return true;
}

/* With path_lock held. NULL: there is none. */
static OpenNic **
find_nic(Machine *m, const char *section)
{
    for (unsigned i = 0; i < MACHINE_NETS; i++)
        if (m->nics[i] != NULL && strcmp(m->nics[i]->nic.name, section) == 0)
            return &m->nics[i];
    return NULL;
}

/* Out of the list first, so that nobody new comes to it. */
void
machine_close_net(Machine *m, const char *section)
{
    OpenNic *gone = NULL;

    g_mutex_lock(&m->path_lock);
    OpenNic **at = find_nic(m, section);
    if (at != NULL)
        gone = g_steal_pointer(at);
    while (gone != NULL && gone->users > 0)
        g_cond_wait(&m->idle, &m->path_lock);
    g_mutex_unlock(&m->path_lock);
    if (gone != NULL)
        close_nic(gone);
}

void
machine_close_nets(Machine *m)
{
    for (unsigned i = 0; i < MACHINE_NETS; i++)
        if (m->nics[i] != NULL)
            close_nic(g_steal_pointer(&m->nics[i]));
}

/* ---- who works with a card ---- */

unsigned
machine_hold_nets(Machine *m, const MachineNic *ret_nets[MACHINE_NETS])
{
    unsigned n = 0;

    g_mutex_lock(&m->path_lock);
    for (unsigned i = 0; i < MACHINE_NETS; i++)
        if (m->nics[i] != NULL) {
            m->nics[i]->users++;
            ret_nets[n++] = &m->nics[i]->nic;
        }
    g_mutex_unlock(&m->path_lock);
    return n;
}

const MachineNic *
machine_hold_net(Machine *m, const char *name)
{
    const MachineNic *nic = NULL;

    g_mutex_lock(&m->path_lock);
    OpenNic **at = find_nic(m, name);
    if (at != NULL) {
        (*at)->users++;
        nic = &(*at)->nic;
    }
    g_mutex_unlock(&m->path_lock);
    return nic;
}

void
machine_release_net(Machine *m, const MachineNic *nic)
{
    OpenNic *o = (OpenNic *) nic; /* its first member, made above */

    if (nic == NULL)
        return;
    g_mutex_lock(&m->path_lock);
    o->users--;
    g_cond_broadcast(&m->idle);
    g_mutex_unlock(&m->path_lock);
}
