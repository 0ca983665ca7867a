/* devices/machine/pc-memory.c - where a PC's RAM and BIOS appear.
 *
 *   0 - 9FFFF         RAM
 *   A0000 - BFFFF     the display's window
 *   C0000 - FFFFF     thirteen segments, RAM or ROM as the bridge's PAM says
 *   1 MiB - 3 GiB     RAM, at most; Q35: 2.75 GiB
 *   4 GiB - size      BIOS or a UEFI's code, read only; its last 128 KiB also
 *                     at E0000; right below a UEFI's variables (pflash)
 *   4 GiB and up      the rest of the RAM */
#include <string.h>

#include "devices/machine/pc-internal.h"
#include "vmm/mem/guest-mem.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

guint64
pc_low_memory(const PcSpec *spec)
{
    return pc_board(spec)->low_memory(spec->memory);
}

guint64
pc_high_memory(const PcSpec *spec)
{
    return spec->memory - pc_low_memory(spec);
}

bool
pc_is_uefi(const PcSpec *spec)
{
    return spec->uefi_vars != NULL || g_bytes_get_size(spec->bios) > MIB;
}

static bool
map_slot(Vm *vm, const char *name, MemBacking *backing, guint64 offset,
         guint64 len, Gpa gpa, MemAccess access, GError **error)
{
    MemSlot *slot = mem_slot_new(vm_env(vm)->mem, name, backing, offset, len);
    int ret = mem_slot_map(slot, gpa, access);

    if (ret == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, (int) g_file_error_from_errno(-ret),
                "cannot map %s at 0x%" G_GINT64_MODIFIER "x: %s", name, gpa,
                g_strerror(-ret));
    return false;
}

static bool
map_ram(Vm *vm, MemBacking *ram, const PcSpec *spec, GError **error)
{
    guint64 low = pc_low_memory(spec), high = pc_high_memory(spec);

    return map_slot(vm, "ram-640k", ram, 0, 0xa0000, 0, MEM_RW, error) &&
           (low <= MIB ||
            map_slot(vm, "ram-low", ram, MIB, low - MIB, MIB, MEM_RW, error)) &&
           (high == 0 || map_slot(vm, "ram-high", ram, low, high,
                                  PC_HIGH_MEMORY, MEM_RW, error));
}

/* Behind the display's window there is RAM that nothing reaches. */
static void
note_ram(GuestMem *mem, MemBacking *ram, const PcSpec *spec)
{
    guint64 low = pc_low_memory(spec), high = pc_high_memory(spec);

    guest_mem_add_ram(mem, 0, ram, 0, 0xa0000);
    guest_mem_add_ram(mem, 0xc0000, ram, 0xc0000, low - 0xc0000);
    if (high > 0)
        guest_mem_add_ram(mem, PC_HIGH_MEMORY, ram, low, high);
}

static MemBacking *
load_bios(Vm *vm, const PcSpec *spec, GError **error)
{
    gsize len;
    const void *data = g_bytes_get_data(spec->bios, &len);
    gsize page = pc_is_uefi(spec) ? 0x1000 : 0x10000;
    gsize padded = (len + page - 1) & ~(page - 1);
    unsigned most = pc_is_uefi(spec) ? 8 : 1;

    if (len == 0 || len > most * MIB || padded < 0x10000) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "BIOS image of %" G_GSIZE_FORMAT
                    " bytes: must be 64 KiB to %u MiB",
                    len, most);
        return NULL;
    }
    MemBacking *rom = mem_backing_new(vm_env(vm)->mem, "bios", padded, error);
    if (rom != NULL) /* the reset vector is at the end */
        mem_backing_fill(rom, padded - len, data, len);
    return rom;
}

/* The part of the BIOS that shows at a segment below 1 MiB, or NULL. */
static MemSlot *
segment_rom(Vm *vm, MemBacking *rom, Gpa base, guint32 len)
{
    guint64 below_top = MIB - base;

    if (base < 0xe0000 || below_top > mem_backing_len(rom))
        return NULL;
    return mem_slot_new(vm_env(vm)->mem, "bios-segment", rom,
                        mem_backing_len(rom) - below_top, len);
}

static void
connect_segments(Vm *vm, Pam *pam, MemBacking *ram, MemBacking *rom)
{
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        Gpa base = pam_segment_base(i);
        guint32 len = pam_segment_len(i);
        MemSlot *shadow =
            mem_slot_new(vm_env(vm)->mem, "ram-segment", ram, base, len);
        pam_set_segment(pam, i, shadow, (guint8 *) mem_backing_host(ram) + base,
                        segment_rom(vm, rom, base, len));
    }
}

bool
pc_map_memory(Vm *vm, const PcSpec *spec, Device *bridge, GError **error)
{
    MemBacking *ram = mem_backing_new_ram(vm_env(vm)->mem, "ram", spec->memory,
                                          spec->pages, error);
    MemBacking *rom = ram ? load_bios(vm, spec, error) : NULL;

    if (rom == NULL || !map_ram(vm, ram, spec, error))
        return false;
    mem_backing_allow_discard(ram);
    note_ram(vm_env(vm)->mem, ram, spec);
    guint64 len = mem_backing_len(rom);
    if (!map_slot(vm, "bios", rom, 0, len, PC_HIGH_MEMORY - len, MEM_RO, error))
        return false;
    connect_segments(vm, pc_board(spec)->segments(bridge), ram, rom);
    return true;
}
