/* devices/machine/pc-tables.c - what firmware and guests are told: CMOS bytes
 * and fw_cfg.
 *
 * CMOS: the IBM AT layout as SeaBIOS and old systems read it; fw_cfg keys and
 * files: SeaBIOS 1.16, whose ACPI tables are its own; UEFI takes ours. */
#include <string.h>

#include "devices/firmware/fw-cfg.h"
#include "devices/legacy/mc146818.h"
#include "devices/machine/pc-internal.h"
#include "devices/storage/fdc.h"

#define KIB ((guint64) 1024)
#define MIB (1024 * KIB)

/* ATA geometry without translation reaches 1024 cylinders of 16 * 63. */
#define CHS_SECTORS_MAX (1024u * 16u * 63u)
#define TRANSLATION_LBA 1u

/* ---- CMOS ---- */

static void
cmos16(Device *rtc, guint8 low, guint64 value)
{
    rtc_set_cmos(rtc, low, (guint8) value);
    rtc_set_cmos(rtc, (guint8) (low + 1), (guint8) (value >> 8));
}

static void
cmos_memory(const PcSpec *spec, Device *rtc)
{
    guint64 low = pc_low_memory(spec);
    guint64 high = pc_high_memory(spec) / (64 * KIB);
    guint64 extended = low > MIB ? (low - MIB) / KIB : 0;
    guint64 above_16m = low > 16 * MIB ? (low - 16 * MIB) / (64 * KIB) : 0;

    cmos16(rtc, 0x15, 640);
    cmos16(rtc, 0x17, MIN(extended, 0xffff));
    cmos16(rtc, 0x30, MIN(extended, 0xffff));
    cmos16(rtc, 0x34, MIN(above_16m, 0xffff));
    rtc_set_cmos(rtc, 0x5b, (guint8) high);
    rtc_set_cmos(rtc, 0x5c, (guint8) (high >> 8));
    rtc_set_cmos(rtc, 0x5d, (guint8) (high >> 16));
}

static void
cmos_floppies(Device *rtc, Device *fdc)
{
    unsigned a = fdc != NULL ? fdc_cmos_type(fdc, 0) : 0;
    unsigned b = fdc != NULL ? fdc_cmos_type(fdc, 1) : 0;
    unsigned n = (a != 0) + (b != 0);

    rtc_set_cmos(rtc, 0x10, (guint8) (a << 4 | b));
    /* equipment: FPU, PS/2 mouse, then floppies: present, count - 1 */
    rtc_set_cmos(rtc, 0x14,
                 (guint8) (0x06 | (n > 0 ? 0x01 | (n - 1) << 6 : 0)));
}

static guint64
disk_sectors(const PcDrive *drive)
{
    return drive->present && !drive->cdrom && drive->block != NULL
               ? block_info(drive->block)->bytes / 512
               : 0;
}

/* Type 47, "user defined", in the extended bytes of the first two disks. */
static void
cmos_disk_type(const PcDrive *drive, Device *rtc, unsigned n)
{
    guint64 sectors = disk_sectors(drive);
    guint64 cylinders = MIN(sectors / (16 * 63), 16383);
    guint8 at = n == 0 ? 0x1b : 0x24;

    if (sectors == 0)
        return;
    rtc_set_cmos(rtc, (guint8) (0x19 + n), 47);
    cmos16(rtc, at, cylinders);
    rtc_set_cmos(rtc, (guint8) (at + 2), 16);
    cmos16(rtc, (guint8) (at + 3), 0xffff); /* no write precompensation */
    rtc_set_cmos(rtc, (guint8) (at + 5), 0xc0 | 0x08); /* over 8 heads */
    cmos16(rtc, (guint8) (at + 6), cylinders);         /* landing zone */
    rtc_set_cmos(rtc, (guint8) (at + 8), 63);
}

static void
cmos_disks(const PcSpec *spec, Device *rtc)
{
    unsigned types = 0, translations = 0;

    for (unsigned i = 0; i < PC_IDE; i++) {
        guint64 sectors = disk_sectors(&spec->ide[i]);
        if (i < 2 && sectors > 0)
            types |= 0xfu << (i == 0 ? 4 : 0);
        if (sectors > CHS_SECTORS_MAX)
            translations |= TRANSLATION_LBA << (2 * i);
    }
    rtc_set_cmos(rtc, 0x12, (guint8) types);
    cmos_disk_type(&spec->ide[0], rtc, 0);
    cmos_disk_type(&spec->ide[1], rtc, 1);
    rtc_set_cmos(rtc, 0x39, (guint8) translations);
}

/* Nibbles of the classic boot order: 1 floppy, 2 disk, 3 CD, 4 a card's ROM.
 * It has room for three; fw_cfg tells all. */
static void
cmos_boot(const PcSpec *spec, Device *rtc)
{
    static const guint8 code[] = {
        [PC_BOOT_NONE] = 0, [PC_BOOT_FLOPPY] = 1, [PC_BOOT_CD] = 3,
        [PC_BOOT_DISK] = 2, [PC_BOOT_NET] = 4,
    };

    rtc_set_cmos(rtc, 0x3d,
                 (guint8) (code[spec->boot[0]] | code[spec->boot[1]] << 4));
    /* bit 0: start what has no boot signature, too, as early PCs did */
    rtc_set_cmos(rtc, 0x38, (guint8) (code[spec->boot[2]] << 4 | 1));
}

void
pc_fill_cmos(const PcSpec *spec, Device *rtc, Device *fdc)
{
    cmos_memory(spec, rtc);
    cmos_floppies(rtc, fdc);
    cmos_disks(spec, rtc);
    cmos_boot(spec, rtc);
    rtc_set_cmos(rtc, 0x5f, (guint8) (spec->cpus - 1));
}

/* ---- fw_cfg ---- */

typedef struct __attribute__((packed)) {
    guint64 address, len;
    guint32 type;
} E820Entry;

enum { E820_RAM = 1, E820_RESERVED = 2 };

static void
add_e820(const PcSpec *spec, Device *fw_cfg)
{
    guint64 high = pc_high_memory(spec);
    E820Entry table[] = {
        {0, GUINT64_TO_LE(pc_low_memory(spec)), GUINT32_TO_LE(E820_RAM)},
        {GUINT64_TO_LE(PC_RESERVED_BASE), GUINT64_TO_LE(PC_RESERVED_LEN),
         GUINT32_TO_LE(E820_RESERVED)},
        {GUINT64_TO_LE(PC_HIGH_MEMORY), GUINT64_TO_LE(high),
         GUINT32_TO_LE(E820_RAM)},
    };
    g_autoptr(GBytes) bytes =
        g_bytes_new(table, sizeof(E820Entry) * (high > 0 ? 3 : 2));

    fw_cfg_add_file(fw_cfg, "etc/e820", bytes);
}

/* The IDE drives and the units on cards with this number. */
static void
append_unit_paths(const PcSpec *spec, PcBoot kind, unsigned number,
                  GString *out)
{
    for (unsigned i = 0; i < PC_IDE; i++)
        if (spec->ide[i].present && spec->ide[i].number == number &&
            kind == (spec->ide[i].cdrom ? PC_BOOT_CD : PC_BOOT_DISK))
            g_string_append_printf(out, "/pci@i0cf8/ide@1,1/drive@%u/disk@%u\n",
                                   i / 2, i % 2);
    for (unsigned i = 0; i < spec->cards->n_boot; i++) {
        const PcBootUnit *unit = &spec->cards->boot[i];
        if (unit->kind == kind && unit->number == number)
            g_string_append_printf(out, "/pci@i0cf8/%s\n", unit->path);
    }
}

/* Paths as SeaBIOS spells them: slot and function of the chip, then unit. */
static void
append_boot_paths(const PcSpec *spec, PcBoot kind, GString *out)
{
    if (kind == PC_BOOT_FLOPPY) {
        for (unsigned i = 0; i < PC_FLOPPIES; i++)
            if (spec->floppy[i].present)
                g_string_append_printf(out,
                                       "/pci@i0cf8/isa@%x/fdc@03f0/floppy@%u\n",
                                       pc_board(spec)->isa_devfn >> 3, i);
        return;
    }
    for (unsigned n = 0; n < PC_MAX_BOOT_UNITS; n++)
        append_unit_paths(spec, kind, n, out);
}

static void
add_boot_order(const PcSpec *spec, Device *fw_cfg)
{
    GString *order = g_string_new(NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(spec->boot); i++)
        if (spec->boot[i] != PC_BOOT_NONE)
            append_boot_paths(spec, spec->boot[i], order);
    gsize len = order->len + 1; /* with the NUL, as the reader expects */
    g_autoptr(GBytes) bytes =
        g_bytes_new_take(g_string_free(order, FALSE), len);
    if (len > 1)
        fw_cfg_add_file(fw_cfg, "bootorder", bytes);
}

/* Firmware places the tables, and makes its anchor from ours. */
static void
add_smbios(const PcSpec *spec, Device *fw_cfg)
{
    const SmbiosSpec *smbios = spec->smbios;
    g_autoptr(GBytes) uuid = g_bytes_new(smbios->uuid, sizeof smbios->uuid);
    g_autoptr(GBytes) anchor = NULL;
    g_autoptr(GBytes) tables = NULL;

    smbios_make(smbios, pc_low_memory(spec), 0, &anchor, &tables);
    fw_cfg_add_item(fw_cfg, FW_CFG_UUID, uuid);
    fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-anchor", anchor);
    fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-tables", tables);
}

bool
pc_can_suspend(const PcSpec *spec)
{
    return spec->s3 && spec->acpi && !pc_is_uefi(spec) &&
           spec->board == PC_BOARD_I440FX;
}

/* A byte for each of S0 to S5: bit 7, there is such a state; below, the value
 * that enters it (PIIX4 data sheet, section 7.2.3). */
static void
add_sleep_states(const PcSpec *spec, Device *fw_cfg)
{
    const guint8 there = 0x80, to_ram = 1, to_disk = 2;
    guint8 s3 = pc_can_suspend(spec) ? there | to_ram : to_ram;
    const guint8 states[] = {there, 0, 0, s3, there | to_disk, there};
    g_autoptr(GBytes) bytes = g_bytes_new(states, sizeof states);

    if (!pc_is_uefi(spec))
        fw_cfg_add_file(fw_cfg, "etc/system-states", bytes);
}

void
pc_fill_fw_cfg(const PcSpec *spec, Device *fw_cfg)
{
    fw_cfg_add_u16(fw_cfg, FW_CFG_NB_CPUS, (guint16) spec->cpus);
    fw_cfg_add_u16(fw_cfg, FW_CFG_MAX_CPUS, (guint16) spec->cpus);
    fw_cfg_add_u64(fw_cfg, FW_CFG_NUMA, 0);
    fw_cfg_add_u8(fw_cfg, FW_CFG_IRQ0_OVERRIDE, 1);
    fw_cfg_add_u16(fw_cfg, FW_CFG_BOOT_MENU, spec->boot_menu);
    add_e820(spec, fw_cfg);
    add_boot_order(spec, fw_cfg);
    add_sleep_states(spec, fw_cfg);
    if (spec->smbios != NULL)
        add_smbios(spec, fw_cfg);
    if (pc_is_uefi(spec) && spec->acpi && spec->board == PC_BOARD_I440FX)
        pc_offer_acpi(spec, 0, fw_cfg);
    if (spec->display && spec->vga_bios != NULL)
        fw_cfg_add_file(fw_cfg,
                        spec->cirrus ? "pci1013,00b8.rom" : "pci1234,1111.rom",
                        spec->vga_bios);
}
