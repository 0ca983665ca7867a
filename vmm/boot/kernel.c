/* vmm/boot/kernel.c - see kernel.h. */
#include "vmm/boot/kernel.h"

#include "vmm/boot/elf.h"
#include "vmm/boot/kernel-cache.h"
#include "vmm/boot/linux.h"
#include "vmm/boot/multiboot.h"
#include "vmm/boot/pvh.h"

struct Kernel {
    KernelKind kind;
    BootFile *file, *initrd;
    BootFile *unpacked;       /* ELF of a bzImage; NULL: it unpacks itself */
    bool hit;                 /* unpacked came from the cache */
    const char *not_unpacked; /* why, or NULL */
    char *cmdline;
    bool loaded; /* the guest has run: memory is not zero any more */
    LinuxImage linux_image;
    ElfImage elf;
    MultibootImage multiboot;
};

/* ELFCLASS32, the class that Multiboot 1 loads; 64-bit files with the header
 * name their addresses in it or mean another protocol. */
static bool
is_elf64(const guint8 *head, gsize len)
{
    return len > 4 && elf_is_image(head, len) && head[4] == 2;
}

KernelKind
kernel_kind_of(const guint8 *head, gsize len)
{
    if (linux_is_image(head, len))
        return KERNEL_BZIMAGE;
    if (is_elf64(head, len))
        return KERNEL_ELF;
    if (multiboot_is_image(head, len))
        return KERNEL_MULTIBOOT;
    return elf_is_image(head, len) ? KERNEL_ELF : KERNEL_NONE;
}

KernelKind
kernel_kind_of_file(const char *path)
{
    BootFile *file = boot_file_open("kernel", path, NULL);
    g_autofree guint8 *head = g_malloc(KERNEL_HEAD);
    gssize n =
        file != NULL ? boot_file_peek(file, 0, head, KERNEL_HEAD, NULL) : -1;

    boot_file_free(file);
    return n > 0 ? kernel_kind_of(head, (gsize) n) : KERNEL_NONE;
}

static bool
parse_elf(Kernel *k, GError **error)
{
    if (!elf_parse(k->file, &k->elf, error))
        return false;
    if (k->elf.has_pvh || k->elf.is64)
        return true;
    return boot_file_fail(k->file, CARREL_BOOT_ERROR_UNSUPPORTED, error,
                          "is a 32-bit ELF file with neither a PVH note nor a "
                          "Multiboot header: there is no way to start it");
}

static bool
parse(Kernel *k, GError **error)
{
    g_autofree guint8 *head = g_malloc(KERNEL_HEAD);
    gssize n = boot_file_peek(k->file, 0, head, KERNEL_HEAD, error);

    if (n < 0)
        return false;
    k->kind = kernel_kind_of(head, (gsize) n);
    switch (k->kind) {
    case KERNEL_BZIMAGE: return linux_parse(k->file, &k->linux_image, error);
    case KERNEL_ELF: return parse_elf(k, error);
    case KERNEL_MULTIBOOT:
        return multiboot_parse(k->file, &k->multiboot, error);
    case KERNEL_NONE:
    default: break;
    }
    return boot_file_fail(k->file, CARREL_BOOT_ERROR_FORMAT, error,
                          "is neither a Linux bzImage nor an ELF or Multiboot "
                          "kernel");
}

/* Failing costs the time it takes the guest to do it, nothing else. */
static void
unpack(Kernel *k, const char *cache_dir)
{
    if (k->kind != KERNEL_BZIMAGE || !k->linux_image.has_64bit_entry ||
        cache_dir == NULL)
        return;
    k->unpacked = kernel_cache_open(cache_dir, k->file, &k->linux_image,
                                    &k->hit, &k->not_unpacked);
    if (k->unpacked == NULL)
        return;
    k->not_unpacked = NULL;
    if (!elf_parse(k->unpacked, &k->elf, NULL) || !k->elf.is64) {
        g_clear_pointer(&k->unpacked, boot_file_free);
        k->not_unpacked = "what is packed in it is no 64-bit ELF file";
    }
}

Kernel *
kernel_open(const KernelSpec *spec, GError **error)
{
    Kernel *k = g_new0(Kernel, 1);
    bool ok;

    k->cmdline = g_strdup(spec->cmdline);
    k->file = boot_file_open("kernel", spec->path, error);
    ok = k->file != NULL && parse(k, error);
    if (ok && spec->initrd != NULL) {
        k->initrd = boot_file_open("initrd", spec->initrd, error);
        ok = k->initrd != NULL;
    }
    if (!ok)
        g_clear_pointer(&k, kernel_free);
    else
        unpack(k, spec->cache_dir);
    return k;
}

void
kernel_free(Kernel *k)
{
    if (k == NULL)
        return;
    boot_file_free(k->file);
    boot_file_free(k->initrd);
    boot_file_free(k->unpacked);
    g_free(k->cmdline);
    g_free(k);
}

static const char *
elf_entry_name(const Kernel *k)
{
    return k->elf.has_pvh ? "PVH entry" : "64-bit entry";
}

char *
kernel_describe(const Kernel *k)
{
    if (k->kind == KERNEL_MULTIBOOT)
        return g_strdup("Multiboot kernel");
    if (k->kind == KERNEL_ELF)
        return g_strdup_printf("ELF kernel, %s", elf_entry_name(k));
    g_autofree char *name = linux_name(k->file, &k->linux_image);
    g_autofree char *how =
        k->unpacked != NULL
            ? g_strdup_printf("unpacked%s, %s",
                              k->hit ? " before, from the cache" : " now",
                              elf_entry_name(k))
        : k->not_unpacked != NULL
            ? g_strdup_printf("unpacks itself: %s", k->not_unpacked)
            : g_strdup("unpacks itself");
    return g_strdup_printf("bzImage%s%s, %s", name != NULL ? " " : "",
                           name != NULL ? name : "", how);
}

static bool
load_elf(const Kernel *k, const BootFile *file, const LinuxImage *image,
         const BootTarget *t, CpuEntry *e, GError **error)
{
    if (k->elf.has_pvh)
        return pvh_load(file, &k->elf, t, e, error);
    return elf_load(file, &k->elf, t, error) &&
           linux_enter(file, image, k->elf.entry, k->elf.end, t, e, error);
}

static bool
load_linux(const Kernel *k, const BootTarget *t, CpuEntry *e, GError **error)
{
    /* a bzImage can be moved to where a small machine has room */
    if (k->unpacked != NULL && k->elf.end <= boot_high_end(t))
        return load_elf(k, k->unpacked, &k->linux_image, t, e, error);
    return linux_load(k->file, &k->linux_image, t, e, error);
}

bool
kernel_load(Kernel *k, BootTarget *t, CpuEntry *e, GError **error)
{
    bool ok;

    *e = (CpuEntry){.long_mode = false};
    t->cmdline = k->cmdline;
    t->initrd = k->initrd;
    t->used = k->loaded;
    if (k->kind == KERNEL_BZIMAGE)
        ok = load_linux(k, t, e, error);
    else if (k->kind == KERNEL_MULTIBOOT)
        ok = multiboot_load(k->file, &k->multiboot, t, e, error);
    else
        ok = load_elf(k, k->file, NULL, t, e, error);
    k->loaded = true;
    return ok;
}
