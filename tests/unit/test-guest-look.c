/* tests/unit/test-guest-look.c - what is seen on disks: partition tables,
 * signatures, RAM disks, and a Linux system on ext4 (made by mke2fs). */
#include "app/ladder/guest-look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <glib/gstdio.h>

#include "app/ladder/initrd.h"
#include "app/sandbox/sandbox-roles.h"
#include "app/store.h"
#include "tests/unit/cu-main.h"

#define MIB (1u << 20)

typedef struct {
    char *dir, *path;
    int fd;
} Disk;

static void
begin(Disk *d, gsize bytes)
{
    d->dir = g_dir_make_tmp("carrel-look-XXXXXX", NULL);
    d->path = g_build_filename(d->dir, "disk.img", NULL);
    d->fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CU_ASSERT_EQUAL_FATAL(ftruncate(d->fd, (off_t) bytes), 0);
}

static void
put(Disk *d, gsize at, const void *mem, gsize len)
{
    CU_ASSERT_EQUAL(pwrite(d->fd, mem, len, (off_t) at), (ssize_t) len);
}

static void
put_partition(Disk *d, gsize table, unsigned i, guint8 type, guint32 start,
              guint32 sectors)
{
    guint8 entry[16] = {0};

    entry[4] = type;
    for (unsigned b = 0; b < 4; b++) {
        entry[8 + b] = (guint8) (start >> 8 * b);
        entry[12 + b] = (guint8) (sectors >> 8 * b);
    }
    put(d, table + 446 + 16 * i, entry, sizeof entry);
    put(d, table + 510, "\x55\xaa", 2);
}

static GuestLook *
look(Disk *d)
{
    const BlockSpec spec = {.path = d->path, .format = "raw"};
    GuestLook *found = guest_look(&spec, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    return found;
}

static void
end(Disk *d)
{
    close(d->fd);
    store_remove_tree(d->dir, NULL);
    g_free(d->dir);
    g_free(d->path);
}

static void
a_disk_of_zeros_is_blank(void)
{
    Disk d;
    begin(&d, MIB);

    g_autoptr(GuestLook) found = look(&d);
    CU_ASSERT_EQUAL(found->kind, GUEST_BLANK);
    end(&d);
}

static void
a_tiny_disk_is_looked_at(void)
{
    Disk d;
    begin(&d, 512);

    put(&d, 0, "x", 1);
    g_autoptr(GuestLook) found = look(&d);
    CU_ASSERT_EQUAL(found->kind, GUEST_UNKNOWN);
    end(&d);
}

static void
windows_is_known_by_ntfs(void)
{
    Disk d;
    begin(&d, 2 * MIB);

    put_partition(&d, 0, 0, 7, 2048, 2048);
    put(&d, MIB + 3, "NTFS    ", 8);
    g_autoptr(GuestLook) found = look(&d);
    g_autofree char *why = NULL;
    CU_ASSERT_EQUAL(found->kind, GUEST_WINDOWS);
    CU_ASSERT_EQUAL(guest_look_driver(found, "virtio-blk", &why),
                    GUEST_DRIVER_UNKNOWN);
    end(&d);
}

static void
dos_is_known_by_its_boot_sector(void)
{
    Disk d;
    begin(&d, 2 * MIB);

    put_partition(&d, 0, 0, 6, 63, 2048);
    put(&d, 63 * 512 + 54, "FAT16   ", 8);
    put(&d, 63 * 512 + 400, "KERNEL  SYS", 11);
    g_autoptr(GuestLook) found = look(&d);
    g_autofree char *why = NULL;
    CU_ASSERT_EQUAL(found->kind, GUEST_DOS);
    CU_ASSERT_STRING_EQUAL(found->name, "FreeDOS");
    CU_ASSERT_EQUAL(guest_look_driver(found, "virtio-blk", &why),
                    GUEST_DRIVER_NO);
    end(&d);
}

static void
linux_is_known_in_a_logical_partition(void)
{
    Disk d;
    begin(&d, 4 * MIB);

    put_partition(&d, 0, 0, 5, 2048, 6000);
    put_partition(&d, MIB, 0, 0x83, 2048, 2048);
    put(&d, 2 * MIB, "LUKS\xba\xbe", 6);
    g_autoptr(GuestLook) found = look(&d);
    CU_ASSERT_EQUAL(found->kind, GUEST_LINUX);
    CU_ASSERT_TRUE(found->encrypted);
    end(&d);
}

static void
logical_partitions_that_go_round_end(void)
{
    Disk d;
    begin(&d, 4 * MIB);

    put_partition(&d, 0, 0, 5, 2048, 6000);
    put_partition(&d, MIB, 0, 0x83, 1, 1);
    put_partition(&d, MIB, 1, 5, 0x80000000, 1); /* far behind the end */
    g_autoptr(GuestLook) found = look(&d);
    CU_ASSERT_EQUAL(found->kind, GUEST_UNKNOWN);
    end(&d);
}

static void
a_gpt_is_followed(void)
{
    Disk d;
    guint8 head[92] = "EFI PART", entry[128] = {1};
    begin(&d, 4 * MIB);

    put_partition(&d, 0, 0, 0xee, 1, 8191);
    head[72] = 2;
    head[80] = 128;
    head[84] = 128;
    put(&d, 512, head, sizeof head);
    entry[33] = 8; /* sectors 2048 to 4095 */
    entry[40] = 0xff;
    entry[41] = 15;
    put(&d, 1024 + 128, entry, sizeof entry); /* the second */
    put(&d, MIB, "XFSB", 4);
    g_autoptr(GuestLook) found = look(&d);
    CU_ASSERT_EQUAL(found->kind, GUEST_LINUX);
    CU_ASSERT_EQUAL(found->n_initrds, 0);
    end(&d);
}

/* ---- RAM disks ---- */

static void
add_file(GByteArray *out, const char *name, const char *content)
{
    gsize name_size = strlen(name) + 1, size = strlen(content);
    g_autofree char *head = g_strdup_printf(
        "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1u,
        0100644u, 0u, 0u, 1u, 0u, (unsigned) size, 0u, 0u, 0u, 0u,
        (unsigned) name_size, 0u);
    static const guint8 zeros[4];

    g_byte_array_append(out, (const guint8 *) head, (guint) strlen(head));
    g_byte_array_append(out, (const guint8 *) name, (guint) name_size);
    g_byte_array_append(out, zeros, (4 - out->len % 4) % 4);
    g_byte_array_append(out, (const guint8 *) content, (guint) size);
    g_byte_array_append(out, zeros, (4 - out->len % 4) % 4);
}

static void
add_packed(GByteArray *out, const GByteArray *plain)
{
    guint8 packed[4096];
    z_stream z = {.next_in = plain->data, .avail_in = plain->len};

    deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    z.next_out = packed;
    z.avail_out = sizeof packed;
    CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
    g_byte_array_append(out, packed, (guint) z.total_out);
    deflateEnd(&z);
}

static void
note(void *data, const char *name)
{
    g_string_append_printf(data, "%s,", name);
}

static bool
names_of(const guint8 *image, gsize len, GString *names, const char **ret_why)
{
    LookBudget budget = look_budget_new(64 * MIB, 60000);

    return initrd_names(image, len, note, names, &budget, ret_why);
}

/* Microcode first, as distributions do it, then what is packed. */
static GByteArray *
make_initrd(void)
{
    GByteArray *out = g_byte_array_new();
    g_autoptr(GByteArray) plain = g_byte_array_new();
    static const guint8 gap[512];

    add_file(out, "kernel/x86/microcode/GenuineIntel.bin", "micro");
    add_file(out, "TRAILER!!!", "");
    g_byte_array_append(out, gap, sizeof gap);
    add_file(plain, "init", "#!/bin/sh\n");
    add_file(plain, "lib/modules/6.1/virtio_blk.ko.xz", "module");
    add_file(plain, "TRAILER!!!", "");
    add_packed(out, plain);
    return out;
}

static void
names_come_from_all_archives(void)
{
    g_autoptr(GByteArray) image = make_initrd();
    g_autoptr(GString) names = g_string_new(NULL);
    const char *why = NULL;

    CU_ASSERT_TRUE(names_of(image->data, image->len, names, &why));
    CU_ASSERT_STRING_EQUAL(
        names->str, "kernel/x86/microcode/GenuineIntel.bin,TRAILER!!!,init,"
                    "lib/modules/6.1/virtio_blk.ko.xz,TRAILER!!!,");
}

static void
a_ram_disk_that_is_cut_off_is_refused(void)
{
    g_autoptr(GByteArray) image = make_initrd();
    g_autoptr(GString) names = g_string_new(NULL);
    const char *why = NULL;

    for (guint len = 0; len < image->len; len++) {
        bool ok = names_of(image->data, len, names, &why);
        /* the first archive has 280 bytes, the gap behind it 512: so far
         * nothing is missing */
        CU_ASSERT_EQUAL(ok, len >= 280 && len <= 792);
        CU_ASSERT_PTR_NOT_NULL(why);
    }
}

static void
what_is_no_archive_is_refused(void)
{
    static const char *const bad[] = {"hello", "070701zzzz", "BZh91AY&SY",
                                      "\xfd\067zXZ"};
    g_autoptr(GString) names = g_string_new(NULL);
    const char *why;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
        CU_ASSERT_FALSE(
            names_of((const guint8 *) bad[i], strlen(bad[i]), names, &why));
    CU_ASSERT_EQUAL(names->len, 0);
}

static void
a_ram_disk_is_unpacked_within_its_budget(void)
{
    g_autoptr(GByteArray) image = make_initrd();
    g_autoptr(GByteArray) bomb = g_byte_array_new();
    g_autoptr(GByteArray) plain = g_byte_array_new();
    g_autoptr(GString) names = g_string_new(NULL);
    g_autofree char *content = g_strnfill(MIB, 'x');
    LookBudget none = look_budget_new(MIB, 0), small, all;
    const char *why = NULL;

    g_usleep(1000);
    CU_ASSERT_FALSE(
        initrd_names(image->data, image->len, note, names, &none, &why));
    CU_ASSERT_STRING_EQUAL(names->str, "");
    add_file(plain, "large", content);
    add_file(plain, "TRAILER!!!", "");
    add_packed(bomb, plain); /* about 1 KiB */
    small = look_budget_new(MIB / 2, 60000);
    CU_ASSERT_FALSE(
        initrd_names(bomb->data, bomb->len, note, names, &small, &why));
    CU_ASSERT_TRUE(small.spent);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "too long"));
    all = look_budget_new(2 * MIB, 60000);
    CU_ASSERT_TRUE(
        initrd_names(bomb->data, bomb->len, note, names, &all, &why));
    /* several are looked at with one budget */
    CU_ASSERT_FALSE(
        initrd_names(bomb->data, bomb->len, note, names, &all, &why));
}

static void
more_partitions_than_are_looked_at_cannot_be_told(void)
{
    Disk d;
    begin(&d, 8 * MIB);

    put_partition(&d, 0, 0, 5, 64, 8000);
    for (unsigned i = 0; i < 17; i++) {
        gsize at = (64 + 64 * i) * 512;
        put_partition(&d, at, 0, 7, 32, 16);
        put_partition(&d, at, 1, 5, 64 * (i + 1), 64);
        put(&d, at + 32 * 512 + 400, "KERNEL  SYS", 11);
        put(&d, at + 32 * 512 + 54, "FAT16   ", 8);
    }
    g_autoptr(GuestLook) found = look(&d);
    g_autofree char *why = NULL;
    CU_ASSERT_TRUE(found->cut_short);
    CU_ASSERT_EQUAL(found->kind, GUEST_DOS);
    CU_ASSERT_EQUAL(guest_look_driver(found, "virtio-blk", &why),
                    GUEST_DRIVER_UNKNOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "not all"));
    end(&d);
}

static void
a_look_ends_with_its_time(void)
{
    Disk d;
    begin(&d, MIB);

    const BlockSpec spec = {.path = d.path, .format = "raw"};
    const LookBudget budget = look_budget_new(MIB, 0);
    g_usleep(1000);
    g_autoptr(GuestLook) found = guest_look_within(&spec, &budget, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    CU_ASSERT_TRUE(found->cut_short);
    CU_ASSERT_EQUAL(found->kind, GUEST_UNKNOWN); /* not blank: nobody looked */
    end(&d);
}

/* ---- ext ---- */

static void
write_file(const Disk *d, const char *path, const void *mem, gssize len)
{
    g_autofree char *file = g_build_filename(d->dir, "root", path, NULL);
    g_autofree char *folder = g_path_get_dirname(file);

    g_mkdir_with_parents(folder, 0700);
    CU_ASSERT_TRUE(g_file_set_contents(file, mem, len, NULL));
}

/* Fills the disk with what is under root; false: there is no mke2fs. */
static bool
make_ext4(const Disk *d)
{
    g_autofree char *path =
        g_strdup_printf("%s:/usr/sbin:/sbin", g_getenv("PATH"));
    g_autofree char *root = g_build_filename(d->dir, "root", NULL);
    const char *argv[] = {"mke2fs", "-q", "-F",    "-t", "ext4",
                          "-d",     root, d->path, NULL};
    int status = -1;

    g_setenv("PATH", path, TRUE);
    return g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
                        NULL, NULL, NULL, &status, NULL) &&
           status == 0;
}

static void
a_debian_is_looked_into(void)
{
    Disk d;
    g_autoptr(GByteArray) initrd = make_initrd();
    begin(&d, 8 * MIB);

    write_file(&d, "boot/initrd.img-6.1", initrd->data, (gssize) initrd->len);
    write_file(&d, "boot/config-6.1",
               "#\nCONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_NET=y\n"
               "CONFIG_VIRTIO_BLK=m\nCONFIG_SCSI_VIRTIO=m\n",
               -1);
    write_file(&d, "usr/lib/os-release", "PRETTY_NAME=\"Debian 12\"\n", -1);
    write_file(&d, "etc/fstab", "/dev/sda1 / ext4 rw 0 1\n", -1);
    g_autofree char *etc = g_build_filename(d.dir, "root/etc/os-release", NULL);
    CU_ASSERT_EQUAL(symlink("../usr/lib/os-release", etc), 0);
    if (!make_ext4(&d)) {
        cu_skip("no mke2fs: install e2fsprogs");
        end(&d);
        return;
    }
    g_autoptr(GuestLook) found = look(&d);
    g_autofree char *blk = NULL, *net = NULL, *scsi = NULL, *rng = NULL;
    CU_ASSERT_EQUAL(found->kind, GUEST_LINUX);
    if (found->n_configs == 0) {
        cu_skip("built without libext2fs, or it is not installed");
        end(&d);
        return;
    }
    CU_ASSERT_STRING_EQUAL(found->name, "Debian 12");
    CU_ASSERT_EQUAL(guest_look_driver(found, "virtio-blk", &blk),
                    GUEST_DRIVER_YES);
    CU_ASSERT_EQUAL(guest_look_driver(found, "virtio-net", &net),
                    GUEST_DRIVER_YES);
    CU_ASSERT_EQUAL(guest_look_driver(found, "virtio-scsi", &scsi),
                    GUEST_DRIVER_NO);
    CU_ASSERT_EQUAL(guest_look_driver(found, "virtio-rng", &rng),
                    GUEST_DRIVER_UNKNOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(net, "built into"));
    bool fstab = false;
    for (guint i = 0; i < found->facts->len; i++)
        fstab |= strstr(found->facts->pdata[i], "/dev/sda1") != NULL;
    CU_ASSERT_TRUE(fstab);
    CU_ASSERT_FALSE(found->cut_short);
    const BlockSpec spec = {.path = d.path, .format = "raw"};
    const LookBudget budget = look_budget_new(100 << 10, 60000);
    g_autoptr(GuestLook) some = guest_look_within(&spec, &budget, NULL);
    g_autofree char *why = NULL;
    CU_ASSERT_TRUE(some->cut_short); /* the first sectors take 72 KiB */
    CU_ASSERT_EQUAL(guest_look_driver(some, "virtio-blk", &why),
                    GUEST_DRIVER_UNKNOWN);
    end(&d);
}

static void
a_damaged_ext_is_no_trouble(void)
{
    Disk d;
    guint8 junk[64 << 10];
    begin(&d, 8 * MIB);

    memset(junk, 0xa5, sizeof junk);
    junk[1080] = 0x53;
    junk[1081] = 0xef;
    put(&d, 0, junk, sizeof junk);
    g_autoptr(GuestLook) found = look(&d);
    CU_ASSERT_EQUAL(found->kind, GUEST_LINUX);
    CU_ASSERT_EQUAL(found->n_initrds, 0);
    end(&d);
}

/* ---- the process of its own ---- */

static GuestLook *
break_down(BlockImage *image, const LookBudget *budget)
{
    abort();
}

static GuestLook *
never_end(BlockImage *image, const LookBudget *budget)
{
    volatile bool enough = false;

    while (!enough)
        ;
    return guest_look_new(budget);
}

static GuestLook *
reach_out(BlockImage *image, const LookBudget *budget)
{
    GuestLook *found = guest_look_new(budget);
    guint8 sector[512];

    found->kind = GUEST_DOS;
    guest_look_fact(found, "image %d", block_image_read(image, 0, sector, 512));
    int rc = open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
    guest_look_fact(found, "open %d", rc);
    rc = socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
    guest_look_fact(found, "socket %d", rc);
    rc = write(STDOUT_FILENO, "", 0) < 0 ? errno : 0;
    guest_look_fact(found, "write %d", rc);
    g_autofree void *mem = g_try_malloc(1u << 30);
    guest_look_fact(found, "memory %d", mem != NULL);
    return found;
}

static bool
says(const GuestLook *found, const char *text)
{
    for (guint i = 0; i < found->facts->len; i++)
        if (strstr(g_ptr_array_index(found->facts, i), text) != NULL)
            return true;
    return false;
}

static void
a_look_that_breaks_down_is_no_trouble(void)
{
    GuestLookFn *const bad[] = {break_down, never_end};
    Disk d;
    begin(&d, MIB);

    const BlockSpec spec = {.path = d.path, .format = "raw"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GuestLook) found = guest_look_apart(&spec, bad[i], 10, NULL);
        g_autofree char *why = NULL;
        CU_ASSERT_PTR_NOT_NULL_FATAL(found);
        CU_ASSERT_EQUAL(found->kind, GUEST_UNKNOWN);
        CU_ASSERT_TRUE(found->cut_short);
        CU_ASSERT_TRUE(says(found, "ended before it was done"));
        CU_ASSERT_EQUAL(guest_look_driver(found, "virtio-blk", &why),
                        GUEST_DRIVER_UNKNOWN);
    }
    end(&d);
}

static void
a_look_reaches_nothing_but_the_image(void)
{
    Disk d;
    begin(&d, MIB);

    const BlockSpec spec = {.path = d.path, .format = "raw"};
    g_autoptr(GuestLook) found = guest_look_apart(&spec, reach_out, 1000, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    CU_ASSERT_EQUAL(found->kind, GUEST_DOS);
    CU_ASSERT_TRUE(says(found, "image 0"));
    if (!sandbox_is_wanted() || says(found, "without all of the sandbox")) {
        cu_skip("this build or kernel has no sandbox");
    } else {
        CU_ASSERT_TRUE(says(found, "open 1")); /* EPERM */
        CU_ASSERT_TRUE(says(found, "socket 1"));
        CU_ASSERT_TRUE(says(found, "write 1"));
        CU_ASSERT_TRUE(says(found, "memory 0"));
    }
    end(&d);
}

#define CASE(fn)                                                               \
    {                                                                          \
#fn, fn                                                                \
    }

CU_MAIN("guest-look", CASE(a_disk_of_zeros_is_blank),
        CASE(a_tiny_disk_is_looked_at), CASE(windows_is_known_by_ntfs),
        CASE(dos_is_known_by_its_boot_sector),
        CASE(linux_is_known_in_a_logical_partition),
        CASE(logical_partitions_that_go_round_end), CASE(a_gpt_is_followed),
        CASE(names_come_from_all_archives),
        CASE(a_ram_disk_that_is_cut_off_is_refused),
        CASE(what_is_no_archive_is_refused),
        CASE(a_ram_disk_is_unpacked_within_its_budget),
        CASE(more_partitions_than_are_looked_at_cannot_be_told),
        CASE(a_look_ends_with_its_time), CASE(a_debian_is_looked_into),
        CASE(a_damaged_ext_is_no_trouble),
        CASE(a_look_that_breaks_down_is_no_trouble),
        CASE(a_look_reaches_nothing_but_the_image))
