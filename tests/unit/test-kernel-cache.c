/* tests/unit/test-kernel-cache.c - unpacking bzImages, and the folder that
 * keeps the result. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <glib/gstdio.h>

#include "tests/unit/boot-rig.h"
#include "tests/unit/cu-main.h"
#include "vmm/boot/kernel-cache.h"
#include "vmm/boot/kernel.h"
#include "vmm/boot/unpack.h"

#define ELF_LEN 0x1000u
#define PAYLOAD 64u /* offset in the kernel part */

typedef struct {
    char *dir, *cache, *kernel;
    guint8 elf[ELF_LEN];
} Fixture;

static gsize
gzip(const guint8 *in, gsize len, guint8 *out, gsize room)
{
    z_stream z = {.next_in = (Bytef *) in,
                  .avail_in = (uInt) len,
                  .next_out = out,
                  .avail_out = (uInt) room};

    deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    g_assert_cmpint(deflate(&z, Z_FINISH), ==, Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

/* A bzImage with the made ELF kernel packed in it; salt: another content. */
static void
write_kernel(Fixture *f, guint8 salt)
{
    guint8 data[RIG_BZIMAGE];

    boot_rig_elf(f->elf, ELF_LEN, true, true);
    f->elf[ELF_LEN - 1] = salt;
    boot_rig_bzimage(data);
    gsize len = gzip(f->elf, ELF_LEN, data + 1024 + PAYLOAD,
                     sizeof data - 1024 - PAYLOAD);
    boot_rig_put(data + 0x248, PAYLOAD, 4);
    boot_rig_put(data + 0x24c, len, 4);
    g_assert(g_file_set_contents(f->kernel, (char *) data, sizeof data, NULL));
}

static Fixture *
begin(void)
{
    Fixture *f = g_new0(Fixture, 1);

    f->dir = g_dir_make_tmp("carrel-kernels-XXXXXX", NULL);
    f->cache = g_build_filename(f->dir, "cache", "kernels", NULL);
    f->kernel = g_build_filename(f->dir, "vmlinuz", NULL);
    write_kernel(f, 1);
    return f;
}

static void
end(Fixture *f)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", f->dir);

    (void) chmod(f->dir, 0700);
    CU_ASSERT_EQUAL(system(command), 0);
    g_free(f->dir);
    g_free(f->cache);
    g_free(f->kernel);
    g_free(f);
}

/* Whether the ELF came out right; *ret_hit as kernel_cache_open(). */
static bool
open_one(Fixture *f, bool *ret_hit)
{
    BootFile *kernel = boot_file_open("kernel", f->kernel, NULL);
    LinuxImage image;
    const char *why;
    guint8 back[ELF_LEN] = {0};

    g_assert(kernel != NULL && linux_parse(kernel, &image, NULL));
    BootFile *elf = kernel_cache_open(f->cache, kernel, &image, ret_hit, &why);
    bool ok = elf != NULL && elf->len == ELF_LEN &&
              boot_file_read(elf, 0, back, ELF_LEN, NULL) &&
              memcmp(back, f->elf, ELF_LEN) == 0;
    boot_file_free(elf);
    boot_file_free(kernel);
    return ok;
}

static unsigned
count_entries(Fixture *f, char **ret_one)
{
    g_autoptr(GDir) dir = g_dir_open(f->cache, 0, NULL);
    const char *name;
    unsigned n = 0;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        n++;
        if (ret_one != NULL && *ret_one == NULL)
            *ret_one = g_build_filename(f->cache, name, NULL);
    }
    return n;
}

static void
test_second_start_hits(void)
{
    Fixture *f = begin();
    bool hit;

    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_FALSE(hit);
    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_TRUE(hit);
    CU_ASSERT_EQUAL(count_entries(f, NULL), 1);
    end(f);
}

static void
test_another_kernel_misses(void)
{
    Fixture *f = begin();
    bool hit;

    CU_ASSERT_TRUE(open_one(f, &hit));
    write_kernel(f, 2);
    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_FALSE(hit);
    end(f);
}

/* One byte in the middle is another: rebuilt, and sound the time after. */
static void
test_changed_entry_is_rebuilt(void)
{
    Fixture *f = begin();
    g_autofree char *entry = NULL;
    bool hit;

    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_EQUAL_FATAL(count_entries(f, &entry), 1);
    int fd = open(entry, O_WRONLY | O_CLOEXEC);
    CU_ASSERT_EQUAL(pwrite(fd, "?", 1, 0x800), 1);
    close(fd);
    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_FALSE(hit);
    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_TRUE(hit);
    end(f);
}

static void
test_cut_entry_is_rebuilt(void)
{
    Fixture *f = begin();
    g_autofree char *entry = NULL;
    bool hit;

    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_EQUAL_FATAL(count_entries(f, &entry), 1);
    CU_ASSERT_EQUAL(truncate(entry, 100), 0);
    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_FALSE(hit);
    CU_ASSERT_EQUAL(truncate(entry, 0), 0);
    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_FALSE(hit);
    end(f);
}

static void
test_entries_are_bounded(void)
{
    Fixture *f = begin();
    bool hit;

    for (unsigned i = 0; i < KERNEL_CACHE_ENTRIES + 3; i++) {
        write_kernel(f, (guint8) i);
        CU_ASSERT_TRUE(open_one(f, &hit));
    }
    CU_ASSERT_EQUAL(count_entries(f, NULL), KERNEL_CACHE_ENTRIES);
    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_TRUE(hit); /* the newest is among those kept */
    end(f);
}

/* A file where the folder should be: also root cannot write there. */
static void
test_no_folder_uses_memory(void)
{
    Fixture *f = begin();
    g_autofree char *parent = g_path_get_dirname(f->cache);
    bool hit;

    CU_ASSERT_TRUE(g_file_set_contents(parent, "x", 1, NULL));
    CU_ASSERT_TRUE(open_one(f, &hit));
    CU_ASSERT_FALSE(hit);
    end(f);
}

static void
test_damaged_payload_unpacks_in_the_guest(void)
{
    Fixture *f = begin();
    KernelSpec spec = {.path = f->kernel, .cmdline = "", .cache_dir = f->cache};
    int fd = open(f->kernel, O_WRONLY | O_CLOEXEC);

    CU_ASSERT_EQUAL(pwrite(fd, "????????", 8, 1024 + PAYLOAD + 40), 8);
    close(fd);
    Kernel *kernel = kernel_open(&spec, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(kernel);
    g_autofree char *what = kernel_describe(kernel);
    CU_ASSERT_STRING_EQUAL(what, "bzImage, unpacks itself: what is packed is "
                                 "damaged");
    kernel_free(kernel);
    CU_ASSERT_EQUAL(count_entries(f, NULL), 0);
    end(f);
}

/* "hello" by lz4 -l, and the head of a zstd frame; the length follows as
 * Linux' build appends it. */
static const guint8 packed_zstd[] = {0x28, 0xb5, 0x2f, 0xfd,
                                     0x05, 0x00, 0x00, 0x00};
static const guint8 packed_lz4[] = {0x02, 0x21, 0x4c, 0x18, 0x06, 0x00,
                                    0x00, 0x00, 0x50, 'h',  'e',  'l',
                                    'l',  'o',  0x05, 0x00, 0x00, 0x00};

static void
test_formats(void)
{
    const char *why;

    CU_ASSERT_STRING_EQUAL(unpack_format(packed_zstd, sizeof packed_zstd),
                           "zstd");
    CU_ASSERT_STRING_EQUAL(unpack_format(packed_lz4, sizeof packed_lz4), "lz4");
    CU_ASSERT_PTR_NULL(unpack_format((const guint8 *) "BZh91AY&", 8));
    CU_ASSERT_PTR_NULL(unpack_payload((const guint8 *) "BZh91AY&", 8, &why));
    CU_ASSERT_STRING_EQUAL(why, "it is packed in no format that is known");
    g_autoptr(GBytes) lz4 = unpack_payload(packed_lz4, sizeof packed_lz4, &why);
    if (lz4 == NULL) /* a build without the library says so */
        CU_ASSERT_STRING_EQUAL(
            why, "this build has no library for how it is packed");
    if (lz4 != NULL)
        CU_ASSERT_EQUAL(memcmp(g_bytes_get_data(lz4, NULL), "hello", 5), 0);
}

static void
test_unbelievable_length(void)
{
    guint8 data[64] = {0x1f, 0x8b, 0x08};
    const char *why;

    memset(data + 60, 0xff, 4);
    CU_ASSERT_PTR_NULL(unpack_payload(data, sizeof data, &why));
    CU_ASSERT_STRING_EQUAL(why, "its unpacked length is not believable");
}

CU_MAIN("kernel-cache", {"the_second_start_finds_it", test_second_start_hits},
        {"another_kernel_at_that_path_is_unpacked", test_another_kernel_misses},
        {"an_entry_written_to_is_rebuilt", test_changed_entry_is_rebuilt},
        {"a_cut_entry_is_rebuilt", test_cut_entry_is_rebuilt},
        {"the_number_of_entries_is_bounded", test_entries_are_bounded},
        {"without_a_folder_it_lives_in_memory", test_no_folder_uses_memory},
        {"a_damaged_payload_is_left_to_the_guest",
         test_damaged_payload_unpacks_in_the_guest},
        {"formats_are_known_by_their_magic", test_formats},
        {"a_length_out_of_bounds_is_refused", test_unbelievable_length})
