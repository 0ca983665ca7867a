/* tests/unit/test-pflash.c - the flash chip of a UEFI's variables, as OVMF's
 * driver and a stricter one use it. */
#include "devices/firmware/pflash.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "devices/registry.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "vmm/block/block.h"

#define BASE  0xffc00000u
#define BYTES 65536u

typedef struct {
    FakeVm *vm;
    Device *dev;
    Block *block;
    char *path;
} Rig;

static void
rig_begin(Rig *rig, bool with_file)
{
    guint8 content[BYTES];
    BlockSpec spec = {.format = "raw", .use_pool = true};

    *rig = (Rig){.vm = fake_vm_new(0x1000)};
    rig->dev = device_new(device_class_find("pflash"), "uefi-vars");
    if (with_file) {
        close(g_file_open_tmp("carrel-pflash-XXXXXX", &rig->path, NULL));
        CU_ASSERT_EQUAL(truncate(rig->path, BYTES), 0);
        spec.path = rig->path;
        rig->block = block_open(&spec, rig->vm->env.loop, NULL);
        device_set_link(rig->dev, "block", rig->block);
    }
    CU_ASSERT_TRUE(device_set_u64(rig->dev, "bytes", BYTES, NULL));
    fake_vm_realize(rig->vm, rig->dev);
    memset(content, 0xff, sizeof content);
    memcpy(content, "variables", 9);
    pflash_fill(rig->dev, content, sizeof content);
}

static void
rig_end(Rig *rig)
{
    device_free(rig->dev);
    block_close(rig->block);
    if (rig->path != NULL)
        g_unlink(rig->path);
    g_free(rig->path);
    fake_vm_free(rig->vm);
}

static guint8
get(Rig *rig, guint32 offset)
{
    guint8 byte = 0;

    /* as a processor: memory where there is some, else the chip */
    if (guest_mem_read(rig->vm->env.mem, BASE + offset, &byte, 1) != 0)
        byte = (guint8) fake_mmio_read(rig->vm, BASE + offset, 1);
    return byte;
}

static void
put(Rig *rig, guint32 offset, guint8 value)
{
    fake_mmio_write(rig->vm, BASE + offset, value, 1);
}

/* What OVMF does before anything else. */
static void
firmware_finds_flash(void)
{
    Rig rig;
    rig_begin(&rig, false);
    guint8 original = get(&rig, 100);

    put(&rig, 100, 0x50);
    CU_ASSERT_EQUAL(get(&rig, 100), original); /* not RAM */
    put(&rig, 100, 0x70);
    CU_ASSERT_EQUAL(get(&rig, 100), 0); /* not ROM */
    put(&rig, 100, 0xff);
    CU_ASSERT_EQUAL(get(&rig, 100), original);
    rig_end(&rig);
}

static void
bytes_are_programmed_towards_zero(void)
{
    Rig rig;
    rig_begin(&rig, false);

    put(&rig, 20, 0x10);
    put(&rig, 20, 0x5a);
    CU_ASSERT_EQUAL(get(&rig, 20), 0x80); /* ready, no error */
    put(&rig, 20, 0x40);
    put(&rig, 20, 0xf0);
    put(&rig, 20, 0xff);
    CU_ASSERT_EQUAL(get(&rig, 20), 0x50);
    CU_ASSERT_EQUAL(get(&rig, 0), 'v');
    rig_end(&rig);
}

static void
a_block_is_erased_alone(void)
{
    Rig rig;
    rig_begin(&rig, false);

    put(&rig, 4096, 0x10);
    put(&rig, 4096, 0x00);
    put(&rig, 5, 0x20);
    put(&rig, 5, 0xd0);
    CU_ASSERT_EQUAL(get(&rig, 5), 0x80);
    put(&rig, 5, 0xff);
    CU_ASSERT_EQUAL(get(&rig, 0), 0xff);
    CU_ASSERT_EQUAL(get(&rig, 4096), 0x00);
    rig_end(&rig);
}

static void
an_unconfirmed_erase_is_none(void)
{
    Rig rig;
    rig_begin(&rig, false);

    put(&rig, 0, 0x20);
    put(&rig, 0, 0xff);
    CU_ASSERT_EQUAL(get(&rig, 0), 0xb0); /* ready, wrong sequence */
    put(&rig, 0, 0x50);
    CU_ASSERT_EQUAL(get(&rig, 0), 'v');
    rig_end(&rig);
}

static void
a_buffer_is_programmed_at_once(void)
{
    Rig rig;
    rig_begin(&rig, false);

    put(&rig, 0x2000, 0xe8);
    CU_ASSERT_EQUAL(get(&rig, 0x2000) & 0x80, 0x80);
    put(&rig, 0x2000, 2); /* three bytes */
    for (guint32 i = 0; i < 3; i++)
        put(&rig, 0x2010 + i, (guint8) ('a' + i));
    put(&rig, 0x2000, 0xd0);
    put(&rig, 0x2000, 0xff);
    CU_ASSERT_EQUAL(get(&rig, 0x2010), 'a');
    CU_ASSERT_EQUAL(get(&rig, 0x2012), 'c');
    CU_ASSERT_EQUAL(get(&rig, 0x2013), 0xff);

    /* not across blocks */
    put(&rig, 0x2000, 0xe8);
    put(&rig, 0x2000, 0);
    put(&rig, 0x3000, 0);
    CU_ASSERT_EQUAL(get(&rig, 0x3000), 0xb0);
    put(&rig, 0, 0xff);
    CU_ASSERT_EQUAL(get(&rig, 0x3000), 0xff);
    rig_end(&rig);
}

static void
it_says_what_it_is(void)
{
    Rig rig;
    rig_begin(&rig, false);

    put(&rig, 0, 0x98);
    CU_ASSERT_EQUAL(get(&rig, 0x10), 'Q');
    CU_ASSERT_EQUAL(get(&rig, 0x12), 'Y');
    CU_ASSERT_EQUAL(get(&rig, 0x27), 16); /* 2^16 bytes */
    CU_ASSERT_EQUAL(get(&rig, 0x2d), BYTES / 4096 - 1);
    CU_ASSERT_EQUAL(get(&rig, 0x2f), 4096 / 256);
    CU_ASSERT_EQUAL(get(&rig, 0xffff), 0);
    put(&rig, 0, 0x90);
    CU_ASSERT_EQUAL(get(&rig, 0), 0x89);
    put(&rig, 0, 0x99); /* unknown: back to the content */
    CU_ASSERT_EQUAL(get(&rig, 0), 'v');
    rig_end(&rig);
}

static guint8
in_file(Rig *rig, guint32 offset)
{
    g_autofree char *data = NULL;
    gsize len = 0;

    CU_ASSERT_TRUE(g_file_get_contents(rig->path, &data, &len, NULL));
    return offset < len ? (guint8) data[offset] : 0;
}

static void
wait_quiet(Rig *rig)
{
    device_quiesce(rig->dev);
    for (int i = 0; i < 5000 && !device_is_quiet(rig->dev); i++) {
        fake_advance(rig->vm, 0);
        g_usleep(1000);
    }
    CU_ASSERT_TRUE(device_is_quiet(rig->dev));
}

static void
changes_are_in_the_file(void)
{
    Rig rig;
    rig_begin(&rig, true);

    put(&rig, 3, 0x10);
    put(&rig, 3, 0x00);
    put(&rig, 3, 0xff);
    put(&rig, 0x1000, 0x20); /* no Read Array follows */
    put(&rig, 0x1000, 0xd0);
    put(&rig, 0xffff, 0x10);
    put(&rig, 0xffff, 0x77);
    wait_quiet(&rig); /* nor here: the machine ends */
    CU_ASSERT_EQUAL(in_file(&rig, 0), 'v');
    CU_ASSERT_EQUAL(in_file(&rig, 3), 0);
    CU_ASSERT_EQUAL(in_file(&rig, 0x1fff), 0xff);
    CU_ASSERT_EQUAL(in_file(&rig, 0x2000), 0); /* never touched */
    CU_ASSERT_EQUAL(in_file(&rig, 0xffff), 0x77);
    rig_end(&rig);
}

/* A target that is erased before its spare copy is in the file is lost with the
 * power: the file has both contents in the guest's order. */
static void
changes_keep_their_order(void)
{
    Rig rig;
    rig_begin(&rig, true);

    put(&rig, 0x5000, 0x10); /* the spare, far behind */
    put(&rig, 0x5000, 0x11);
    put(&rig, 0x5000, 0xff);
    put(&rig, 0, 0x20); /* the target, before it */
    put(&rig, 0, 0xd0);
    put(&rig, 0, 0xff);
    for (int i = 0; i < 5000 && in_file(&rig, 0x5000) != 0x11; i++) {
        CU_ASSERT_EQUAL(in_file(&rig, 5), 0); /* as it was */
        fake_advance(rig.vm, 0);
        g_usleep(1000);
    }
    wait_quiet(&rig);
    CU_ASSERT_EQUAL(in_file(&rig, 5), 0xff);
    rig_end(&rig);
}

/* The file was cut: nothing can be written, and the machine ends all the same,
 * once that was tried for the last time. */
static void
what_cannot_be_written_is_tried_again(void)
{
    Rig rig;
    rig_begin(&rig, true);

    CU_ASSERT_EQUAL(truncate(rig.path, 0), 0);
    put(&rig, 0x2000, 0x10);
    put(&rig, 0x2000, 0x22);
    put(&rig, 0x2000, 0xff);
    for (int i = 0; i < 100; i++) {
        fake_advance(rig.vm, 0);
        g_usleep(1000);
    }
    CU_ASSERT_FALSE(device_is_quiet(rig.dev));
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.vm->log->str, "tried again"));
    CU_ASSERT_EQUAL(truncate(rig.path, BYTES), 0);
    wait_quiet(&rig);
    CU_ASSERT_EQUAL(in_file(&rig, 0x2000), 0x22);
    rig_end(&rig);
}

static void
a_reset_shows_the_content(void)
{
    Rig rig;
    rig_begin(&rig, false);

    put(&rig, 0, 0xe8);
    put(&rig, 0, 200);
    device_reset(rig.dev, RESET_WARM);
    CU_ASSERT_EQUAL(get(&rig, 0), 'v');
    put(&rig, 0, 0x70);
    CU_ASSERT_EQUAL(get(&rig, 0), 0x80);
    rig_end(&rig);
}

static void
no_flash_of_an_odd_size(void)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *dev = device_new(device_class_find("pflash"), "uefi-vars");
    g_autoptr(GError) error = NULL;

    CU_ASSERT_TRUE(device_set_u64(dev, "bytes", 5000, NULL));
    CU_ASSERT_FALSE(device_realize(dev, &vm->env, &error));
    CU_ASSERT_PTR_NOT_NULL(error);
    device_free(dev);
    fake_vm_free(vm);
}

CU_MAIN("pflash", {"firmware_finds_flash", firmware_finds_flash},
        {"bytes_are_programmed_towards_zero",
         bytes_are_programmed_towards_zero},
        {"a_block_is_erased_alone", a_block_is_erased_alone},
        {"an_unconfirmed_erase_is_none", an_unconfirmed_erase_is_none},
        {"a_buffer_is_programmed_at_once", a_buffer_is_programmed_at_once},
        {"it_says_what_it_is", it_says_what_it_is},
        {"changes_are_in_the_file", changes_are_in_the_file},
        {"changes_keep_their_order", changes_keep_their_order},
        {"what_cannot_be_written_is_tried_again",
         what_cannot_be_written_is_tried_again},
        {"a_reset_shows_the_content", a_reset_shows_the_content},
        {"no_flash_of_an_odd_size", no_flash_of_an_odd_size})
