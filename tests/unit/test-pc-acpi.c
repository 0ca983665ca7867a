/* tests/unit/test-pc-acpi.c - a PC's tables as firmware gets them: the script is
 * carried out the way SeaBIOS and OVMF do, then everything is found from the
 * root pointer. */
#include <string.h>

#include "devices/machine/pc-internal.h"
#include "tests/unit/acpica.h"
#include "tests/unit/boot-rig.h"
#include "tests/unit/cu-main.h"

#define GIB         (G_GUINT64_CONSTANT(1) << 30)
#define TABLES_AT   0x7fe0040u
#define RSDP_AT     0xf5500u
#define ECAM        0xe0000000u /* where new OVMF has it */
#define COMMAND_LEN 128u
#define MAX_TARGETS 16u

typedef struct {
    GByteArray *tables, *rsdp;
    guint64 targets[MAX_TARGETS];
    unsigned n_targets, n_commands, n_bad;
} Firmware;

static GByteArray *
file_of(Firmware *f, const char *name)
{
    if (strcmp(name, "etc/acpi/tables") == 0)
        return f->tables;
    if (strcmp(name, "etc/acpi/rsdp") == 0)
        return f->rsdp;
    f->n_bad++;
    return f->rsdp;
}

static void
add_pointer(Firmware *f, const guint8 *c)
{
    GByteArray *in = file_of(f, (const char *) c + 4);
    GByteArray *to = file_of(f, (const char *) c + 60);
    guint64 at = boot_rig_get(c + 116, 4);
    unsigned size = c[120];
    guint64 value = boot_rig_get(in->data + at, size);

    f->n_bad += to != f->tables || value >= to->len || at + size > in->len;
    for (unsigned i = 0; i < f->n_targets; i++)
        f->n_bad += f->targets[i] == value; /* OVMF would install it twice */
    f->targets[f->n_targets++ % MAX_TARGETS] = value;
    boot_rig_put(in->data + at, value + TABLES_AT, size);
}

/* As OVMF sums: the byte's old value counts. */
static void
add_sum(Firmware *f, const guint8 *c)
{
    GByteArray *in = file_of(f, (const char *) c + 4);
    guint64 at = boot_rig_get(c + 60, 4), first = boot_rig_get(c + 64, 4);
    guint64 len = boot_rig_get(c + 68, 4);
    guint8 sum = 0;

    f->n_bad += at < first || at >= first + len || first + len > in->len;
    for (guint64 i = first; i < first + len; i++)
        sum = (guint8) (sum + in->data[i]);
    in->data[at] = (guint8) -sum;
}

static GByteArray *
copy(GBytes *bytes)
{
    gsize len;
    const guint8 *data = g_bytes_get_data(bytes, &len);

    return g_byte_array_append(g_byte_array_new(), data, (guint) len);
}

static void
run(Firmware *f, const PcSpec *spec)
{
    AcpiFiles files;
    gsize len;

    pc_make_acpi(spec, spec->board == PC_BOARD_Q35 ? ECAM : 0, &files);
    f->tables = copy(files.tables);
    f->rsdp = copy(files.rsdp);
    const guint8 *script = g_bytes_get_data(files.script, &len);
    f->n_bad += len % COMMAND_LEN != 0;
    for (gsize i = 0; i + COMMAND_LEN <= len; i += COMMAND_LEN) {
        const guint8 *c = script + i;
        guint64 command = boot_rig_get(c, 4);
        f->n_commands++;
        f->n_bad += command < 1 || command > 3;
        if (command == 2)
            add_pointer(f, c);
        else if (command == 3)
            add_sum(f, c);
    }
    acpi_files_clear(&files);
}

static void
done(Firmware *f)
{
    g_byte_array_unref(f->tables);
    g_byte_array_unref(f->rsdp);
}

static guint8
sum(const guint8 *data, gsize len)
{
    guint8 total = 0;

    for (gsize i = 0; i < len; i++)
        total = (guint8) (total + data[i]);
    return total;
}

/* The table at a guest address, NULL when it has another name or its sum is
 * wrong. */
static const guint8 *
table(const Firmware *f, guint64 at, const char *signature)
{
    const guint8 *t = f->tables->data + (at - TABLES_AT);

    if (at < TABLES_AT || at - TABLES_AT + 36 > f->tables->len ||
        memcmp(t, signature, 4) != 0)
        return NULL;
    return sum(t, boot_rig_get(t + 4, 4)) == 0 ? t : NULL;
}

static const guint8 *
listed(const Firmware *f, const char *signature)
{
    const guint8 *xsdt = table(f, boot_rig_get(f->rsdp->data + 24, 8), "XSDT");

    for (guint64 i = 36; xsdt != NULL && i < boot_rig_get(xsdt + 4, 4);
         i += 8) {
        const guint8 *t = table(f, boot_rig_get(xsdt + i, 8), signature);
        if (t != NULL)
            return t;
    }
    return NULL;
}

static PcSpec
some_pc(void)
{
    static int something;

    return (PcSpec){
        .memory = 256 << 20,
        .cpus = 3,
        .address_bits = 40,
        .acpi = true,
        .serial = {(CharLink *) (void *) &something},
        .floppy = {{.present = true}},
    };
}

static void
test_script(void)
{
    const PcSpec spec = some_pc();
    Firmware f = {NULL};

    run(&f, &spec);
    CU_ASSERT_EQUAL(f.n_bad, 0);
    CU_ASSERT_EQUAL(f.n_commands, 2 + 2 + 2 + 4 + 3);
    CU_ASSERT_EQUAL(memcmp(f.rsdp->data, "RSD PTR ", 8), 0);
    CU_ASSERT_EQUAL(sum(f.rsdp->data, 20), 0);
    CU_ASSERT_EQUAL(sum(f.rsdp->data, 36), 0);
    const guint8 *fadt = listed(&f, "FACP");
    CU_ASSERT_PTR_NOT_NULL_FATAL(fadt);
    CU_ASSERT_PTR_NOT_NULL(listed(&f, "APIC"));
    CU_ASSERT_PTR_NOT_NULL(table(&f, boot_rig_get(fadt + 40, 4), "DSDT"));
    guint64 facs = boot_rig_get(fadt + 36, 4);
    CU_ASSERT_EQUAL(facs % 64, 0);
    CU_ASSERT_EQUAL(memcmp(f.tables->data + (facs - TABLES_AT), "FACS", 4), 0);
    done(&f);
}

/* 82371AB and what piix4-pm.c and piix3.c answer. */
static void
test_fixed_hardware(void)
{
    const PcSpec spec = some_pc();
    Firmware f = {NULL};

    run(&f, &spec);
    const guint8 *fadt = listed(&f, "FACP");
    CU_ASSERT_PTR_NOT_NULL_FATAL(fadt);
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 4, 4), 244);
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 46, 2), 9);
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 48, 4), 0xb2);
    CU_ASSERT_EQUAL(fadt[52], 0xf1);
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 56, 4), 0xb000);
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 152, 8), 0xb000);
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 64, 4), 0xb004);
    CU_ASSERT_EQUAL(fadt[173], 16); /* bits of the control block */
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 76, 4), 0xb008);
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 80, 4), 0xafe0);
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 120, 8), 0xcf9);
    CU_ASSERT_EQUAL(fadt[128], 6);
    done(&f);
}

/* Three processors of 8 bytes, the I/O APIC, overrides for the timer, the SCI
 * and the three that PCI uses, NMI. */
static void
test_processors(void)
{
    static const guint8 timer[] = {2, 10, 0, 0, 2, 0, 0, 0, 0, 0};
    static const guint8 sci[] = {2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0};
    const PcSpec spec = some_pc();
    Firmware f = {NULL};

    run(&f, &spec);
    const guint8 *madt = listed(&f, "APIC");
    CU_ASSERT_PTR_NOT_NULL_FATAL(madt);
    CU_ASSERT_EQUAL(boot_rig_get(madt + 4, 4), 44 + 3 * 8 + 12 + 5 * 10 + 6);
    CU_ASSERT_EQUAL(madt[44 + 2 * 8 + 3], 2); /* the last one's APIC ID */
    CU_ASSERT_EQUAL(boot_rig_get(madt + 68 + 4, 4), 0xfec00000);
    CU_ASSERT_EQUAL(memcmp(madt + 80, timer, sizeof timer), 0);
    CU_ASSERT_EQUAL(memcmp(madt + 90, sci, sizeof sci), 0);
    done(&f);
}

/* A DWord (0x87) or QWord (0x8a) window of memory with these limits. */
static bool
has_window(const Firmware *f, guint8 tag, guint64 first, guint64 last)
{
    unsigned width = tag == 0x87 ? 4 : 8;
    const guint8 *data = f->tables->data;

    for (gsize i = 0; i + 46 <= f->tables->len; i++)
        if (data[i] == tag && data[i + 1] == 3 + 5 * width &&
            data[i + 3] == 0 &&
            boot_rig_get(data + i + 6 + width, width) == first &&
            boot_rig_get(data + i + 6 + 2 * width, width) == last)
            return true;
    return false;
}

static void
test_windows(void)
{
    PcSpec spec = some_pc();
    Firmware small = {NULL}, large = {NULL}, full = {NULL};

    run(&small, &spec);
    CU_ASSERT_TRUE(has_window(&small, 0x87, 0x80000000, 0xfebfffff));
    CU_ASSERT_TRUE(has_window(&small, 0x8a, 4 * GIB, 1024 * GIB - 1));
    spec.memory = 6 * GIB + (256 << 20);
    run(&large, &spec);
    CU_ASSERT_TRUE(has_window(&large, 0x87, 0xc0000000, 0xfebfffff));
    CU_ASSERT_TRUE(has_window(&large, 0x8a, 8 * GIB, 1024 * GIB - 1));
    spec.memory = 67 * GIB;
    spec.address_bits = 0; /* not known: as few as any has */
    run(&full, &spec);
    CU_ASSERT_FALSE(has_window(&full, 0x8a, 68 * GIB, 64 * GIB - 1));
    CU_ASSERT_EQUAL(full.n_bad, 0);
    done(&small);
    done(&large);
    done(&full);
}

static PcSpec
some_q35(void)
{
    PcSpec spec = some_pc();

    spec.board = PC_BOARD_Q35;
    return spec;
}

/* ICH9 data sheet, 13.8.3, and what ich9-pm.c answers. */
static void
test_q35_hardware(void)
{
    const PcSpec spec = some_q35();
    Firmware f = {NULL};

    run(&f, &spec);
    CU_ASSERT_EQUAL(f.n_bad, 0);
    const guint8 *fadt = listed(&f, "FACP");
    CU_ASSERT_PTR_NOT_NULL_FATAL(fadt);
    CU_ASSERT_EQUAL(fadt[52], 2);
    CU_ASSERT_EQUAL(fadt[53], 3);
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 56, 4), 0x600);
    CU_ASSERT_EQUAL(boot_rig_get(fadt + 80, 4), 0x620);
    CU_ASSERT_EQUAL(fadt[92], 16);
    CU_ASSERT_EQUAL(fadt[221], 128); /* bits of the event block */
    const guint8 *madt = listed(&f, "APIC");
    CU_ASSERT_PTR_NOT_NULL_FATAL(madt);
    CU_ASSERT_EQUAL(boot_rig_get(madt + 4, 4), 44 + 3 * 8 + 12 + 2 * 10 + 6);
    done(&f);
}

static void
test_q35_mcfg(void)
{
    const PcSpec spec = some_q35();
    Firmware f = {NULL};

    run(&f, &spec);
    const guint8 *mcfg = listed(&f, "MCFG");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mcfg);
    CU_ASSERT_EQUAL(boot_rig_get(mcfg + 4, 4), 60);
    CU_ASSERT_EQUAL(boot_rig_get(mcfg + 44, 8), ECAM);
    CU_ASSERT_EQUAL(mcfg[54], 0);
    CU_ASSERT_EQUAL(mcfg[55], 255);
    CU_ASSERT_TRUE(has_window(&f, 0x87, 256 << 20, ECAM - 1));
    CU_ASSERT_TRUE(has_window(&f, 0x87, 0xf0000000, 0xfebfffff));
    CU_ASSERT_TRUE(has_window(&f, 0x8a, 4 * GIB, 1024 * GIB - 1));
    done(&f);
}

static void
test_hpet(void)
{
    PcSpec spec = some_q35();
    Firmware f = {NULL};

    run(&f, &spec);
    CU_ASSERT_PTR_NULL(listed(&f, "HPET"));
    done(&f);
    f = (Firmware){NULL};
    spec.hpet = true;
    run(&f, &spec);
    const guint8 *hpet = listed(&f, "HPET");
    CU_ASSERT_PTR_NOT_NULL_FATAL(hpet);
    CU_ASSERT_EQUAL(boot_rig_get(hpet + 4, 4), 56);
    CU_ASSERT_EQUAL(boot_rig_get(hpet + 36, 4), 0x8086a201);
    CU_ASSERT_EQUAL(boot_rig_get(hpet + 40, 4), 0x4000); /* memory, 64 bits */
    CU_ASSERT_EQUAL(boot_rig_get(hpet + 44, 8), 0xfed00000);
    done(&f);
}

/* Below 2,816 MiB it is all below 4 GiB, above it 2 GiB are. */
static void
test_q35_memory(void)
{
    PcSpec spec = some_q35();

    spec.memory = 0xaff00000;
    CU_ASSERT_EQUAL(pc_low_memory(&spec), 0xaff00000);
    CU_ASSERT_EQUAL(pc_high_memory(&spec), 0);
    spec.memory = 0xb0000000;
    CU_ASSERT_EQUAL(pc_low_memory(&spec), 0x80000000);
    CU_ASSERT_EQUAL(pc_high_memory(&spec), 0x30000000);
}

static bool
run_acpica_for(const PcSpec *spec, const char *program, const char *options,
               char **ret_output)
{
    Firmware f = {NULL};

    run(&f, spec);
    const guint8 *fadt = listed(&f, "FACP");
    const guint8 *dsdt =
        f.tables->data + (boot_rig_get(fadt + 40, 4) - TABLES_AT);
    bool ran = acpica_run(program, options, dsdt, boot_rig_get(dsdt + 4, 4),
                          ret_output);
    done(&f);
    return ran;
}

static bool
run_acpica(const char *program, const char *options, char **ret_output)
{
    const PcSpec spec = some_pc();

    return run_acpica_for(&spec, program, options, ret_output);
}

static void
test_iasl_reads_it(void)
{
    g_autofree char *text = NULL;

    if (!run_acpica("iasl", "-d", &text)) {
        CU_PASS("no iasl here");
        return;
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "OperationRegion (PIRQ, PCI_Config, "
                                        "0x60, 0x04)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\\_SB.PCI0.HPEJ = 0x80000000"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Notify (\\_SB.PCI0.S1F, 0x03)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Name (_PRT, Package (0x7C)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "EisaId (\"PNP0700\")"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "EisaId (\"PNP0501\")"));
    CU_ASSERT_PTR_NULL(strstr(text, "COM2"));
    CU_ASSERT_PTR_NULL(strstr(text, "Error"));
    CU_ASSERT_PTR_NULL(strstr(text, "Unknown"));
}

/* What a system does with it: sets a link to interrupt 11, reads that back,
 * lets a card go. acpiexec has plain memory behind the registers. */
static void
test_acpiexec_runs_it(void)
{
    g_autofree char *text = NULL;

    if (!run_acpica("acpiexec",
                    "-b \"evaluate \\_SB.LNKB._SRS "
                    "(89 06 00 09 01 0B 00 00 00 79 00); "
                    "evaluate \\_SB.LNKB._CRS; "
                    "evaluate \\_SB.PCI0.S10._EJ0 1; evaluate \\_GPE._E01; "
                    "evaluate \\_S5; quit\"",
                    &text)) {
        CU_PASS("no acpiexec here");
        return;
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "89 06 00 09 01 0B 00 00"));
    CU_ASSERT_PTR_NULL(strstr(text, "AE_"));
}

static void
test_iasl_reads_the_q35(void)
{
    const PcSpec spec = some_q35();
    g_autofree char *text = NULL;

    if (!run_acpica_for(&spec, "iasl", "-d", &text)) {
        CU_PASS("no iasl here");
        return;
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "EisaId (\"PNP0A08\")"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Device (LNKH)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "OperationRegion (PIR2, PCI_Config, "
                                        "0x68, 0x04)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Method (_OSC, 4"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Method (\\_PIC, 1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "_ADR, 0x001F0000"));
    CU_ASSERT_PTR_NULL(strstr(text, "_EJ0"));
    CU_ASSERT_PTR_NULL(strstr(text, "Error"));
    CU_ASSERT_PTR_NULL(strstr(text, "Unknown"));
}

/* All controls asked for: of 0x1f, hot-plug, PME and the capability are given
 * (0x15), and bit 4 of the first dword says that some were not. Then a link to
 * interrupt 10, and the routes by IOAPIC: slot 1 pin A is 21. */
static void
test_acpiexec_runs_the_q35(void)
{
    const PcSpec spec = some_q35();
    g_autofree char *text = NULL;

    if (!run_acpica_for(
            &spec, "acpiexec",
            "-b \"evaluate \\_SB.PCI0._OSC "
            "(5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66) 1 3 "
            "(00 00 00 00 00 00 00 00 1F 00 00 00); "
            "evaluate \\_SB.LNKF._SRS (89 06 00 09 01 0A 00 00 00 79 00); "
            "evaluate \\_SB.LNKF._CRS; evaluate \\_PIC 1; "
            "evaluate \\_SB.PCI0._PRT; quit\"",
            &text)) {
        CU_PASS("no acpiexec here");
        return;
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "10 00 00 00 00 00 00 00 15 00 00 00"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "89 06 00 09 01 0A 00 00"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "0000000000000015")); /* 21 */
    CU_ASSERT_PTR_NULL(strstr(text, "AE_"));
}

CU_MAIN("pc-acpi", {"firmware_finds_all_from_the_root_pointer", test_script},
        {"the_fixed_hardware_is_where_the_chips_have_it", test_fixed_hardware},
        {"each_processor_and_override_is_listed", test_processors},
        {"windows_leave_the_ram_out", test_windows},
        {"iasl_disassembles_the_dsdt", test_iasl_reads_it},
        {"acpiexec_evaluates_the_dsdt", test_acpiexec_runs_it},
        {"a_q35_has_the_fixed_hardware_of_an_ich9", test_q35_hardware},
        {"a_q35_says_where_configuration_space_is", test_q35_mcfg},
        {"event_timers_are_listed_where_there_are_some", test_hpet},
        {"a_q35_has_its_ram_below_configuration_space", test_q35_memory},
        {"iasl_disassembles_the_dsdt_of_a_q35", test_iasl_reads_the_q35},
        {"acpiexec_evaluates_the_dsdt_of_a_q35", test_acpiexec_runs_the_q35})
