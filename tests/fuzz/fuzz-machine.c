/* tests/fuzz/fuzz-machine.c - the whole PC without a processor: the chips of
 * devices/machine together in one fake machine, as firmware leaves them, and a
 * guest that does anything to ports, memory, configuration space and time.
 * What single targets cannot find is what chips do to each other. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "devices/bus/pci.h"
#include "devices/chipset/i440fx.h"
#include "devices/chipset/piix4-pm.h"
#include "devices/firmware/fw-cfg.h"
#include "devices/registry.h"
#include "devices/storage/fdc.h"
#include "devices/storage/piix3-ide.h"
#include "tests/fuzz/port-ops.h"
#include "vmm/block/block.h"
#include "vmm/char/char.h"
#include "vmm/display/display.h"
#include "vmm/input/input.h"

#define RAM_BYTES   0xa0000u
#define DISK_BYTES  (80u * 2 * 18 * 512)
#define MAX_DEVICES 20
#define MAX_OPS     2048
#define OP_BYTES    8
#define LFB         0xe0000000u
#define MS          G_GINT64_CONSTANT(1000000)

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *devs[MAX_DEVICES];
    unsigned n_devs;
    Device *fdc, *ide, *pm;
    Block *disk, *disc, *floppy;
    CharLink *serial, *log;
    MemSlot *segments[2 * PAM_SEGMENTS];
    Viewer *viewer;
} Pc;

/* --- building, in the order of devices/machine/pc-i440fx.c --------------- */

static Block *
open_image(Pc *pc, const char *format, bool read_only)
{
    char path[] = "/tmp/carrel-fuzz-machine-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || ftruncate(fd, DISK_BYTES) < 0)
        abort();
    BlockSpec spec = {.path = path,
                      .format = format,
                      .read_only = read_only,
                      .use_pool = true};
    Block *block = block_open(&spec, pc->vm->env.loop, NULL);
    if (block == NULL)
        abort();
    close(fd);
    unlink(path);
    return block;
}

static Device *
create(Pc *pc, const char *klass)
{
    g_assert(pc->n_devs < MAX_DEVICES);
    return pc->devs[pc->n_devs++] = device_new(device_class_find(klass), klass);
}

static Device *
create_pci(Pc *pc, const char *klass, unsigned devfn)
{
    Device *dev = create(pc, klass);

    device_set_link(dev, "bus", pc->bus);
    device_set_u64(dev, "addr", devfn, NULL);
    return dev;
}

static void
connect_segments(Pc *pc, Device *bridge)
{
    GuestMem *mem = pc->vm->env.mem;
    MemBacking *shadow = mem_backing_new(mem, "shadow", 0x40000, NULL);
    MemBacking *rom = mem_backing_new(mem, "rom", 0x40000, NULL);

    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        guint64 at = pam_segment_base(i) - 0xc0000;
        guint32 len = pam_segment_len(i);
        MemSlot *ram_slot = mem_slot_new(mem, "shadow", shadow, at, len);
        MemSlot *rom_slot = mem_slot_new(mem, "rom", rom, at, len);

        pam_set_segment(i440fx_pam(bridge), i, ram_slot,
                        (guint8 *) mem_backing_host(shadow) + at, rom_slot);
        pc->segments[2 * i] = ram_slot;
        pc->segments[2 * i + 1] = rom_slot;
    }
}

static void
build_chipset(Pc *pc)
{
    Device *bridge = create_pci(pc, "i440fx", PCI_DEVFN(0, 0));

    fake_vm_realize(pc->vm, bridge);
    connect_segments(pc, bridge);
    fake_vm_realize(pc->vm, create_pci(pc, "piix3", PCI_DEVFN(1, 0)));
    pc->pm = create_pci(pc, "piix4-pm", PCI_DEVFN(1, 3));
    fake_vm_realize(pc->vm, pc->pm);
}

static void
build_legacy(Pc *pc)
{
    static const char *const plain[] = {"i8042", "port92", "port80",
                                        "apm-shutdown", "debug-exit"};
    Device *rtc = create(pc, "mc146818"), *fw_cfg = create(pc, "fw-cfg");
    Device *log = create(pc, "debugcon"), *uart = create(pc, "uart16550");

    device_set_u64(rtc, "base-time", 1000000000, NULL);
    fake_vm_realize(pc->vm, rtc);
    fake_vm_realize(pc->vm, fw_cfg);
    fw_cfg_add_u16(fw_cfg, FW_CFG_NB_CPUS, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(plain); i++)
        fake_vm_realize(pc->vm, create(pc, plain[i]));
    device_set_link(log, "chr", pc->log);
    fake_vm_realize(pc->vm, log);
    device_set_u64(uart, "iobase", 0x3f8, NULL);
    device_set_u64(uart, "irq", 4, NULL);
    device_set_link(uart, "chr", pc->serial);
    fake_vm_realize(pc->vm, uart);
}

static void
build_drives(Pc *pc)
{
    Device *dma = create(pc, "i8237");

    fake_vm_realize(pc->vm, dma);
    pc->fdc = create(pc, "fdc");
    device_set_link(pc->fdc, "dma", dma);
    device_set_link(pc->fdc, "drive0", pc->floppy);
    fake_vm_realize(pc->vm, pc->fdc);
    pc->ide = create_pci(pc, "piix3-ide", PCI_DEVFN(1, 1));
    device_set_link(pc->ide, "drive0", pc->disk);
    device_set_link(pc->ide, "drive2", pc->disc);
    device_set_string(pc->ide, "kind2", "cd", NULL);
    fake_vm_realize(pc->vm, pc->ide);
}

/* --- a guest --------------------------------------------------------------- */

static void
config(Pc *pc, unsigned devfn, unsigned offset, guint32 value, unsigned size)
{
    fake_out32(pc->vm, 0xcf8,
               0x80000000u | (guint32) (devfn & 0xff) << 8 | (offset & 0xfc));
    io_write(pc->vm->env.ports, 0xcfc + (offset & 3 & ~(size - 1)), value,
             size);
}

/* Where a BIOS puts what can be moved. */
static void
place(Pc *pc)
{
    config(pc, PCI_DEVFN(1, 1), 0x20, 0xc000, 4);
    config(pc, PCI_DEVFN(1, 1), 0x40, 0x80008000, 4);
    config(pc, PCI_DEVFN(1, 1), PCI_COMMAND, 5, 2);
    config(pc, PCI_DEVFN(1, 3), 0x40, 0xb001, 4);
    config(pc, PCI_DEVFN(1, 3), 0x80, 1, 1);
    config(pc, PCI_DEVFN(1, 3), PCI_COMMAND, 1, 2);
    config(pc, PCI_DEVFN(2, 0), PCI_BAR0, LFB, 4);
    config(pc, PCI_DEVFN(2, 0), PCI_BAR0 + 8, 0xe1000000u, 4);
    config(pc, PCI_DEVFN(2, 0), PCI_COMMAND, 3, 2);
    fake_out8(pc->vm, 0xd6, 0xc0);
    fake_out8(pc->vm, 0xd4, 0x00);
    fake_out32(pc->vm, 0xc004, 0x1000);
    fake_out32(pc->vm, 0xc00c, 0x1000);
}

/* A port that something answers at, most of the time. */
static guint16
choose_port(guint8 which, guint8 low)
{
    static const guint16 bases[16] = {0x00,  0x20,  0x60,   0x70,  0x80,  0xc0,
                                      0x170, 0x1f0, 0x376,  0x3b0, 0x3d0, 0x3f0,
                                      0x510, 0x1ce, 0xb000, 0xc000};

    return (guint16) (bases[which & 15] + (low & 0x1f));
}

static void
memory_op(Pc *pc, const uint8_t *op, guint64 value)
{
    static const guint32 bases[4] = {0, 0xa0000, LFB, 0xe1000000u};
    Gpa at = bases[op[0] >> 6] + (op[2] | op[3] << 8);

    if (op[0] & 0x10)
        fake_mmio_write(pc->vm, at, value, 1u << (op[1] & 3));
    else
        (void) fake_mmio_read(pc->vm, at, 1u << (op[1] & 3));
}

static void
rep_op(Pc *pc, const uint8_t *op, guint16 port)
{
    guint8 data[1024] = {op[4], op[5], op[6], op[7]};
    unsigned size = op[3] & 0x40 ? 4 : 2, count = op[3] & 0x3fu;

    if (op[0] & 0x10)
        io_write_rep(pc->vm->env.ports, port, data, size, count);
    else
        io_read_rep(pc->vm->env.ports, port, data, size, count);
}

static void
outside_op(Pc *pc, const uint8_t *op)
{
    InputEvent evs[2] = {
        {(InputType) (op[2] % 7), (guint16) (op[3] * 3), (gint8) op[4]},
        {INPUT_SYNC, 0, 0}};

    switch (op[1] & 7) {
    case 0: input_post(pc->vm->env.input, 1, evs, 2); break;
    case 1: piix4_pm_press_power_button(pc->pm); break;
    case 2:
        (void) fdc_set_media(pc->fdc, 0, op[2] & 1 ? pc->floppy : NULL, NULL);
        break;
    case 3:
        (void) piix3_ide_set_media(pc->ide, 2, op[2] & 1 ? pc->disc : NULL,
                                   op[2] & 2, NULL);
        break;
    case 4: display_refresh_now(pc->vm->env.display); break;
    case 5:
        for (unsigned i = 0; i < pc->n_devs; i++)
            device_reset(pc->devs[i], op[2] & 1 ? RESET_COLD : RESET_WARM);
        break;
    case 6: place(pc); break;
    default: device_reset(pc->devs[op[2] % pc->n_devs], RESET_FUNCTION); break;
    }
}

/* Eight bytes: what, and with which port, address, register or value. */
static void
run_op(Pc *pc, const uint8_t *op)
{
    static const unsigned widths[4] = {1, 2, 4, 1};
    guint16 port = choose_port(op[1], op[2]);
    guint32 value =
        (guint32) (op[4] | op[5] << 8 | op[6] << 16) | (guint32) op[7] << 24;

    switch (op[0] & 15) {
    case 0:
    case 1: (void) io_read(pc->vm->env.ports, port, widths[op[0] >> 6]); break;
    case 2:
        fake_advance(pc->vm, (gint64) (value & 0xffff) << (op[1] & 15));
        break;
    case 3: memory_op(pc, op, value * G_GUINT64_CONSTANT(0x100000001)); break;
    case 4: rep_op(pc, op, port); break;
    case 5: outside_op(pc, op); break;
    case 6: config(pc, op[1] & 0x1f, op[2], value, 1u << (op[3] % 3)); break;
    case 7:
        fake_out8(pc->vm, 0x70, op[3]);
        fake_out8(pc->vm, 0x71, op[4]);
        break;
    default:
        io_write(pc->vm->env.ports, port, value, widths[op[0] >> 6]);
        break;
    }
}

/* --- life ------------------------------------------------------------------ */

static void
pc_init(Pc *pc)
{
    *pc = (Pc){.vm = fake_vm_new(RAM_BYTES)};
    pc->vm->env.display = display_new();
    pc->vm->env.input = input_new(pc->vm->env.loop);
    pc->bus = pci_bus_new(&pc->vm->env);
    pc->disk = open_image(pc, "raw", false);
    pc->disc = open_image(pc, "iso", true);
    pc->floppy = open_image(pc, "raw", false);
    pc->serial = char_open("null", NULL, pc->vm->env.loop, NULL);
    pc->log = char_open("null", NULL, pc->vm->env.loop, NULL);
    build_chipset(pc);
    build_legacy(pc);
    build_drives(pc);
    Device *vga = create_pci(pc, "vga", PCI_DEVFN(2, 0));
    device_set_u64(vga, "vram", 1, NULL);
    fake_vm_realize(pc->vm, vga);
    pc->viewer = display_attach(pc->vm->env.display, -1);
    place(pc);
}

/* A machine is saved only when it is quiet. One device an input: the large
 * states take longer than everything else. */
static void
check_one_state(Pc *pc, unsigned which)
{
    bool quiet = false;

    for (unsigned i = 0; i < pc->n_devs; i++)
        device_quiesce(pc->devs[i]);
    for (unsigned n = 0; !quiet && n < 1000; n++) {
        quiet = true;
        for (unsigned i = 0; i < pc->n_devs; i++)
            quiet = quiet && device_is_quiet(pc->devs[i]);
        if (!quiet)
            fake_advance(pc->vm, 10 * MS);
    }
    if (!quiet)
        g_error("the machine is not quiet after 10 s");
    check_state(pc->devs[which % pc->n_devs]);
}

static void
pc_done(Pc *pc)
{
    Block *blocks[] = {pc->disk, pc->disc, pc->floppy};

    viewer_detach(pc->viewer);
    while (pc->n_devs > 0)
        device_free(pc->devs[--pc->n_devs]);
    for (gsize i = 0; i < G_N_ELEMENTS(blocks); i++) {
        while (!block_is_idle(blocks[i]))
            fake_advance(pc->vm, MS);
        block_close(blocks[i]);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(pc->segments); i++)
        mem_slot_free(pc->segments[i]);
    char_close(pc->serial);
    char_close(pc->log);
    pci_bus_free(pc->bus);
    input_free(pc->vm->env.input);
    display_free(pc->vm->env.display);
    fake_vm_free(pc->vm);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Pc pc;

    pc_init(&pc);
    for (size_t i = 0; i + OP_BYTES <= size && i < MAX_OPS * OP_BYTES;
         i += OP_BYTES)
        run_op(&pc, data + i);
    check_one_state(&pc, size > 0 ? data[size - 1] : 0);
    pc_done(&pc);
    return 0;
}
