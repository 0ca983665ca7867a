/* tests/unit/test-ahci.c - the SATA controller: registers, commands one at a
 * time and queued, errors, discs, drives that come and go, saved state. */
#include <stdio.h>
#include <string.h>

#include "devices/storage/mmc.h"
#include "tests/unit/ahci-rig.h"
#include "tests/unit/cu-main.h"

#define MS         G_GINT64_CONSTANT(1000000)
#define IS_DHRS    0x00000001u
#define IS_PSS     0x00000002u
#define IS_SDBS    0x00000008u
#define IS_PCS     0x00000040u
#define IS_PRCS    0x00400000u
#define IS_OFS     0x01000000u
#define IS_HBDS    0x10000000u
#define IS_HBFS    0x20000000u
#define IS_TFES    0x40000000u
#define LBA_DEVICE 0x40

static guint16
word(AhciRig *rig, unsigned i)
{
    return (guint16) (rig_ram32(rig, RIG_DATA + i / 2 * 4) >> (i % 2 * 16));
}

static void
test_registers(void)
{
    const AhciRigOptions idle = {.idle = true};
    AhciRig *rig = ahci_rig_new(&idle);

    CU_ASSERT_EQUAL(rig_get(rig, 0x00), 0xc1249f05 | 0x1f00);
    CU_ASSERT_EQUAL(rig_get(rig, 0x04), 0x80000000);
    CU_ASSERT_EQUAL(rig_get(rig, 0x0c), 0x3f);
    CU_ASSERT_EQUAL(rig_get(rig, 0x10), 0x00010200);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x28), 0x123);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x24), 0x00000101);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x20), 0x150);
    CU_ASSERT_EQUAL(rig_port(rig, RIG_CD, 0x24), 0xeb140101);
    CU_ASSERT_EQUAL(rig_port(rig, 1, 0x28), 0);
    CU_ASSERT_EQUAL(rig_port(rig, 1, 0x24), 0xffffffff);
    CU_ASSERT_EQUAL(rig_port(rig, 1, 0x20), 0x7f);
    /* addresses are aligned, nothing is issued while it is stopped */
    rig_set_port(rig, 0, 0x00, 0x12345678);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x00), 0x12345400);
    rig_set_port(rig, 0, 0x38, 1);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x38), 0);
    /* FRE and ST show in FR and CR */
    rig_set_port(rig, 0, 0x18, 0x11);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x18) & 0xc011, 0xc011);
    /* the controller's reset keeps the addresses */
    rig_set(rig, 0x04, 0x80000003);
    CU_ASSERT_EQUAL(rig_get(rig, 0x04), 0x80000000);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x00), 0x12345400);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x18) & 0xc011, 0);
    /* beyond the last port there is nothing */
    CU_ASSERT_EQUAL(rig_port(rig, 6, 0x18), 0);
    ahci_rig_free(rig);
}

static void
test_identify(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    const RigCommand c = {.command = 0xec, .bytes = 512};

    CU_ASSERT_EQUAL(rig_run(rig, 0, &c), 0x50);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x10), IS_PSS);
    CU_ASSERT_EQUAL(word(rig, 60), RIG_SECTORS);
    CU_ASSERT_EQUAL(word(rig, 75), 31);     /* 32 queued */
    CU_ASSERT_EQUAL(word(rig, 76), 0x0106); /* NCQ, 1.5 and 3 Gbit/s */
    CU_ASSERT_EQUAL(word(rig, 93), 0);      /* no cable */
    CU_ASSERT_EQUAL(word(rig, 84) & 0x20, 0x20);
    CU_ASSERT_EQUAL(word(rig, 88) & 0x3f, 0x3f);
    /* the PIO set-up frame, and the bytes in the header */
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_FRAMES + 0x20), 0x0050605f);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_FRAMES + 0x2c) >> 24, 0x50);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_FRAMES + 0x30), 512);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_LIST + 4), 512);
    ahci_rig_free(rig);
}

static void
test_dma(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    const RigCommand read = {.command = 0x25,
                             .device = LBA_DEVICE,
                             .lba = 500,
                             .count = 8,
                             .bytes = 4096};
    const RigCommand write = {.command = 0x35,
                              .device = LBA_DEVICE,
                              .lba = 700,
                              .count = 8,
                              .bytes = 4096,
                              .write = true};

    CU_ASSERT_EQUAL(rig_run(rig, 0, &read), 0x50);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x10), IS_DHRS);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA), 500);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA + 3584), 507);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_LIST + 4), 4096);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_FRAMES + 0x40), 0x00504034);
    CU_ASSERT_EQUAL(rig_run(rig, 0, &write), 0x50);
    CU_ASSERT_EQUAL(rig_image32(rig, 703), 503);
    ahci_rig_free(rig);
}

/* PIO commands move all at once, however many blocks they are. */
static void
test_pio(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    const RigCommand read = {.command = 0x20,
                             .device = LBA_DEVICE,
                             .lba = 100,
                             .count = 0, /* 256 */
                             .bytes = 131072};
    const RigCommand write = {.command = 0x30,
                              .device = LBA_DEVICE,
                              .lba = 5000,
                              .count = 100,
                              .bytes = 51200,
                              .write = true};

    CU_ASSERT_EQUAL(rig_run(rig, 0, &read), 0x50);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA + 255 * 512), 355);
    CU_ASSERT_EQUAL(rig_run(rig, 0, &write), 0x50);
    CU_ASSERT_EQUAL(rig_image32(rig, 5099), 199);
    ahci_rig_free(rig);
}

/* Thirty-two at once, in both directions: each ends, each has its data. */
static void
queue_all(const AhciRigOptions *options)
{
    AhciRig *rig = ahci_rig_new(options);
    guint32 is = 0;

    for (unsigned i = 0; i < 32; i++) {
        const RigCommand c = {.command = i % 2 ? 0x61 : 0x60,
                              .device = LBA_DEVICE,
                              .tag = (guint8) i,
                              .lba = 1000 + i * 16,
                              .count = 16,
                              .bytes = 8192,
                              .write = i % 2};
        guint32 mark = 0xab000000u + i;
        rig_put(rig, 0, i, &c);
        memcpy(fake_ram(rig->vm) + RIG_DATA + i * 0x10000, &mark, 4);
    }
    is = rig_issue(rig, 0, 0xffffffff, true);
    CU_ASSERT_EQUAL(is, IS_SDBS);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x34), 0);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x38), 0);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x20), 0x50);
    for (unsigned i = 0; i < 32; i++) {
        if (i % 2)
            CU_ASSERT_EQUAL(rig_image32(rig, 1000 + i * 16), 0xab000000u + i)
        else
            CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA + i * 0x10000),
                            1000 + i * 16)
    }
    ahci_rig_free(rig);
}

static void
test_queue(void)
{
    queue_all(NULL);
}

static void
test_queue_on_thread(void)
{
    const AhciRigOptions o = {.own_thread = true};

    queue_all(&o);
}

static void
run_at_once(AhciRig *rig, RigCommand c, guint32 is)
{
    bool queued = c.command == 0x60 || c.command == 0x61;
    guint before = rig->vm->msis;

    rig_put(rig, 0, 0, &c);
    rig_set_port(rig, 0, 0x10, 0xffffffff);
    if (queued)
        rig_set_port(rig, 0, 0x34, 1);
    rig_set_port(rig, 0, 0x38, 1); /* no time passes */
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x34), 0);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x38), 0);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x20), 0x50);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x10), is);
    CU_ASSERT_EQUAL(rig->vm->msis, before + 1);
    CU_ASSERT_TRUE(device_is_quiet(rig->ahci));
}

/* With an image in memory small commands are over when they are issued. */
static void
test_at_once(void)
{
    const AhciRigOptions o = {.own_thread = true, .in_memory = true};
    AhciRig *rig = ahci_rig_new(&o);
    RigCommand c = {
        .device = LBA_DEVICE, .lba = 500, .count = 8, .bytes = 4096};
    guint32 mark = 0xab000000u;

    rig_config(rig, 0x40 + 4, 0xfee00000, 4);
    rig_config(rig, 0x40 + 12, 0x41, 2);
    rig_config(rig, 0x40 + 2, 1, 2);
    rig_set(rig, 0x04, 0x80000002);
    rig_set_port(rig, 0, 0x14, IS_DHRS | IS_SDBS);
    for (unsigned i = 0; i < 4; i++) {
        c.write = i % 2 != 0;
        c.command = (const guint8[]){0x60, 0x61, 0x25, 0x35}[i];
        c.lba += 100;
        c.device = i == 1 ? LBA_DEVICE | 0x80 : LBA_DEVICE; /* made durable */
        if (c.write)
            memcpy(fake_ram(rig->vm) + RIG_DATA, &mark, 4);
        run_at_once(rig, c, i < 2 ? IS_SDBS : IS_DHRS);
        CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA),
                        c.write ? mark : (guint32) c.lba);
        CU_ASSERT_EQUAL(rig_image32(rig, (guint32) c.lba),
                        c.write ? mark : (guint32) c.lba);
    }
    ahci_rig_free(rig);
}

/* Issued and at once forgotten, or the disk pulled: nothing of before is told,
 * and what comes then is done. */
static void
test_stops_amid(void)
{
    const AhciRigOptions o = {.own_thread = true};
    AhciRig *rig = ahci_rig_new(&o);

    for (unsigned round = 0; round < 30; round++) {
        for (unsigned i = 0; i < 8; i++) {
            const RigCommand c = {.command = i % 2 ? 0x61 : 0x60,
                                  .device = LBA_DEVICE,
                                  .tag = (guint8) i,
                                  .lba = 2000 + i * 16,
                                  .count = 16,
                                  .bytes = 8192,
                                  .write = i % 2};
            rig_put(rig, 0, i, &c);
        }
        rig_set_port(rig, 0, 0x34, 0xff);
        rig_set_port(rig, 0, 0x38, 0xff);
        if (round % 3 == 1) {
            ahci_remove_unit(rig->ahci, 0);
            CU_ASSERT_TRUE(
                ahci_add_unit(rig->ahci, 0, false, rig->disk, "x", NULL));
            rig_set_port(rig, 0, 0x30, 0xffffffff);
        } else if (round % 3 == 2) {
            fake_advance(rig->vm, MS / 10);
        }
        rig_restart(rig, 0);
        CU_ASSERT_EQUAL(rig_port(rig, 0, 0x34), 0);
        CU_ASSERT_EQUAL(rig_port(rig, 0, 0x10) & IS_SDBS, 0);
        CU_ASSERT_EQUAL(rig_issue(rig, 0, 0xff, true), IS_SDBS);
    }
    ahci_rig_free(rig);
}

static void
test_large(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    const RigCommand c = {.command = 0x60,
                          .device = LBA_DEVICE,
                          .lba = 100,
                          .count = 4096}; /* 2 MiB: two requests */

    rig_put(rig, 0, 0, &c);
    rig_region(rig, 0, 0, 0, 1, RIG_DATA, 4096 * 512);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_SDBS);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA), 100);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA + 4095 * 512), 4195);
    ahci_rig_free(rig);
}

static void
test_read_only(void)
{
    const AhciRigOptions o = {.read_only = true};
    AhciRig *rig = ahci_rig_new(&o);
    const RigCommand c = {.command = 0x61,
                          .device = LBA_DEVICE,
                          .lba = 100,
                          .count = 8,
                          .bytes = 4096,
                          .write = true};

    rig_put(rig, 0, 0, &c);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_TFES | IS_SDBS);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x20), 0x0451);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig->vm->log->str, "drive error"));
    CU_ASSERT_EQUAL(rig_image32(rig, 100), 100);
    ahci_rig_free(rig);
}

/* What no driver does: structures in the controller's own registers, a table of
 * 65535 regions of one byte, a slot used again while the disk has it, frame
 * lengths out of range, the controller's reset amid it all. */
static void
test_hostile_lists(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    const RigCommand c = {.command = 0x60,
                          .device = LBA_DEVICE,
                          .lba = 5,
                          .count = 128,
                          .bytes = 65536};
    guint8 *header = fake_ram(rig->vm) + RIG_LIST;

    rig_put(rig, 0, 0, &c);
    for (unsigned i = 0; i < 65535; i++) /* they overlap the data, too */
        memset(fake_ram(rig->vm) + RIG_TABLES + 0x80 + i * 16, 0, 16);
    memset(header + 2, 0xff, 2);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_TFES | IS_SDBS | IS_OFS);
    rig_restart(rig, 0);

    for (unsigned length = 0; length <= 31; length += 31) {
        rig_put(rig, 0, 0, &c);
        header[0] = (guint8) length;
        CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_SDBS);
    }
    rig_put(rig, 0, 0, &c);
    rig_set_port(rig, 0, 0x34, 1);
    rig_set_port(rig, 0, 0x38, 1);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_SDBS);

    rig_set_port(rig, 0, 0x08, RIG_ABAR); /* frames into the registers */
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_SDBS);
    CU_ASSERT_EQUAL(rig_get(rig, 0x58), 0);
    rig_set_port(rig, 0, 0x08, RIG_FRAMES);
    rig_region(rig, 0, 0, 0, 1, RIG_ABAR, 65536);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true) & IS_TFES, IS_TFES);
    rig_restart(rig, 0);

    rig_put(rig, 0, 0, &c);
    rig_set_port(rig, 0, 0x34, 1);
    rig_set_port(rig, 0, 0x38, 1);
    rig_set(rig, 0x04, 0x80000001);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x38), 0);
    rig_set_port(rig, 0, 0x30, 0xffffffff); /* a device was found, it says */
    rig_restart(rig, 0);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_SDBS);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA), 5);
    ahci_rig_free(rig);
}

/* Regions that are no whole sectors, and more than one request takes. */
static void
test_regions(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    const RigCommand c = {
        .command = 0x60, .device = LBA_DEVICE, .lba = 40, .count = 8};
    static const guint32 parts[] = {6, 506, 700, 2, 1858, 1024};
    guint32 at = RIG_DATA;

    rig_put(rig, 0, 0, &c);
    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        rig_region(rig, 0, 0, i, G_N_ELEMENTS(parts), at, parts[i]);
        at += parts[i];
    }
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_SDBS);
    for (unsigned i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA + i * 512), 40 + i);
    rig_put(rig, 0, 0, &c);
    for (unsigned i = 0; i < 40; i++)
        rig_region(rig, 0, 0, i, 40, RIG_DATA + i * 100,
                   i < 39 ? 100 : 4096 - 3900);
    memset(fake_ram(rig->vm) + RIG_DATA, 0, 4096);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_SDBS);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA + 7 * 512), 47);
    ahci_rig_free(rig);
}

/* What the guest gets wrong halts the port, tells why, and a restart helps. */
static void
test_errors(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    RigCommand c = {.command = 0x60,
                    .device = LBA_DEVICE,
                    .lba = RIG_SECTORS - 4,
                    .count = 8,
                    .bytes = 4096};
    const RigCommand log = {
        .command = 0x2f, .lba = 0x10, .count = 1, .bytes = 512};
    guint8 sum = 0;

    rig_put(rig, 0, 0, &c); /* past the end */
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_TFES | IS_SDBS);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x20), 0x1051);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x34), 1);
    rig_restart(rig, 0);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x34), 0);
    CU_ASSERT_EQUAL(rig_run(rig, 0, &log), 0x50);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA), 0x10510000);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA + 4) & 0xffffff, RIG_SECTORS - 4);
    for (unsigned i = 0; i < 512; i++)
        sum = (guint8) (sum + fake_ram(rig->vm)[RIG_DATA + i]);
    CU_ASSERT_EQUAL(sum, 0);

    c.lba = 0;
    c.tag = 3; /* not its slot */
    rig_put(rig, 0, 0, &c);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_TFES | IS_SDBS);
    rig_restart(rig, 0);
    c.tag = 0;
    c.bytes = 1024; /* too few */
    rig_put(rig, 0, 0, &c);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_TFES | IS_SDBS | IS_OFS);
    rig_restart(rig, 0);
    c.bytes = 4096;
    rig_put(rig, 0, 0, &c);
    rig_region(rig, 0, 0, 0, 1, 0xfff00000, 4096); /* no memory */
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_TFES | IS_SDBS | IS_HBDS);
    rig_restart(rig, 0);
    rig_set_port(rig, 0, 0x00, 0xfff00000); /* nor is the list */
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_HBFS);
    rig_set_port(rig, 0, 0x00, RIG_LIST);
    rig_restart(rig, 0);
    rig_put(rig, 0, 0, &c);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_SDBS);
    ahci_rig_free(rig);
}

static void
test_legacy_errors(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    RigCommand c = {.command = 0x25,
                    .device = LBA_DEVICE,
                    .lba = 10,
                    .count = 8,
                    .bytes = 1024};

    rig_put(rig, 0, 0, &c);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, false), IS_TFES | IS_DHRS | IS_OFS);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x38), 1);
    /* nothing else is begun until the driver has seen to it */
    rig_set_port(rig, 0, 0x38, 2);
    fake_advance(rig->vm, MS);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x38), 3);
    rig_restart(rig, 0);
    c.command = 0xe9; /* no command */
    rig_put(rig, 0, 0, &c);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, false), IS_TFES | IS_DHRS);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x20), 0x0451);
    rig_restart(rig, 0);
    c.command = 0x25;
    c.bytes = 4096;
    rig_put(rig, 0, 0, &c);
    rig_region(rig, 0, 0, 0, 1, 0xfff00000, 4096);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, false), IS_TFES | IS_DHRS | IS_HBDS);
    ahci_rig_free(rig);
}

static void
test_interrupts(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    const RigCommand c = {.command = 0xe7};

    rig_set_port(rig, 0, 0x14, IS_DHRS);
    CU_ASSERT_EQUAL(rig_run(rig, 0, &c), 0x50);
    CU_ASSERT_EQUAL(rig_get(rig, 0x08), 1);
    rig_set(rig, 0x08, 1); /* follows the port, which is to be cleared first */
    CU_ASSERT_EQUAL(rig_get(rig, 0x08), 1);
    rig_set_port(rig, 0, 0x10, IS_DHRS);
    CU_ASSERT_EQUAL(rig_get(rig, 0x08), 0);

    /* a message, once for each time that there is something new */
    rig_config(rig, 0x40 + 4, 0xfee00000, 4);
    rig_config(rig, 0x40 + 12, 0x41, 2);
    rig_config(rig, 0x40 + 2, 1, 2);
    rig_set(rig, 0x04, 0x80000002);
    CU_ASSERT_EQUAL(rig->vm->msis, 0);
    CU_ASSERT_EQUAL(rig_run(rig, 0, &c), 0x50);
    CU_ASSERT_EQUAL(rig->vm->msis, 1);
    CU_ASSERT_EQUAL(rig->vm->last_msi_data, 0x41);
    CU_ASSERT_EQUAL(rig_run(rig, 0, &c), 0x50);
    CU_ASSERT_EQUAL(rig->vm->msis, 2);
    ahci_rig_free(rig);
}

static guint32
packet(AhciRig *rig, guint32 bytes, const guint8 cdb[12])
{
    const RigCommand c = {
        .command = 0xa0, .features = 1, .bytes = bytes, .packet = cdb};

    return rig_run(rig, RIG_CD, &c);
}
#define PACKET(rig, bytes, ...)                                                \
    packet(rig, bytes, (const guint8[12]){__VA_ARGS__})

static bool
can_be_saved(AhciRig *rig)
{
    GByteArray *out = g_byte_array_new();

    device_quiesce(rig->ahci);
    device_save(rig->ahci, out);
    g_autoptr(GBytes) saved = g_byte_array_free_to_bytes(out);
    bool ok = device_restore(rig->ahci, saved, NULL);
    device_resume(rig->ahci);
    return ok;
}

static void
test_disc(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    const RigCommand identify = {.command = 0xa1, .bytes = 512};
    const RigCommand ata = {.command = 0xec, .bytes = 512};

    CU_ASSERT_EQUAL(rig_run(rig, RIG_CD, &identify), 0x50);
    CU_ASSERT_EQUAL(word(rig, 0), 0x85c0);
    CU_ASSERT_EQUAL(word(rig, 76), 0x0006);
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x25), 0x50);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA), GUINT32_TO_BE(RIG_CD_BLOCKS - 1));
    CU_ASSERT_TRUE(can_be_saved(rig)); /* the answer is shorter than a packet */
    CU_ASSERT_EQUAL(PACKET(rig, 8192, 0x28, 0, 0, 0, 0, 200, 0, 0, 4), 0x50);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA), 200);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA + 3 * 2048), 203);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_LIST + 0x1000 * RIG_CD + 4), 8192);
    /* past the end: illegal request, and the port waits for the driver */
    CU_ASSERT_EQUAL(PACKET(rig, 2048, 0x28, 0, 0, 1, 0, 0, 0, 0, 1) & 0xff,
                    0x51);
    CU_ASSERT_EQUAL(rig_port(rig, RIG_CD, 0x10), IS_TFES | IS_DHRS);
    rig_restart(rig, RIG_CD);
    CU_ASSERT_EQUAL(PACKET(rig, 18, 0x03, 0, 0, 0, 18), 0x50);
    CU_ASSERT_EQUAL(fake_ram(rig->vm)[RIG_DATA + 2], 5);
    CU_ASSERT_EQUAL(fake_ram(rig->vm)[RIG_DATA + 12], 0x21);
    /* a host that asks as for a disk is shown what it is */
    CU_ASSERT_EQUAL(rig_run(rig, RIG_CD, &ata) & 0xff, 0x51);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_FRAMES + 0x1000 * RIG_CD + 0x44) &
                        0xffff00,
                    0xeb1400);
    ahci_rig_free(rig);
}

static void
test_media(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    g_autoptr(GError) error = NULL;

    CU_ASSERT_EQUAL(PACKET(rig, 0, 0x1e, 0, 0, 0, 1), 0x50);
    CU_ASSERT_EQUAL(ahci_tray(rig->ahci, RIG_CD), MMC_TRAY_LOCKED);
    CU_ASSERT_FALSE(ahci_set_media(rig->ahci, RIG_CD, NULL, false, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "locked"));
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0x50);
    CU_ASSERT_EQUAL(fake_ram(rig->vm)[RIG_DATA + 4], 1); /* eject request */
    CU_ASSERT_EQUAL(PACKET(rig, 0, 0x1e), 0x50);
    CU_ASSERT_EQUAL(PACKET(rig, 0, 0x1b, 0, 0, 0, 2), 0x50); /* eject */
    CU_ASSERT_EQUAL(ahci_tray(rig->ahci, RIG_CD), MMC_TRAY_OPEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig->vm->log->str, "opened the tray"));
    CU_ASSERT_TRUE(ahci_set_media(rig->ahci, RIG_CD, NULL, false, NULL));
    CU_ASSERT_EQUAL(PACKET(rig, 0, 0x00) & 0xff, 0x51);
    rig_restart(rig, RIG_CD);
    CU_ASSERT_TRUE(ahci_set_media(rig->ahci, RIG_CD, rig->disc, false, NULL));
    CU_ASSERT_EQUAL(PACKET(rig, 0, 0x00) & 0xff, 0x51); /* changed */
    rig_restart(rig, RIG_CD);
    CU_ASSERT_EQUAL(PACKET(rig, 0, 0x00), 0x50);
    CU_ASSERT_FALSE(ahci_set_media(rig->ahci, 0, NULL, true, NULL));
    ahci_rig_free(rig);
}

static void
test_resets(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    const RigCommand read = {
        .command = 0x60, .device = LBA_DEVICE, .count = 128, .bytes = 65536};
    guint8 *frame = fake_ram(rig->vm) + RIG_TABLES;

    /* the link's, with a command under way */
    rig_put(rig, 0, 0, &read);
    rig_set_port(rig, 0, 0x34, 1);
    rig_set_port(rig, 0, 0x38, 1);
    rig_set_port(rig, 0, 0x18, 0x10);
    rig_set_port(rig, 0, 0x2c, 0x301);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x28), 0);
    rig_set_port(rig, 0, 0x2c, 0x300);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x28), 0x123);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x10) & IS_PCS, IS_PCS);
    rig_set_port(rig, 0, 0x30, 0xffffffff);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x10) & IS_PCS, 0);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x24), 0x00000101);
    rig_restart(rig, 0);
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, true), IS_SDBS);

    /* a soft one: two frames that are no commands */
    rig_put(rig, 0, 0, &read);
    frame[1] = 0;
    frame[15] = 0x04;
    (void) rig_issue(rig, 0, 1, false);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x38), 0);
    frame[15] = 0;
    CU_ASSERT_EQUAL(rig_issue(rig, 0, 1, false), IS_DHRS);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x20), 0x150);
    ahci_rig_free(rig);
}

static void
test_units(void)
{
    AhciRig *rig = ahci_rig_new(NULL);
    const RigCommand read = {.command = 0x60,
                             .device = LBA_DEVICE,
                             .lba = 9,
                             .count = 8,
                             .bytes = 4096};

    CU_ASSERT_FALSE(ahci_add_unit(rig->ahci, 0, false, rig->disk, "x", NULL));
    ahci_remove_unit(rig->ahci, 0);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x28), 0);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x10) & (IS_PRCS | IS_PCS), IS_PRCS);
    rig_set_port(rig, 0, 0x30, 0xffffffff);
    rig_set_port(rig, 0, 0x38, 1); /* nobody is there */
    fake_advance(rig->vm, MS);
    CU_ASSERT_EQUAL(rig_port(rig, 0, 0x38), 1);
    CU_ASSERT_TRUE(ahci_add_unit(rig->ahci, 2, false, rig->disk, "late", NULL));
    CU_ASSERT_EQUAL(rig_port(rig, 2, 0x28), 0x123);
    CU_ASSERT_EQUAL(rig_port(rig, 2, 0x10) & (IS_PRCS | IS_PCS),
                    IS_PRCS | IS_PCS);
    rig_set_port(rig, 2, 0x00, RIG_LIST + 0x2000);
    rig_set_port(rig, 2, 0x08, RIG_FRAMES + 0x2000);
    rig_set_port(rig, 2, 0x30, 0xffffffff);
    rig_restart(rig, 2);
    rig_put(rig, 2, 0, &read);
    CU_ASSERT_EQUAL(rig_issue(rig, 2, 1, true), IS_SDBS);
    CU_ASSERT_EQUAL(rig_ram32(rig, RIG_DATA), 9);
    ahci_remove_unit(rig->ahci, RIG_CD);
    CU_ASSERT_TRUE(ahci_add_unit(rig->ahci, 5, true, NULL, NULL, NULL));
    CU_ASSERT_EQUAL(rig_port(rig, 5, 0x24), 0xeb140101);
    ahci_rig_free(rig);
}

/* Saved with commands issued and not begun; another one does them. */
static void
test_saved(void)
{
    AhciRig *rig = ahci_rig_new(NULL), *other = ahci_rig_new(NULL);
    GByteArray *out = g_byte_array_new();

    for (unsigned i = 0; i < 4; i++) {
        const RigCommand c = {.command = 0x60,
                              .device = LBA_DEVICE,
                              .tag = (guint8) i,
                              .lba = 300 + i,
                              .count = 8,
                              .bytes = 4096};
        rig_put(rig, 0, i, &c);
    }
    device_quiesce(rig->ahci);
    rig_set_port(rig, 0, 0x34, 0xf);
    rig_set_port(rig, 0, 0x38, 0xf);
    CU_ASSERT_TRUE(device_is_quiet(rig->ahci));
    device_save(rig->ahci, out);
    g_autoptr(GBytes) saved = g_byte_array_free_to_bytes(out);
    memcpy(fake_ram(other->vm), fake_ram(rig->vm), 0x80000);

    device_quiesce(other->ahci);
    CU_ASSERT_TRUE(device_restore(other->ahci, saved, NULL));
    CU_ASSERT_EQUAL(rig_port(other, 0, 0x38), 0xf);
    device_resume(other->ahci);
    for (unsigned i = 0; i < 100 && rig_port(other, 0, 0x34) != 0; i++)
        fake_advance(other->vm, MS / 10);
    CU_ASSERT_EQUAL(rig_port(other, 0, 0x34), 0);
    CU_ASSERT_EQUAL(rig_ram32(other, RIG_DATA + 0x30000), 303);
    ahci_rig_free(other);
    ahci_rig_free(rig);
}

CU_MAIN("ahci", {"registers", test_registers},
        {"identify_tells_of_queues", test_identify},
        {"dma_commands_move_data", test_dma},
        {"pio_commands_move_data_at_once", test_pio},
        {"thirty_two_commands_at_once", test_queue},
        {"the_same_on_the_disks_thread", test_queue_on_thread},
        {"an_image_in_memory_is_not_waited_for", test_at_once},
        {"ports_stop_and_disks_go_amid_commands", test_stops_amid},
        {"a_large_command_is_several_requests", test_large},
        {"a_disk_may_be_read_only", test_read_only},
        {"lists_that_no_driver_makes", test_hostile_lists},
        {"regions_need_not_be_sectors", test_regions},
        {"a_queued_command_that_fails_is_told_of", test_errors},
        {"so_is_one_that_is_not_queued", test_legacy_errors},
        {"interrupts_follow_the_ports", test_interrupts},
        {"a_disc_is_read", test_disc}, {"discs_change", test_media},
        {"resets", test_resets}, {"drives_come_and_go", test_units},
        {"saved_commands_are_done_later", test_saved})
