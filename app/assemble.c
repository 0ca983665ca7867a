/* app/assemble.c - see assemble.h.
 *
 * Three steps: open what the profile names (images, serial ports, firmware),
 * let the machine file wire the chips, hand out what the owner works with.
 * Closing is the reverse. */
#include "app/assemble.h"

#include <string.h>

#include "app/assemble-internal.h"
#include "app/placement.h"
#include "profiles/schema.h"
#include "vmm/audio/audio.h"
#include "vmm/block/block.h"
#include "vmm/boot/firmware.h"
#include "vmm/core/pacer.h"
#include "vmm/cpu/cpu-speed.h"
#include "vmm/loop/loop.h"

#define MIB          (G_GUINT64_CONSTANT(1) << 20)

#define MAX_BACKINGS 2 /* keys that a disk has */

/* ---- images ---- */

static const struct {
    const char *section;
    DriveKind kind;
    unsigned count;
} drive_sections[] = {
    {"floppy", DRIVE_FLOPPY, PC_FLOPPIES},
    {"disk", DRIVE_DISK, PC_IDE},
    {"cd", DRIVE_CD, PC_IDE},
};

bool
machine_blame(GError **error, const char *section, const char *key)
{
    g_prefix_error(error, "%s.%s: ", section, key);
    return false;
}

/* backing, backing2: up to the first that is not set. The paths are the
 * caller's. */
static unsigned
read_backings(const Profile *p, const char *section, char *paths[],
              BlockBacking backings[])
{
    static const char *const keys[] = {"backing", "backing2"};
    unsigned n = 0;

    G_STATIC_ASSERT(G_N_ELEMENTS(keys) == MAX_BACKINGS);
    for (; n < MAX_BACKINGS; n++) {
        g_autofree char *key = g_strdup_printf("%s.%s", section, keys[n]);
        g_autofree char *format_key = g_strconcat(key, "-format", NULL);
        paths[n] = profile_get_path(p, key);
        if (paths[n] == NULL)
            break;
        backings[n] =
            (BlockBacking){paths[n], profile_get_string(p, format_key)};
    }
    return n;
}

static Block *
open_disk(Machine *m, const Profile *p, const Drive *d, BlockSpec *spec,
          GError **error)
{
    g_autofree char *direct_key = g_strconcat(d->name, ".direct", NULL);
    g_autofree char *format_key = g_strconcat(d->name, ".format", NULL);
    char *paths[MAX_BACKINGS] = {NULL};
    BlockBacking backings[MAX_BACKINGS];

    spec->format = profile_get_string(p, format_key);
    spec->direct = profile_get_bool(p, direct_key);
    spec->backings = backings;
    spec->n_backings = read_backings(p, d->name, paths, backings);
    Block *block = block_open(spec, vm_loop(m->vm), error);
    for (unsigned i = 0; i < MAX_BACKINGS; i++)
        g_free(paths[i]);
    return block;
}

static const char *
usb_format(const Profile *p, const char *section)
{
    g_autofree char *key = g_strconcat(section, ".format", NULL);

    return profile_get_string(p, key);
}

static Block *
open_image(Machine *m, const Profile *p, Drive *d, GError **error)
{
    g_autoptr(GError) e = NULL;
    g_autofree char *path_key = g_strconcat(d->name, ".path", NULL);
    g_autofree char *ro_key = g_strconcat(d->name, ".read-only", NULL);
    g_autofree char *snap_key = g_strconcat(d->name, ".snapshot", NULL);
    g_autofree char *path = profile_get_path(p, path_key);
    bool cd = d->kind == DRIVE_CD;

    d->read_only = cd || profile_get_bool(p, ro_key);
    d->snapshot = !cd && (m->snapshot || profile_get_bool(p, snap_key));
    if (path == NULL)
        return NULL;
    BlockSpec spec = {
        .path = path,
        .format = cd ? "iso" : "raw",
        .read_only = d->read_only,
        .snapshot = d->snapshot,
    };
    if (d->kind == DRIVE_USB)
        spec.format = usb_format(p, d->name);
    Block *block = d->kind == DRIVE_DISK
                       ? open_disk(m, p, d, &spec, &e)
                       : block_open(&spec, vm_loop(m->vm), &e);
    if (block != NULL)
        return block;
    bool backing =
        g_error_matches(e, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_BACKING);
    g_propagate_error(error, g_steal_pointer(&e));
    machine_blame(error, d->name, backing ? "backing" : "path");
    return NULL;
}

bool
machine_open_drive(Machine *m, const Profile *p, const char *name,
                   DriveKind kind, unsigned index, GError **error)
{
    Drive drive = {.kind = kind, .number = index, .unit = index};
    g_autoptr(GError) e = NULL;

    drive.name = g_strdup(name);
    machine_place_unit(p, &drive);
    drive.block = open_image(m, p, &drive, &e);
    machine_add_drive(m, &drive);
    if (e == NULL)
        return true;
    g_propagate_error(error, g_steal_pointer(&e));
    return false;
}

static bool
open_drives(Machine *m, const Profile *p, GError **error)
{
    for (gsize s = 0; s < G_N_ELEMENTS(drive_sections); s++) {
        for (unsigned i = 0; i < drive_sections[s].count; i++) {
            g_autofree char *name =
                g_strdup_printf("%s%u", drive_sections[s].section, i);
            if (profile_has_section(p, name) &&
                !machine_open_drive(m, p, name, drive_sections[s].kind, i,
                                    error))
                return false;
        }
    }
    return true;
}

/* ---- serial ports ---- */

static char *
char_argument(const Machine *m, const Profile *p, const char *section,
              const char *kind)
{
    g_autofree char *key = g_strconcat(section, ".path", NULL);
    char *path = profile_get_path(p, key);

    if (path == NULL && strcmp(kind, "socket") == 0)
        return g_strdup_printf("%s/%s.sock", m->runtime_dir, section);
    return path;
}

CharLink *
machine_open_char(Machine *m, const Profile *p, const char *section,
                  GError **error)
{
    g_autofree char *key = g_strconcat(section, ".kind", NULL);
    const char *kind = profile_get_string(p, key);
    g_autofree char *arg = char_argument(m, p, section, kind);
    CharLink *link = char_open(kind, arg, vm_loop(m->vm), error);

    if (link == NULL)
        machine_blame(error, section, "kind");
    return link;
}

static bool
open_chars(Machine *m, const Profile *p, GError **error)
{
    for (unsigned i = 0; i < PC_SERIALS; i++) {
        g_autofree char *section = g_strdup_printf("serial%u", i);
        if (!profile_has_section(p, section))
            continue;
        m->serial[i] = machine_open_char(m, p, section, error);
        if (m->serial[i] == NULL)
            return false;
    }
    for (unsigned i = 0; i < MACHINE_CONSOLES; i++) {
        g_autofree char *section = g_strdup_printf("console%u", i);
        if (profile_has_section(p, section) &&
            !machine_open_console(m, p, section, i, error))
            return false;
    }
    if (machine_is_minimal(p))
        return true; /* no firmware, no log of it */
    m->firmware_log = machine_open_char(m, p, "firmware-log", error);
    return m->firmware_log != NULL;
}

/* ---- the machine's specification ---- */

/* What the chip below 4 GiB can hold; a larger one would hide devices. */
static bool
check_bios_size(const char *name, GBytes *bios, GError **error)
{
    if (g_bytes_get_size(bios) <= MIB)
        return true;
    g_set_error(error, CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_INVALID,
                "firmware '%s' has %" G_GSIZE_FORMAT " bytes, a BIOS of this "
                "machine at most 1 MiB; choose another file, or write uefi",
                name, g_bytes_get_size(bios));
    return false;
}

static bool
is_cirrus(const Profile *p)
{
    return strcmp(profile_get_string(p, "display.model"), "cirrus") == 0;
}

/* A name stays one, a relative path starts at the profile's folder; each card
 * has a BIOS of its own. NULL: none. */
static char *
vga_firmware(const Profile *p)
{
    if (is_cirrus(p) && !profile_has(p, "machine.vga-firmware"))
        return g_strdup("vgabios-cirrus.bin");
    return profile_get_path(p, "machine.vga-firmware");
}

static guint32
vram_mib(const Profile *p)
{
    if (is_cirrus(p) && !profile_has(p, "display.vram"))
        return PC_CIRRUS_VRAM_MIB;
    return (guint32) (profile_get_u64(p, "display.vram") / MIB);
}

static bool
load_firmware(Machine *m, const Profile *p, GError **error)
{
    g_autofree char *bios = profile_get_path(p, "machine.firmware");
    g_autofree char *vga = vga_firmware(p);

    if (machine_wants_uefi(p)) {
        if (!machine_load_uefi(m, p, error))
            return false;
    } else {
        m->bios = firmware_load(bios, error);
        if (m->bios == NULL || !check_bios_size(bios, m->bios, error))
            return machine_blame(error, "machine", "firmware");
    }
    if (m->display == NULL || vga == NULL)
        return true;
    m->vga_bios = firmware_load(vga, error);
    return m->vga_bios != NULL ||
           machine_blame(error, "machine", "vga-firmware");
}

/* Disks begin at the primary master, CDs at the secondary master, as people
 * cabled them. */
static bool
place_ide(Machine *m, Drive *d, PcSpec *spec, GError **error)
{
    static const unsigned disk_order[PC_IDE] = {0, 1, 3, 2};
    static const unsigned cd_order[PC_IDE] = {2, 3, 1, 0};
    const unsigned *order = d->kind == DRIVE_CD ? cd_order : disk_order;

    for (unsigned i = 0; i < PC_IDE; i++) {
        if (spec->ide[order[i]].present)
            continue;
        spec->ide[order[i]].number = d->number;
        d->unit = order[i];
        spec->ide[d->unit].present = true;
        spec->ide[d->unit].cdrom = d->kind == DRIVE_CD;
        spec->ide[d->unit].block = d->block;
        return true;
    }
    g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_VALUE,
                "%s: the IDE controller has room for four drives, and they "
                "are taken",
                d->name);
    return false;
}

static bool
place_drive(Machine *m, const Profile *p, Drive *d, PcSpec *spec,
            GError **error)
{
    g_autofree char *model_key = g_strconcat(d->name, ".model", NULL);
    g_autofree char *type_key = g_strconcat(d->name, ".type", NULL);
    g_autofree char *serial_key = g_strconcat(d->name, ".serial", NULL);

    if (d->kind == DRIVE_FLOPPY) {
        spec->floppy[d->unit] = (PcDrive){
            .present = true,
            .block = d->block,
            .type = profile_get_string(p, type_key),
        };
        return true;
    }
    if (strcmp(profile_get_string(p, model_key), "ide") != 0)
        return true; /* on a card */
    if (!place_ide(m, d, spec, error))
        return false;
    if (d->kind == DRIVE_DISK)
        spec->ide[d->unit].serial = profile_get_string(p, serial_key);
    return true;
}

static void
read_boot_order(const Profile *p, PcSpec *spec)
{
    static const struct {
        const char *name;
        PcBoot boot;
    } names[] = {
        {"floppy", PC_BOOT_FLOPPY},
        {"cd", PC_BOOT_CD},
        {"disk", PC_BOOT_DISK},
        {"net", PC_BOOT_NET},
    };
    g_auto(GStrv) words =
        g_strsplit_set(profile_get_string(p, "machine.boot"), ", ", -1);
    unsigned n = 0;

    for (unsigned i = 0; words[i] != NULL; i++)
        for (gsize j = 0; j < G_N_ELEMENTS(names); j++)
            if (n < G_N_ELEMENTS(spec->boot) &&
                strcmp(words[i], names[j].name) == 0)
                spec->boot[n++] = names[j].boot;
}

static void
read_resolution(const Profile *p, PcSpec *spec)
{
    guint64 width, height;

    if (!schema_parse_resolution(profile_get_string(p, "display.resolution"),
                                 &width, &height))
        return; /* empty: the card's own choice */
    spec->xres = (guint32) width;
    spec->yres = (guint32) height;
}

static bool
fill_spec(Machine *m, const Profile *p, PcCards *cards, SmbiosSpec *smbios,
          PcSpec *spec, GError **error)
{
    machine_read_smbios(m, p, smbios);
    *spec = (PcSpec){
        .board = machine_is_q35(p) ? PC_BOARD_Q35 : PC_BOARD_I440FX,
        .memory = profile_get_u64(p, "machine.memory"),
        .pages = m->pages,
        .cpus = (unsigned) profile_get_u64(p, "machine.cpus"),
        .bios = m->bios,
        .uefi_vars = m->uefi_vars,
        .nvram = m->nvram,
        .vga_bios = m->vga_bios,
        .display = m->display != NULL,
        .cirrus = is_cirrus(p),
        .vram_mib = vram_mib(p),
        .firmware_log = m->firmware_log,
        .boot_menu = profile_get_bool(p, "machine.boot-menu"),
        .acpi = profile_get_bool(p, "machine.acpi"),
        .address_bits = machine_address_bits(),
        .local_time =
            strcmp(profile_get_string(p, "machine.rtc"), "localtime") == 0,
        .s3 = profile_get_bool(p, "machine.s3"),
        .hpet = profile_get_bool(p, "machine.hpet"),
        .cards = cards,
        .smbios = smbios,
        .debug_exit = profile_get_bool(p, "machine.debug-exit"),
    };
    memcpy(spec->serial, m->serial, sizeof spec->serial);
    read_resolution(p, spec);
    read_boot_order(p, spec);
    for (unsigned i = 0; i < m->n_drives; i++)
        if (!place_drive(m, p, &m->drives[i], spec, error))
            return false;
    return true;
}

/* ---- life ---- */

static MemPages
read_pages(const Profile *p)
{
    const char *word = profile_get_string(p, "memory.hugepages");

    return strcmp(word, "off") == 0  ? MEM_PAGES_SMALL
           : strcmp(word, "2M") == 0 ? MEM_PAGES_2M
           : strcmp(word, "1G") == 0 ? MEM_PAGES_1G
                                     : MEM_PAGES_TRANSPARENT;
}

static CpuTsc
read_tsc(const char *word)
{
    return strcmp(word, "on") == 0    ? CPU_TSC_INVARIANT
           : strcmp(word, "off") == 0 ? CPU_TSC_PLAIN
                                      : CPU_TSC_AS_HOST;
}

static bool
place_threads(const Profile *p, Placement *placement, GError **error)
{
    g_autoptr(HostRoot) root = NULL;
    g_autofree char *allowed = NULL;
    g_autoptr(GArray) host = NULL;

    if (!placement_is_wanted(p)) { /* spares every start a walk below /sys */
        host = g_array_new(FALSE, FALSE, sizeof(HostCpu));
        return placement_read(p, host, placement, error);
    }
    root = host_root_open(NULL, error);
    if (root == NULL)
        return false;
    allowed = placement_allowed();
    host = placement_host_cpus(root, allowed);
    return placement_read(p, host, placement, error);
}

static void
tell_placement(Machine *m, const Placement *placement, unsigned n)
{
    DeviceEnv *env = vm_env(m->vm);

    if (!placement->pinned && placement->n_io == 0 && *placement->why == '\0')
        return;
    g_autofree char *text = placement_say(placement, n);
    g_autofree char *line = g_strconcat("threads: ", text, NULL);
    env->log(env, "machine", line);
}

/* The profile was checked: it is a speed. */
static void
set_speed(Machine *m, const char *text)
{
    guint32 share = PACER_FULL;

    if (strcmp(text, "full") == 0)
        return; /* nothing to measure */
    if (cpu_speed_parse(text, vm_cpu_kips(m->vm), &share))
        vm_set_speed(m->vm, share);
}

/* Loop thread. */
static void
wake_by_key(void *data)
{
    Vm *vm = data;
    DeviceEnv *env = vm_env(vm);

    if (vm_state(vm) == VM_SUSPENDED)
        env->request(env, MACHINE_WAKE, "key");
}

static bool
create_vm(Machine *m, const Profile *p, const VmEvents *events, void *data,
          GError **error)
{
    Placement place;

    if (!place_threads(p, &place, error))
        return false;
    VmConfig config = {
        .name = m->name,
        .cpu =
            {
                .model = profile_get_string(p, "machine.cpu-model"),
                .n_vcpus = (unsigned) profile_get_u64(p, "machine.cpus"),
                .tsc_khz = (guint32) profile_get_u64(p, "machine.tsc-khz"),
                .hide_hypervisor =
                    profile_get_bool(p, "machine.hide-hypervisor"),
                .hide_backend = !profile_get_bool(p, "cpu.kvm"),
                .hide_clock = !profile_get_bool(p, "clock.kvmclock"),
                .hyperv = profile_get_bool(p, "cpu.hyperv"),
                .hv_vendor = profile_get_string(p, "cpu.hv-vendor"),
                .invariant_tsc =
                    read_tsc(profile_get_string(p, "clock.invariant-tsc")),
                .sockets = (unsigned) profile_get_u64(p, "cpu.sockets"),
                .threads = place.threads,
            },
        .vcpu_cpus = place.pinned ? place.vcpus : NULL,
        .io_cpus = place.io,
        .n_io_cpus = place.n_io,
    };

    m->vm = vm_new(&config, events, data, error);
    if (m->vm == NULL)
        return false;
    m->threads = MAX(place.threads, 1);
    tell_placement(m, &place, config.cpu.n_vcpus);
    m->pages = read_pages(p);
    set_speed(m, profile_get_string(p, "machine.speed"));
    m->input = input_new(vm_loop(m->vm));
    input_set_key_hook(m->input, wake_by_key, m->vm);
    if (!machine_is_minimal(p) &&
        strcmp(profile_get_string(p, "display.model"), "none") != 0)
        m->display = display_new();
    vm_env(m->vm)->input = m->input;
    vm_env(m->vm)->display = m->display;
    return true;
}

static bool
build_pc(Machine *m, const Profile *p, GError **error)
{
    PcCards cards = {.n_cards = 0};
    SmbiosSpec smbios;
    PcSpec spec;
    bool ok = load_firmware(m, p, error) &&
              fill_spec(m, p, &cards, &smbios, &spec, error) &&
              machine_plug_cards(m, p, &cards, error) &&
              pc_build(m->vm, &spec, &m->pc, error);

    machine_watch_ejects(m);
    pc_cards_clear(&cards);
    /* the machine has its own copy, in memory that the guest sees */
    g_clear_pointer(&m->bios, g_bytes_unref);
    g_clear_pointer(&m->uefi_vars, g_bytes_unref);
    return ok;
}

Machine *
machine_new(const Profile *profile, const MachineOptions *options,
            const VmEvents *events, void *data, GError **error)
{
    Machine *m = g_new0(Machine, 1);

    m->name = g_strdup(options->name);
    m->runtime_dir = g_strdup(options->runtime_dir);
    m->snapshot = options->snapshot;
    m->ram = profile_get_u64(profile, "machine.memory");
    m->spawn = options->spawn;
    g_mutex_init(&m->media_lock);
    g_mutex_init(&m->path_lock);
    g_cond_init(&m->idle);
    machine_plug_init(m);
    if ((options->checked || profile_validate(profile, error)) &&
        create_vm(m, profile, events, data, error) &&
        open_drives(m, profile, error) && open_chars(m, profile, error) &&
        machine_open_nets(m, profile, error) &&
        machine_open_pcis(m, profile, error) &&
        machine_open_shared(m, profile, error) &&
        machine_open_sound(m, profile, error) &&
        (machine_is_minimal(profile) ? machine_build_minimal(m, profile, error)
                                     : build_pc(m, profile, error)) &&
        machine_add_sound(m, profile, error) && machine_show_ram(m, error) &&
        machine_plug_usb(m, profile, error) &&
        machine_open_evdevs(m, profile, error))
        return m;
    machine_free(m);
    return NULL;
}

/* Loop thread: backends end after the devices that use them. */
static void
close_backends(void *data)
{
    Machine *m = data;

    g_clear_pointer(&m->pc.pci, pci_bus_free);
    machine_close_evdevs(m);
    for (unsigned i = 0; i < PC_SERIALS; i++)
        char_close(m->serial[i]);
    char_close(m->firmware_log);
    machine_close_consoles(m);
    machine_close_nets(m);
    machine_close_usbs(m);
    machine_close_pcis(m);
    machine_close_shared(m);
    for (unsigned i = 0; i < m->n_drives; i++) {
        block_close(m->drives[i].block);
        g_free(m->drives[i].name);
        g_free(m->drives[i].path);
    }
    machine_close_retired(m);
    machine_close_uefi(m);
}

void
machine_free(Machine *m)
{
    if (m == NULL)
        return;
    if (m->vm != NULL) {
        VmState state = vm_state(m->vm);
        if (state == VM_RUNNING || state == VM_PAUSED || state == VM_SUSPENDED)
            (void) vm_stop(m->vm, "closed", NULL); /* may have just stopped */
        if (!vm_is_quiet(m->vm))
            return; /* storage hangs: the process ends with all this */
        audio_finish(m->audio); /* while what it has to say is there */
        vm_remove_devices(m->vm);
        machine_plug_settle(m);
        loop_call(vm_loop(m->vm), close_backends, m);
        audio_free(m->audio);
        input_free(m->input);
        display_free(m->display);
        vm_free(m->vm);
    }
    pc_virtio_free(m->minimal);
    kernel_free(m->kernel);
    g_clear_pointer(&m->bios, g_bytes_unref);
    g_clear_pointer(&m->vga_bios, g_bytes_unref);
    g_mutex_clear(&m->media_lock);
    g_mutex_clear(&m->path_lock);
    g_cond_clear(&m->idle);
    machine_plug_done(m);
    g_free(m->runtime_dir);
    g_free(m->name);
    g_free(m);
}

/* ---- what the owner works with ---- */

Vm *
machine_vm(Machine *m)
{
    return m->vm;
}

Display *
machine_display(Machine *m)
{
    return m->display;
}

Input *
machine_input(Machine *m)
{
    return m->input;
}

CharLink *
machine_serial(Machine *m, unsigned n)
{
    return n < PC_SERIALS ? m->serial[n] : NULL;
}

CharLink *
machine_firmware_log(Machine *m)
{
    return m->firmware_log;
}
