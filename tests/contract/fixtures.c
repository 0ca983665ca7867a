/* tests/contract/fixtures.c - see fixtures.h. A new class usually needs
 * nothing here; a new kind of link needs one row in link_makers. */
#include "tests/contract/fixtures.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/chipset/i440fx.h"
#include "devices/chipset/pci-hotplug.h"
#include "devices/chipset/piix4-pm.h"
#include "devices/chipset/q35-mch.h"
#include "devices/firmware/fw-cfg.h"
#include "devices/legacy/i8237.h"
#include "devices/usb/xhci.h"
#include "tests/unit/pci-config.h"
#include "vmm/audio/audio.h"
#include "vmm/block/block.h"
#include "vmm/char/char.h"
#include "vmm/display/display.h"
#include "vmm/input/input.h"
#include "vmm/net/net.h"

#define RIG_MMIO     0xd0000000u
#define RIG_RAM      0xa0000u /* up to the windows, where devices put slots */
#define FLOPPY_BYTES 1474560
#define MS           G_GINT64_CONSTANT(1000000)

static bool
has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* --- what links point to -------------------------------------------------- */

static gpointer
make_bus(Rig *rig)
{
    rig->bus = pci_bus_new(&rig->vm->env);
    return rig->bus;
}

static gpointer
make_char(Rig *rig)
{
    CharLink *link = char_open("null", NULL, rig->vm->env.loop, NULL);

    g_ptr_array_add(rig->chars, link);
    return link;
}

static gpointer
make_dma(Rig *rig)
{
    Device *dma = device_new(&i8237_class, "dma");

    fake_vm_realize(rig->vm, dma);
    g_ptr_array_add(rig->helpers, dma);
    return dma;
}

static gpointer
make_pm(Rig *rig)
{
    Device *pm = device_new(&piix4_pm_class, "pm");

    device_set_link(pm, "bus", make_bus(rig));
    fake_vm_realize(rig->vm, pm);
    g_ptr_array_add(rig->helpers, pm);
    return pm;
}

static gpointer
make_smbus(Rig *rig)
{
    return piix4_pm_smbus(make_pm(rig));
}

extern const DeviceClass xhci_class;

/* The port of a controller, on a bus of its own. */
static gpointer
make_usb(Rig *rig)
{
    Device *xhci = device_new(&xhci_class, "xhci");

    device_set_link(xhci, "bus", make_bus(rig));
    fake_vm_realize(rig->vm, xhci);
    g_ptr_array_add(rig->helpers, xhci);
    return xhci_usb_bus(xhci);
}

/* A blank image that is a floppy as well as a small disk. */
static gpointer
make_drive(Rig *rig)
{
    g_autoptr(GError) error = NULL;
    char *path = NULL;
    int fd = g_file_open_tmp("carrel-contract-XXXXXX", &path, &error);
    BlockSpec spec = {.path = path, .format = "raw", .use_pool = true};

    g_assert_no_error(error);
    g_ptr_array_add(rig->files, path);
    g_assert_cmpint(ftruncate(fd, FLOPPY_BYTES), ==, 0);
    g_close(fd, NULL);
    Block *block = block_open(&spec, rig->vm->env.loop, &error);
    g_assert_no_error(error);
    g_ptr_array_add(rig->blocks, block);
    return block;
}

static gpointer
make_audio(Rig *rig)
{
    rig->audio = audio_new_manual(&rig->vm->env);
    return rig->audio;
}

static gpointer
make_net(Rig *rig)
{
    const NetSpec spec = {.kind = "null", .name = "contract"};
    NetLink *link = net_open(&spec, rig->vm->env.loop, NULL);

    g_assert_nonnull(link);
    g_ptr_array_add(rig->nets, link);
    return link;
}

/* Header of an expansion ROM, with the structure that it points to. */
static gpointer
make_rom(Rig *rig)
{
    static const guint8 image[2048] = {
        [0] = 0x55,   [1] = 0xaa,   [2] = 4,      [0x18] = 0x1c,
        [0x1c] = 'P', [0x1d] = 'C', [0x1e] = 'I', [0x1f] = 'R',
    };
    GBytes *rom = g_bytes_new_static(image, sizeof image);

    g_ptr_array_add(rig->roms, rom);
    return rom;
}

static gpointer
make_vfio_host(Rig *rig)
{
    rig->vfio = vfio_fake_new();
    rig->vfio_container = vfio_container_new(&rig->vfio->sys, NULL);
    rig->vfio_host =
        vfio_host_open(rig->vfio_container, VF_GROUP, "0000:05:00.0", NULL);
    g_assert_nonnull(rig->vfio_host);
    return rig->vfio_host;
}

/* Any file of a size that does for a BAR. */
static gpointer
make_shared(Rig *rig)
{
    rig->shared.len = 1 << 20;
    rig->shared.fd = memfd_create("contract", MFD_CLOEXEC);
    g_assert_cmpint(ftruncate(rig->shared.fd, 1 << 20), ==, 0);
    return &rig->shared;
}

/* clang-format off */
static const struct {
    const char *prefix; /* of the link's name */
    gpointer (*make)(Rig *rig);
} link_makers[] = {
    { "audio", make_audio },
    { "block", make_drive },
    { "bus",   make_bus },
    { "chr",   make_char },
    { "dma",   make_dma },
    { "drive", make_drive },
    { "host",  make_vfio_host },
    { "net",   make_net },
    { "pm",    make_pm },
    { "rom",   make_rom },
    { "shared", make_shared },
    { "smbus", make_smbus },
    { "usb",   make_usb },
};
/* clang-format on */

static bool
has_option(const DeviceClass *klass, const char *name)
{
    for (const PropDesc *p = klass->props; p && p->name; p++)
        if (strcmp(p->name, name) == 0)
            return true;
    return false;
}

static bool use_mmio;

bool
rig_has_mmio(const DeviceClass *klass)
{
    return has_option(klass, "mmio-base");
}

void
rig_set_mmio(bool on)
{
    use_mmio = on;
}

static void
connect_links(Rig *rig)
{
    bool mmio = use_mmio && rig_has_mmio(rig->klass);

    if (mmio)
        device_set_u64(rig->dev, "mmio-base", RIG_MMIO, NULL);
    for (const PropDesc *p = rig->klass->props; p && p->name; p++) {
        gpointer target = NULL;

        if (p->type != PROP_LINK || (mmio && has_prefix(p->name, "bus")))
            continue;
        for (gsize i = 0; i < G_N_ELEMENTS(link_makers) && !target; i++)
            if (has_prefix(p->name, link_makers[i].prefix))
                target = link_makers[i].make(rig);
        if (target != NULL)
            device_set_link(rig->dev, p->name, target);
        else if (p->required)
            g_error("%s: link '%s' needs a row in tests/contract/fixtures.c",
                    rig->klass->name, p->name);
    }
}

/* --- what the machine does between realize and reset ---------------------- */

static void
prepare_segments(Rig *rig, Pam *pam)
{
    GuestMem *mem = rig->vm->env.mem;
    MemBacking *shadow = mem_backing_new(mem, "shadow", 0x40000, NULL);
    MemBacking *rom = mem_backing_new(mem, "rom", 0x40000, NULL);

    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        guint64 at = pam_segment_base(i) - 0xc0000;
        guint32 len = pam_segment_len(i);
        MemSlot *ram_slot = mem_slot_new(mem, "shadow", shadow, at, len);
        MemSlot *rom_slot = mem_slot_new(mem, "rom", rom, at, len);

        g_ptr_array_add(rig->mem_slots, ram_slot);
        g_ptr_array_add(rig->mem_slots, rom_slot);
        pam_set_segment(pam, i, ram_slot,
                        (guint8 *) mem_backing_host(shadow) + at, rom_slot);
    }
}

static void
prepare_i440fx(Rig *rig)
{
    prepare_segments(rig, i440fx_pam(rig->dev));
}

static void
prepare_q35_mch(Rig *rig)
{
    prepare_segments(rig, q35_mch_pam(rig->dev));
}

static void
prepare_fw_cfg(Rig *rig)
{
    static const char text[] = "eight bytes and more";
    g_autoptr(GBytes) data = g_bytes_new_static(text, sizeof text);

    fw_cfg_add_u16(rig->dev, FW_CFG_NB_CPUS, 2);
    fw_cfg_add_file(rig->dev, "etc/contract", data);
}

/* clang-format off */
static const struct {
    const char *name;
    void (*prepare)(Rig *rig);
} preparations[] = {
    { "i440fx", prepare_i440fx },
    { "fw-cfg", prepare_fw_cfg },
    { "q35-mch", prepare_q35_mch },
};
/* clang-format on */

/* --- life ------------------------------------------------------------------ */

static void
remove_file(gpointer path)
{
    (void) g_unlink(path); /* may be gone: nobody minds */
    g_free(path);
}

Rig *
rig_new(const DeviceClass *klass)
{
    Rig *rig = g_new0(Rig, 1);

    rig->klass = klass;
    rig->vm = fake_vm_new(RIG_RAM);
    rig->vm->env.display = display_new();
    rig->vm->env.input = input_new(rig->vm->env.loop);
    rig->helpers = g_ptr_array_new_with_free_func((GDestroyNotify) device_free);
    rig->blocks = g_ptr_array_new_with_free_func((GDestroyNotify) block_close);
    rig->files = g_ptr_array_new_with_free_func(remove_file);
    rig->chars = g_ptr_array_new_with_free_func((GDestroyNotify) char_close);
    rig->nets = g_ptr_array_new_with_free_func((GDestroyNotify) net_close);
    rig->roms = g_ptr_array_new_with_free_func((GDestroyNotify) g_bytes_unref);
    rig->mem_slots =
        g_ptr_array_new_with_free_func((GDestroyNotify) mem_slot_free);
    rig->dev = device_new(klass, "contract0");
    connect_links(rig);
    if (has_option(klass, "base-time")) /* a clock that only the test moves */
        device_set_u64(rig->dev, "base-time", 1000000000, NULL);
    return rig;
}

void
rig_realize(Rig *rig)
{
    g_autoptr(GError) error = NULL;

    if (!device_realize(rig->dev, &rig->vm->env, &error))
        g_error("%s: %s", rig->klass->name, error->message);
    for (gsize i = 0; i < G_N_ELEMENTS(preparations); i++)
        if (strcmp(rig->klass->name, preparations[i].name) == 0)
            preparations[i].prepare(rig);
    device_reset(rig->dev, RESET_COLD);
}

void
rig_free(Rig *rig)
{
    device_quiesce(rig->dev);
    (void) rig_wait_quiet(rig);
    device_free(rig->dev);
    g_ptr_array_unref(rig->helpers);
    for (guint i = 0; i < rig->blocks->len; i++)
        while (!block_is_idle(rig->blocks->pdata[i]))
            fake_advance(rig->vm, MS);
    g_ptr_array_unref(rig->blocks);
    g_ptr_array_unref(rig->files);
    g_ptr_array_unref(rig->chars);
    g_ptr_array_unref(rig->nets);
    g_ptr_array_unref(rig->roms);
    g_ptr_array_unref(rig->mem_slots);
    if (rig->bus != NULL)
        pci_bus_free(rig->bus);
    if (rig->shared.len > 0)
        g_close(rig->shared.fd, NULL);
    vfio_host_close(rig->vfio_host);
    vfio_container_free(rig->vfio_container);
    if (rig->vfio != NULL)
        vfio_fake_free(rig->vfio);
    audio_free(rig->audio);
    input_free(rig->vm->env.input);
    display_free(rig->vm->env.display);
    fake_vm_free(rig->vm);
    g_free(rig);
}

GBytes *
rig_save(Rig *rig)
{
    GByteArray *out = g_byte_array_new();

    device_save(rig->dev, out);
    return g_byte_array_free_to_bytes(out);
}

bool
rig_wait_quiet(Rig *rig)
{
    for (unsigned i = 0; i < 1000; i++) {
        if (device_is_quiet(rig->dev))
            return true;
        fake_advance(rig->vm, 10 * MS);
    }
    return false;
}

/* --- every register --------------------------------------------------------- */

#define POKE_MAX_OFFSETS 512 /* of one region; larger ones are sampled */

typedef struct {
    guint64 base, len;
} Range;

static void
collect(const char *name, guint64 base, guint64 len, int priority, void *data)
{
    Range range = {base, len};

    g_array_append_val((GArray *) data, range);
}

static void
poke_space(Rig *rig, IoSpace *space, unsigned max_size)
{
    static const guint64 patterns[] = {0, G_MAXUINT64,
                                       G_GUINT64_CONSTANT(0xa55a0ff055aaf00f)};
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(Range));

    io_space_foreach(space, collect, ranges);
    for (guint r = 0; r < ranges->len; r++) {
        const Range *range = &g_array_index(ranges, Range, r);
        guint64 step = MAX(range->len / POKE_MAX_OFFSETS, 1);

        for (guint64 offset = 0; offset < range->len; offset += step) {
            for (unsigned size = 1; size <= max_size; size *= 2) {
                guint64 at = range->base + offset;

                (void) io_read(space, at, size);
                for (gsize p = 0; p < G_N_ELEMENTS(patterns); p++)
                    io_write(space, at, patterns[p] >> (offset & 7), size);
                (void) io_read(space, at, size);
            }
        }
        fake_advance(rig->vm, MS);
    }
}

static guint32
config(Rig *rig, guint8 devfn, unsigned offset, unsigned size, bool write,
       guint32 value)
{
    if (!write)
        return pci_config_get(rig->bus, devfn, offset, size);
    pci_config_set(rig->bus, devfn, offset, value, size);
    return 0;
}

static void
poke_config(Rig *rig, guint8 devfn)
{
    static const guint32 patterns[] = {0, G_MAXUINT32, 0xa55a0ff0};

    for (unsigned offset = 0; offset < PCI_CONFIG_SIZE; offset++) {
        for (unsigned size = 1; size <= 4; size *= 2) {
            if (offset % size != 0)
                continue;
            (void) config(rig, devfn, offset, size, false, 0);
            for (gsize p = 0; p < G_N_ELEMENTS(patterns); p++)
                (void) config(rig, devfn, offset, size, true, patterns[p]);
        }
    }
}

/* Where a BIOS would put them, so that their registers can be reached. */
static void
place_bars(Rig *rig, guint8 devfn)
{
    for (unsigned i = 0; i < PCI_NUM_BARS; i++) {
        unsigned reg = PCI_BAR0 + 4 * i;
        bool io;

        (void) config(rig, devfn, reg, 4, true, G_MAXUINT32);
        io = config(rig, devfn, reg, 4, false, 0) & 1;
        (void) config(rig, devfn, reg, 4, true,
                      io ? 0x6000 + 0x400 * i : 0xe0000000u + (i << 26));
    }
    (void) config(rig, devfn, PCI_COMMAND, 2, true,
                  PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* Written last, for models that the patterns lead back to where they began. */
/* clang-format off */
static const struct {
    const char *name;
    guint16 port;
    guint8 value;
} last_writes[] = {
    { "apm-shutdown", 0x8900, 'S' }, /* counts letters of "Shutdown" */
};
/* What no register can do, but the machine. */
static void
plug_something(Rig *rig)
{
    pci_hotplug_inserted(rig->dev, 6);
}

/* A byte by the bus, which sets where it is read next. */
static void
address_eeprom(Rig *rig)
{
    SmbusMessage m = {
        .protocol = SMBUS_BYTE, .address = 0x50, .command = 0x12};

    (void) smbus_transfer(piix4_pm_smbus(rig->helpers->pdata[0]), &m);
}

/* As its controller does it. */
static void
configure_usb(Rig *rig)
{
    UsbDevice *usb = DEVICE_OF(UsbDevice, rig->dev);
    UsbPacket p = {
        .dev = usb,
        .type = USB_CONTROL,
        .setup = {.request = USB_SET_CONFIGURATION, .value = 1},
    };

    (void) usb->ops->submit(usb, &p);
}

/* What was written before ends with the chip's content shown again. */
static void
ask_for_status(Rig *rig)
{
    fake_mmio_write(rig->vm, 0xffc00000, 0xff, 1);
    fake_mmio_write(rig->vm, 0xffc00000, 0x70, 1);
}

static const struct {
    const char *name;
    void (*act)(Rig *rig);
} machine_acts[] = {
    { "pflash",      ask_for_status },
    { "spd-eeprom",  address_eeprom },
    { "usb-hid",     configure_usb },
    { "usb-hub",     configure_usb },
    { "usb-storage", configure_usb },
    { "pci-hotplug", plug_something },
};
/* clang-format on */

void
rig_poke(Rig *rig)
{
    guint8 devfn = 0;

    if (rig->bus != NULL && has_option(rig->klass, "addr")) {
        devfn = (guint8) DEVICE_OF(PciDevice, rig->dev)->devfn;
        poke_config(rig, devfn);
        place_bars(rig, devfn);
    }
    poke_space(rig, rig->vm->env.ports, 4);
    poke_space(rig, rig->vm->env.mmio, 8);
    fake_advance(rig->vm, 100 * MS);
    for (gsize i = 0; i < G_N_ELEMENTS(last_writes); i++)
        if (strcmp(last_writes[i].name, rig->klass->name) == 0)
            fake_out8(rig->vm, last_writes[i].port, last_writes[i].value);
    for (gsize i = 0; i < G_N_ELEMENTS(machine_acts); i++)
        if (strcmp(machine_acts[i].name, rig->klass->name) == 0)
            machine_acts[i].act(rig);
}
