/* devices/storage/piix3-ide.c - the IDE function of the PIIX3: two channels at
 * the legacy ports, with bus mastering.
 *
 * Intel 82371SB (PIIX3) data sheet, sections 2.3 and 4. Timing registers are
 * kept and mean nothing, but for the bits that let a channel decode its
 * ports. */
#include "devices/storage/piix3-ide.h"

#include <string.h>

#include "devices/bus/pci.h"
#include "devices/storage/ide-internal.h"
#include "vmm/io/io.h"

/* Configuration registers, section 2.3 */
#define CFG_IDETIM    0x40 /* 16 bits per channel */
#define CFG_SIDETIM   0x44
#define IDETIM_DECODE 0x8000
#define BMIDE_BAR     4
#define BMIDE_SIZE    16
#define BMIDE_CHANNEL 8 /* bytes of registers per channel */

typedef struct {
    PciState pci;
    IdeChannelState channel[2];
} Piix3IdeState;

typedef struct {
    Block *block;
    int kind; /* index into kind_names */
    char *serial, *model;
    guint32 cylinders, heads, sectors; /* 0: from the size */
} DriveOptions;

typedef struct {
    PciDevice pci;
    Piix3IdeState s; /* under pci.dev.lock */
    IdeChannel channel[2];
    IoRegion *bus_master;
    DriveOptions option[PIIX3_IDE_DRIVES];
    bool decode; /* option */
} Piix3Ide;

enum { KIND_AUTO, KIND_NONE, KIND_DISK, KIND_CD };

static const PciIds piix3_ide_ids = {
    .vendor = 0x8086,
    .device = 0x7010,
    .class_device = 0x0101,
    .prog_if = 0x80, /* bus master, both channels at the legacy ports */
};

static IdeDrive *
drive_of(Piix3Ide *d, unsigned n)
{
    return &d->channel[n / 2].drive[n % 2];
}

static guint64
bus_master_read(void *dev, guint64 offset, unsigned size)
{
    Piix3Ide *d = dev;
    guint64 value = 0;

    for (unsigned i = 0; i < size; i++) {
        unsigned at = (unsigned) offset + i;
        IdeChannel *ch = &d->channel[at / BMIDE_CHANNEL];
        value |= (guint64) ide_bm_read(ch, at % BMIDE_CHANNEL) << (8 * i);
    }
    return value;
}

static void
bus_master_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Piix3Ide *d = dev;
    IdeChannel *first = &d->channel[offset / BMIDE_CHANNEL];

    if (size == 4 &&
        ide_bm_write_table(first, (unsigned) offset % BMIDE_CHANNEL,
                           (guint32) value))
        return;
    for (unsigned i = 0; i < size; i++) {
        unsigned at = (unsigned) offset + i;
        IdeChannel *ch = &d->channel[at / BMIDE_CHANNEL];
        ide_bm_write(ch, at % BMIDE_CHANNEL, (guint8) (value >> (8 * i)));
    }
}

static const IoOps bus_master_ops = {
    .read = bus_master_read, .write = bus_master_write, .max_size = 4};

/* A channel answers while its decode bit and the function's I/O bit are set. */
static void
update_decoding(Piix3Ide *d)
{
    const guint8 *config = d->s.pci.config;
    bool io = (pci_get16(config, PCI_COMMAND) & PCI_COMMAND_IO) != 0;

    for (unsigned i = 0; i < 2; i++) {
        guint16 timing = pci_get16(config, CFG_IDETIM + 2 * i);
        bool decode = io && (timing & IDETIM_DECODE) != 0;
        if (!ide_channel_map(&d->channel[i], decode))
            device_guest_error(&d->pci.dev,
                               "ide: the ports of channel %u are taken", i);
    }
}

static void
config_written(PciDevice *pdev, unsigned offset, unsigned size,
               const guint8 *old)
{
    Piix3Ide *d = DEVICE_OF(Piix3Ide, &pdev->dev);

    if (offset < CFG_IDETIM + 4 && offset + size > CFG_IDETIM)
        update_decoding(d);
    else if (offset < PCI_COMMAND + 2 && offset + size > PCI_COMMAND)
        update_decoding(d);
}

/* -- Drives ------------------------------------------------------------ */

static IdeKind
pick_kind(const DriveOptions *o)
{
    switch (o->kind) {
    case KIND_NONE: return IDE_ABSENT;
    case KIND_DISK: return IDE_DISK;
    case KIND_CD: return IDE_CD;
    default: break;
    }
    if (o->block == NULL)
        return IDE_ABSENT;
    return block_info(o->block)->is_cdrom ? IDE_CD : IDE_DISK;
}

static void
fill_geometry(IdeDrive *drive, const DriveOptions *o)
{
    drive->def_heads = o->heads ? o->heads : drive->def_heads;
    drive->def_sectors = o->sectors ? o->sectors : drive->def_sectors;
    guint64 fit = drive->n_units / (drive->def_heads * drive->def_sectors);
    drive->def_cylinders =
        o->cylinders ? o->cylinders
                     : (guint32) CLAMP(fit, 1, (guint64) IDE_MAX_CYLINDERS);
}

static bool
fill_drive(Piix3Ide *d, unsigned n, GError **error)
{
    DriveOptions *o = &d->option[n];
    IdeDrive *drive = drive_of(d, n);
    IdeKind kind = pick_kind(o);

    if (kind == IDE_ABSENT)
        return true;
    if (o->serial == NULL)
        o->serial = g_strdup_printf("CR%05u", n + 1);
    if (!ide_drive_init(drive, kind, o->block, o->serial, o->model, error)) {
        g_prefix_error(error, "drive%u: ", n);
        return false;
    }
    fill_geometry(drive, o);
    return true;
}

static IdeDrive *
find_cd(Piix3Ide *d, unsigned n, GError **error)
{
    if (n < PIIX3_IDE_DRIVES && drive_of(d, n)->kind == IDE_CD)
        return drive_of(d, n);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NODEV,
                "drive%u: is not a CD drive, its medium cannot be changed", n);
    return NULL;
}

bool
piix3_ide_set_media(Device *dev, unsigned n, Block *block, bool force,
                    GError **error)
{
    IdeDrive *drive = find_cd(DEVICE_OF(Piix3Ide, dev), n, error);

    return drive != NULL && ide_drive_set_media(drive, block, force, error);
}

unsigned
piix3_ide_tray(Device *dev, unsigned n)
{
    Piix3Ide *d = DEVICE_OF(Piix3Ide, dev);

    return n < PIIX3_IDE_DRIVES
               ? (unsigned) g_atomic_int_get(&drive_of(d, n)->tray)
               : 0;
}

/* -- Life -------------------------------------------------------------- */

/* The chip comes out of reset deaf, and a BIOS has it listen. */
static void
fill_config(Piix3Ide *d)
{
    PciDevice *pdev = &d->pci;

    memset(pdev->wmask + CFG_IDETIM, 0xff, 4);
    pdev->wmask[CFG_SIDETIM] = 0xff;
    for (unsigned i = 0; i < 2 && d->decode; i++)
        pci_put16(pdev->initial, CFG_IDETIM + 2 * i, IDETIM_DECODE);
}

static bool
piix3_ide_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Piix3Ide *d = DEVICE_OF(Piix3Ide, dev);

    for (unsigned i = 0; i < PIIX3_IDE_DRIVES; i++)
        if (!fill_drive(d, i, error))
            return false;
    if (!pci_device_realize(&d->pci, env, &piix3_ide_ids, &d->s.pci, error))
        return false;
    fill_config(d);
    d->pci.config_written = config_written;
    for (unsigned i = 0; i < 2; i++) {
        d->channel[i].s = &d->s.channel[i];
        if (!ide_channel_realize(&d->channel[i], dev, i, d->pci.dma, error))
            return false;
    }
    d->bus_master = io_region_new("ide-bus-master", &bus_master_ops, d,
                                  &dev->lock, BMIDE_SIZE);
    pci_add_bar(&d->pci, BMIDE_BAR, PCI_BAR_IO, false, BMIDE_SIZE,
                d->bus_master, NULL);
    return true;
}

static void
piix3_ide_unrealize(Device *dev)
{
    Piix3Ide *d = DEVICE_OF(Piix3Ide, dev);

    d->pci.config_written = NULL;
    for (unsigned i = 0; i < 2; i++)
        ide_channel_unrealize(&d->channel[i]);
    pci_device_unrealize(&d->pci);
    g_clear_pointer(&d->bus_master, io_region_free);
}

static void
piix3_ide_reset(Device *dev, ResetKind kind)
{
    Piix3Ide *d = DEVICE_OF(Piix3Ide, dev);

    if (kind != RESET_WAKE) /* nobody else enables the channels again */
        pci_device_reset(&d->pci);
    g_mutex_lock(&dev->lock);
    for (unsigned i = 0; i < 2; i++)
        ide_channel_reset(&d->channel[i]);
    g_mutex_unlock(&dev->lock);
    update_decoding(d);
}

static void
piix3_ide_restored(Device *dev)
{
    Piix3Ide *d = DEVICE_OF(Piix3Ide, dev);

    pci_device_restored(&d->pci);
    for (unsigned i = 0; i < 2; i++)
        ide_channel_restored(&d->channel[i]);
    update_decoding(d);
}

static bool
piix3_ide_is_quiet(Device *dev)
{
    Piix3Ide *d = DEVICE_OF(Piix3Ide, dev);

    g_mutex_lock(&dev->lock);
    bool quiet = ide_channel_is_quiet(&d->channel[0]) &&
                 ide_channel_is_quiet(&d->channel[1]);
    g_mutex_unlock(&dev->lock);
    return quiet;
}

static bool
piix3_ide_check(const void *state, GError **error)
{
    const Piix3IdeState *s = state;

    return ide_channel_check(&s->channel[0], error) &&
           ide_channel_check(&s->channel[1], error);
}

/* clang-format off */
static const StateField piix3_ide_fields[] = {
    STATE_SUB(Piix3IdeState, pci, &pci_state_desc),
    STATE_SUB_ARRAY(Piix3IdeState, channel, &ide_channel_state_desc),
    STATE_FIELDS_END
};

static const char *const kind_names[] = { "auto", "none", "disk", "cd", NULL };

#define DRIVE_PROPS(i, n) \
    PROP_DEF_LINK(Piix3Ide, option[i].block, "drive" n, false, \
                  "image of drive " n), \
    PROP_DEF_ENUM(Piix3Ide, option[i].kind, "kind" n, kind_names, 0, \
                  "what drive " n " is; auto: as its image, else none"), \
    PROP_DEF_STRING(Piix3Ide, option[i].serial, "serial" n, NULL, \
                    "serial number, up to 20 characters"), \
    PROP_DEF_STRING(Piix3Ide, option[i].model, "model" n, NULL, \
                    "model name, up to 40 characters"), \
    PROP_DEF_U32(Piix3Ide, option[i].cylinders, "cylinders" n, 0, 0, \
                 IDE_MAX_CYLINDERS, NULL, "of the default CHS geometry; 0: fit"), \
    PROP_DEF_U32(Piix3Ide, option[i].heads, "heads" n, 0, 0, 16, NULL, \
                 "of the default CHS geometry; 0: 16"), \
    PROP_DEF_U32(Piix3Ide, option[i].sectors, "sectors" n, 0, 0, 63, NULL, \
                 "per track, of the default CHS geometry; 0: 63")

static const PropDesc piix3_ide_props[] = {
    PCI_PROPS(Piix3Ide, pci),
    PROP_DEF_BOOL(Piix3Ide, decode, "decode", false,
                  "the channels have their ports from reset on"),
    DRIVE_PROPS(0, "0"),
    DRIVE_PROPS(1, "1"),
    DRIVE_PROPS(2, "2"),
    DRIVE_PROPS(3, "3"),
    PROP_END
};
/* clang-format on */

static const StateDesc piix3_ide_state = {
    .name = "piix3-ide",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Piix3IdeState),
    .fields = piix3_ide_fields,
    .check = piix3_ide_check,
};

const DeviceClass piix3_ide_class = {
    .name = "piix3-ide",
    .summary = "IDE controller (Intel PIIX3), disks and CD drives",
    .size = sizeof(Piix3Ide),
    .props = piix3_ide_props,
    .state = &piix3_ide_state,
    .state_offset = G_STRUCT_OFFSET(Piix3Ide, s),
    .realize = piix3_ide_realize,
    .unrealize = piix3_ide_unrealize,
    .reset = piix3_ide_reset,
    .restored = piix3_ide_restored,
    .is_quiet = piix3_ide_is_quiet,
};
