/* devices/machine/pc-virtio.c - which devices the minimal machine has, wired
 * where, and what is in its memory when CPU 0 starts.
 *
 *   COM1 at 3F8 (GSI 4)   event device at 600 (GSI 9)   reset at CF9
 *   PCI bus 0 by memory-mapped configuration, slots from 3 up, GSIs 16..19
 * Interrupt controllers belong to the CPU backend. No firmware: the kernel's
 * loader runs at each reset instead. */
#include "devices/machine/pc-virtio.h"

#include <string.h>

#include "devices/chipset/acpi-ged.h"
#include "devices/chipset/pci-ecam.h"
#include "devices/machine/machine-build.h"
#include "devices/machine/pc-virtio-internal.h"
#include "devices/registry.h"
#include "vmm/mem/guest-mem.h"

#define MIB              (G_GUINT64_CONSTANT(1) << 20)
#define GIB              (1024 * MIB)
#define LOW_RAM_END      0xa0000u
#define RESERVED_BY_CPU  0xfeffc000u /* see vmm/cpu/kvm/kvm.c */
#define RESERVED_CPU_LEN 0x4000u

struct PcVirtio {
    Vm *vm;
    Kernel *kernel;
    GBytes *tables;                 /* NULL: no ACPI */
    GBytes *anchor, *smbios_tables; /* NULL: no SMBIOS */
    BootTarget target;
};

typedef struct {
    MachineBuild build;
    const PcVirtioSpec *spec;
    PciBus *pci;
} Build;

guint64
pc_virtio_high_memory(guint64 memory)
{
    return memory > PCV_LOW_MAX ? memory - PCV_LOW_MAX : 0;
}

/* Sizes are powers of two: behind a multiple of the largest they fit without a
 * gap, the largest first. */
PcVirtioWindow
pc_virtio_window(PciBus *pci, guint64 memory)
{
    Gpa end = PCV_HIGH + pc_virtio_high_memory(memory);
    guint64 largest = GIB, sum = 0;

    for (unsigned devfn = 0; devfn < 256; devfn++) {
        const PciDevice *pdev = pci_bus_find(pci, (guint8) devfn);
        for (unsigned i = 0; pdev != NULL && i < PCI_NUM_BARS; i++) {
            if (pdev->bars[i].type != PCI_BAR_MEM64)
                continue;
            largest = MAX(largest, pdev->bars[i].size);
            sum += pdev->bars[i].size;
        }
    }
    return (PcVirtioWindow){
        .base = (end + largest - 1) & ~(largest - 1),
        .len = MAX(PCV_BAR64_LEN, (sum + GIB - 1) & ~(GIB - 1)),
    };
}

/* A guest leaves alone what its processor cannot address. */
static void
check_window(Vm *vm, const PcVirtioSpec *spec, const PcVirtioWindow *high)
{
    DeviceEnv *env = vm_env(vm);
    guint64 last = high->base + high->len - 1;
    unsigned bits = spec->address_bits;

    if (bits == 0 || bits >= 64 || last >> bits == 0 ||
        high->len == PCV_BAR64_LEN)
        return;
    g_autofree char *line = g_strdup_printf(
        "the cards' memory needs guest addresses up to 0x%" G_GINT64_MODIFIER
        "x, and this processor has %u bits; less memory for the machine, or "
        "smaller BARs (resizable BAR off in the host's firmware), may help",
        last, bits);
    env->log(env, "pci", line);
}

static void
map_ram(Build *b, MemBacking *ram, const char *name, guint64 offset,
        guint64 len, Gpa gpa)
{
    MemSlot *slot =
        mem_slot_new(vm_env(b->build.vm)->mem, name, ram, offset, len);
    int ret = mem_slot_map(slot, gpa, MEM_RW);

    guest_mem_add_ram(vm_env(b->build.vm)->mem, gpa, ram, offset, len);
    if (ret == 0)
        return;
    b->build.failed = true;
    g_set_error(b->build.error, G_FILE_ERROR,
                (int) g_file_error_from_errno(-ret), "cannot map %s: %s", name,
                g_strerror(-ret));
}

static void
build_memory(Build *b)
{
    guint64 memory = b->spec->memory, low = MIN(memory, PCV_LOW_MAX);
    MemBacking *ram =
        mem_backing_new_ram(vm_env(b->build.vm)->mem, "ram", memory,
                            b->spec->pages, b->build.error);

    b->build.failed = ram == NULL;
    if (!b->build.failed)
        mem_backing_allow_discard(ram);
    if (!b->build.failed)
        map_ram(b, ram, "ram-low", 0, low, 0);
    if (!b->build.failed && memory > low)
        map_ram(b, ram, "ram-high", low, memory - low, PCV_HIGH);
}

static void
build_serial(Build *b)
{
    if (b->spec->serial == NULL)
        return;
    Device *uart = device_create("uart16550", "serial0");

    machine_set_u64(&b->build, uart, "iobase", PCV_COM1);
    machine_set_u64(&b->build, uart, "irq", PCV_COM1_GSI);
    device_set_link(uart, "chr", b->spec->serial);
    machine_add(&b->build, uart);
}

static void
build_pci(Build *b)
{
    Device *host = device_create("pci-ecam", "pci");

    device_set_link(host, "bus", b->pci);
    machine_set_u64(&b->build, host, "base", PCV_ECAM);
    machine_add(&b->build, host);
    if (!b->build.failed && !pc_cards_plug(b->spec->cards, b->build.vm, b->pci,
                                           NULL, b->build.error))
        b->build.failed = true;
}

static void
press_power(void *ged)
{
    acpi_ged_press_power_button(ged);
}

static void
build_power(Build *b)
{
    Device *ged = machine_add(&b->build, device_create("acpi-ged", "power"));

    if (ged != NULL && b->spec->acpi)
        vm_set_power_button(b->build.vm, press_power, ged);
    if (b->spec->debug_exit)
        machine_add(&b->build, device_create("debug-exit", "debug-exit"));
}

static void
add_range(BootTarget *t, Gpa addr, guint64 len, BootRangeType type)
{
    g_assert(t->n_map < BOOT_MAX_RANGES);
    t->map[t->n_map++] = (BootRange){addr, len, type};
}

static void
fill_map(BootTarget *t, guint64 memory)
{
    guint64 high = pc_virtio_high_memory(memory);

    add_range(t, 0, LOW_RAM_END, BOOT_RAM);
    add_range(t, PCV_TABLES, PCV_TABLES_END - PCV_TABLES, BOOT_ACPI);
    add_range(t, MIB, MIN(memory, PCV_LOW_MAX) - MIB, BOOT_RAM);
    add_range(t, PCV_ECAM, PCI_ECAM_LEN, BOOT_RESERVED);
    add_range(t, RESERVED_BY_CPU, RESERVED_CPU_LEN, BOOT_RESERVED);
    if (high > 0)
        add_range(t, PCV_HIGH, high, BOOT_RAM);
}

/* A system that finds no other way to restart goes to real mode and jumps to
 * F000:FFF0, where a BIOS would be: Linux with EFI compiled in does so at once
 * when ACPI is hardware-reduced. There: mov dx,0cf9h; mov al,6; out dx,al;
 * hlt; jmp to the hlt. */
static void
write_reset_vector(const BootTarget *t)
{
    static const guint8 code[] = {0xba, 0xf9, 0x0c, 0xb0, 0x06,
                                  0xee, 0xf4, 0xeb, 0xfd};

    memcpy(boot_low(t, PCV_RESET_VECTOR, sizeof code), code, sizeof code);
}

static void
copy_in(const BootTarget *t, Gpa at, GBytes *bytes)
{
    gsize len;
    const void *data = g_bytes_get_data(bytes, &len);

    memcpy(boot_low(t, at, len), data, len);
}

/* Loop thread, vCPUs parked. */
static bool
load(void *data, CpuEntry *ret_entry, GError **error)
{
    PcVirtio *m = data;

    if (m->tables != NULL)
        copy_in(&m->target, PCV_TABLES, m->tables);
    if (m->anchor != NULL) {
        copy_in(&m->target, PCV_SMBIOS, m->anchor);
        copy_in(&m->target, PCV_SMBIOS_TABLES, m->smbios_tables);
    }
    write_reset_vector(&m->target);
    return kernel_load(m->kernel, &m->target, ret_entry, error);
}

static void
make_smbios(PcVirtio *m, const PcVirtioSpec *spec)
{
    smbios_make(spec->smbios, MIN(spec->memory, PCV_LOW_MAX), PCV_SMBIOS_TABLES,
                &m->anchor, &m->smbios_tables);
    g_assert(g_bytes_get_size(m->smbios_tables) <=
             PCV_RESET_VECTOR - PCV_SMBIOS_TABLES);
}

static PcVirtio *
finish(Vm *vm, const PcVirtioSpec *spec, PciBus *pci)
{
    PcVirtio *m = g_new0(PcVirtio, 1);

    m->vm = vm;
    m->kernel = spec->kernel;
    m->target.mem = vm_env(vm)->mem;
    fill_map(&m->target, spec->memory);
    PcVirtioWindow high = pc_virtio_window(pci, spec->memory);
    check_window(vm, spec, &high);
    if (spec->acpi) {
        m->tables = pc_virtio_acpi(spec, &high);
        m->target.rsdp = PCV_TABLES;
        g_assert(g_bytes_get_size(m->tables) <= PCV_SMBIOS - PCV_TABLES);
    }
    if (spec->smbios != NULL)
        make_smbios(m, spec);
    vm_set_loader(vm, load, m);
    return m;
}

static void
build_devices(void *data)
{
    Build *b = data;

    b->pci = pci_bus_new(vm_env(b->build.vm));
    build_memory(b);
    build_serial(b);
    build_power(b);
    build_pci(b);
}

PcVirtio *
pc_virtio_build(Vm *vm, const PcVirtioSpec *spec, PciBus **ret_pci,
                GError **error)
{
    Build b = {.build = {vm, error, false}, .spec = spec};

    machine_build_on_loop(vm, build_devices, &b);
    *ret_pci = b.pci;
    return b.build.failed ? NULL : finish(vm, spec, b.pci);
}

void
pc_virtio_free(PcVirtio *m)
{
    if (m == NULL)
        return;
    g_clear_pointer(&m->tables, g_bytes_unref);
    g_clear_pointer(&m->anchor, g_bytes_unref);
    g_clear_pointer(&m->smbios_tables, g_bytes_unref);
    g_free(m);
}
