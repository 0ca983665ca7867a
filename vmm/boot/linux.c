/* vmm/boot/linux.c - see linux.h.
 *
 * The Linux/x86 boot protocol (the kernel's Documentation/arch/x86/boot.rst),
 * versions 2.02 and up. Left out: zImage, the 16-bit entry, EFI handover. */
#include "vmm/boot/linux.h"

#include <string.h>

/* Offsets in the file's first sector, and in the zero page alike. */
enum {
    HDR_SETUP_SECTS = 0x1f1,
    HDR_SYSSIZE = 0x1f4,
    HDR_BOOT_FLAG = 0x1fe,
    HDR_JUMP_LEN = 0x201,
    HDR_MAGIC = 0x202,
    HDR_VERSION = 0x206,
    HDR_NAME = 0x20e,
    HDR_LOADER = 0x210,
    HDR_LOADFLAGS = 0x211,
    HDR_CODE32 = 0x214,
    HDR_INITRD = 0x218,
    HDR_INITRD_LEN = 0x21c,
    HDR_CMDLINE = 0x228,
    HDR_INITRD_MAX = 0x22c,
    HDR_ALIGNMENT = 0x230,
    HDR_RELOCATABLE = 0x234,
    HDR_XLOADFLAGS = 0x236,
    HDR_CMDLINE_MAX = 0x238,
    HDR_PAYLOAD = 0x248,
    HDR_PAYLOAD_LEN = 0x24c,
    HDR_SETUP_DATA = 0x250,
    HDR_PREFERRED = 0x258,
    HDR_INIT_SIZE = 0x260,
    ZERO_RSDP = 0x070,
    ZERO_E820_COUNT = 0x1e8,
    ZERO_E820 = 0x2d0,
};

#define SECTOR            512u
#define MIN_VERSION       0x202
#define LOADED_HIGH       0x01 /* loadflags */
#define XLF_64            0x01 /* xloadflags */
#define ENTRY_64          0x200u
#define LOADER_UNKNOWN    0xff
#define E820_SIZE         20u
#define OLD_INITRD_MAX    0x37ffffffu
#define OLD_CMDLINE_MAX   255u
#define PAGE              4096u
#define MIB               (G_GUINT64_CONSTANT(1) << 20)
#define MAX_SETUP_SECTORS 64u

static guint16
get16(const guint8 *p)
{
    return (guint16) (p[0] | p[1] << 8);
}

static guint32
get32(const guint8 *p)
{
    return get16(p) | (guint32) get16(p + 2) << 16;
}

static guint64
get64(const guint8 *p)
{
    return get32(p) | (guint64) get32(p + 4) << 32;
}

static void
put32(guint8 *p, guint32 value)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (guint8) (value >> (8 * i));
}

static void
put64(guint8 *p, guint64 value)
{
    put32(p, (guint32) value);
    put32(p + 4, (guint32) (value >> 32));
}

bool
linux_is_image(const guint8 *head, gsize len)
{
    return len >= HDR_VERSION && get16(head + HDR_BOOT_FLAG) == 0xaa55 &&
           memcmp(head + HDR_MAGIC, "HdrS", 4) == 0;
}

/* What later versions of the header added. */
static void
parse_newer(const guint8 *head, LinuxImage *image)
{
    image->initrd_max = OLD_INITRD_MAX;
    image->cmdline_max = OLD_CMDLINE_MAX;
    if (image->version >= 0x203)
        image->initrd_max = get32(head + HDR_INITRD_MAX);
    if (image->version >= 0x205) {
        image->alignment = get32(head + HDR_ALIGNMENT);
        image->relocatable = head[HDR_RELOCATABLE] != 0;
    }
    if (image->version >= 0x206)
        image->cmdline_max = get32(head + HDR_CMDLINE_MAX);
    if (image->version >= 0x208) {
        image->payload_offset = get32(head + HDR_PAYLOAD);
        image->payload_len = get32(head + HDR_PAYLOAD_LEN);
    }
    if (image->version >= 0x20a) {
        image->preferred = get64(head + HDR_PREFERRED);
        image->init_size = get32(head + HDR_INIT_SIZE);
    }
    if (image->version >= 0x20c)
        image->has_64bit_entry = (get16(head + HDR_XLOADFLAGS) & XLF_64) != 0;
}

static bool
check_sizes(const BootFile *file, const guint8 *head, LinuxImage *image,
            GError **error)
{
    guint8 sects = head[HDR_SETUP_SECTS];
    guint64 said = (guint64) get32(head + HDR_SYSSIZE) * 16;

    if (sects > MAX_SETUP_SECTORS)
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "setup_sects is %u, at most %u are possible",
                              sects, MAX_SETUP_SECTORS);
    image->setup_len = ((sects != 0 ? sects : 4u) + 1) * SECTOR;
    if (file->len <= image->setup_len)
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "ends inside its set-up code (setup_sects)");
    image->kernel_len = file->len - image->setup_len;
    /* the sum after the code may be cut off by signing tools: 16 bytes */
    if (image->version >= 0x204 && said > image->kernel_len + 15)
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "the file is cut: syssize says %" G_GUINT64_FORMAT
                              " bytes of code, it has %" G_GUINT64_FORMAT,
                              said, image->kernel_len);
    return true;
}

static bool
check_fields(const BootFile *file, LinuxImage *image, GError **error)
{
    guint32 align = image->alignment;

    if (align != 0 &&
        (align < PAGE || (align & (align - 1)) != 0 || align > 1u << 30))
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "kernel_alignment is 0x%x: not a power of two "
                              "from 4 KiB to 1 GiB",
                              align);
    if (image->preferred > G_MAXUINT32 || image->preferred % PAGE != 0)
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "pref_address is 0x%" G_GINT64_MODIFIER
                              "x: not a page below 4 GiB",
                              image->preferred);
    if (image->payload_offset > image->kernel_len ||
        image->payload_len > image->kernel_len - image->payload_offset)
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "payload_offset and payload_length lead past "
                              "the end of the file");
    if (image->kernel_len > G_MAXUINT32)
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "larger than 4 GiB");
    return true;
}

bool
linux_parse(const BootFile *file, LinuxImage *image, GError **error)
{
    guint8 head[LINUX_HEAD] = {0};
    gssize n = boot_file_peek(file, 0, head, sizeof head, error);

    *image = (LinuxImage){0};
    if (n < 0)
        return false;
    if (!linux_is_image(head, (gsize) n) || n < (gssize) LINUX_HDR_END)
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "has no Linux set-up header");
    image->version = get16(head + HDR_VERSION);
    if (image->version < MIN_VERSION ||
        (head[HDR_LOADFLAGS] & LOADED_HIGH) == 0)
        return boot_file_fail(file, CARREL_BOOT_ERROR_UNSUPPORTED, error,
                              "is a zImage or of boot protocol %u.%02u; "
                              "bzImages of 2.02 and newer can be started",
                              image->version >> 8, image->version & 0xffu);
    parse_newer(head, image);
    if (!check_sizes(file, head, image, error) ||
        !check_fields(file, image, error))
        return false;
    /* the jump at 0x200 leads over the header: its target is the end */
    gsize end = HDR_MAGIC + (gsize) head[HDR_JUMP_LEN];
    image->header_len = MIN(end, LINUX_HDR_END) - LINUX_HDR;
    memcpy(image->header, head + LINUX_HDR, image->header_len);
    if (get16(head + HDR_NAME) != 0)
        image->name_offset = get16(head + HDR_NAME) + SECTOR;
    return true;
}

char *
linux_name(const BootFile *file, const LinuxImage *image)
{
    char text[LINUX_NAME_MAX + 1] = "";

    if (image->name_offset == 0 ||
        boot_file_peek(file, image->name_offset, text, LINUX_NAME_MAX, NULL) <=
            0)
        return NULL;
    for (char *c = text; *c != '\0'; c++)
        if (!g_ascii_isprint(*c))
            *c = '?';
    return *text != '\0' ? g_strdup(text) : NULL;
}

/* ---- the zero page ---- */

static void
put_e820(guint8 *zero, const BootTarget *t)
{
    zero[ZERO_E820_COUNT] = (guint8) t->n_map;
    for (unsigned i = 0; i < t->n_map; i++) {
        guint8 *row = zero + ZERO_E820 + i * E820_SIZE;
        put64(row, t->map[i].addr);
        put64(row + 8, t->map[i].len);
        put32(row + 16, t->map[i].type);
    }
}

/* A header as a loader would find it in a bzImage, for a kernel that comes
 * without one. */
static void
synthetic_header(guint8 *zero)
{
    memcpy(zero + HDR_MAGIC, "HdrS", 4);
    zero[HDR_BOOT_FLAG] = 0x55;
    zero[HDR_BOOT_FLAG + 1] = 0xaa;
    zero[HDR_VERSION] = 0x0f;
    zero[HDR_VERSION + 1] = 2;
    zero[HDR_LOADFLAGS] = LOADED_HIGH;
    put32(zero + HDR_ALIGNMENT, 2 * MIB);
    put32(zero + HDR_CMDLINE_MAX, 2047);
}

static bool
fill_zero_page(const BootFile *file, const LinuxImage *image, Gpa end,
               const BootTarget *t, GError **error)
{
    guint8 *zero = boot_low(t, BOOT_ZERO_PAGE, PAGE);
    gsize cmdline_max = image != NULL ? image->cmdline_max : 2047;
    Gpa limit = image != NULL ? (Gpa) image->initrd_max + 1 : 0;
    Gpa initrd;
    guint64 initrd_len;

    if (!boot_place_initrd(t, end, limit, &initrd, &initrd_len, error) ||
        !boot_place_cmdline(t, file, cmdline_max, error))
        return false;
    memset(zero, 0, PAGE);
    if (image != NULL)
        memcpy(zero + LINUX_HDR, image->header, image->header_len);
    else
        synthetic_header(zero);
    zero[HDR_LOADER] = LOADER_UNKNOWN;
    put32(zero + HDR_CMDLINE, BOOT_CMDLINE);
    put32(zero + HDR_INITRD, (guint32) initrd);
    put32(zero + HDR_INITRD_LEN, (guint32) initrd_len);
    put64(zero + HDR_SETUP_DATA, 0);
    put64(zero + ZERO_RSDP, t->rsdp);
    put_e820(zero, t);
    return true;
}

bool
linux_enter(const BootFile *file, const LinuxImage *image, Gpa rip, Gpa end,
            const BootTarget *t, CpuEntry *e, GError **error)
{
    if (!fill_zero_page(file, image, end, t, error))
        return false;
    boot_enter_long(t, e);
    e->rip = rip;
    e->rsi = BOOT_ZERO_PAGE;
    return true;
}

/* ---- bzImage ---- */

/* The preferred address, or the lowest where a relocatable kernel may be. */
static bool
choose_address(const BootFile *file, const LinuxImage *image,
               const BootTarget *t, Gpa *ret_gpa, guint64 *ret_len,
               GError **error)
{
    Gpa end = boot_high_end(t), at = BOOT_HIGH;
    guint64 len = MAX(image->kernel_len, image->init_size);

    if (image->preferred != 0) {
        at = image->preferred;
        if (image->relocatable && (at > end || len > end - at))
            at = MAX(BOOT_HIGH, image->alignment);
    }
    if (at < BOOT_HIGH || at > end || len > end - at)
        return boot_file_fail(
            file, CARREL_BOOT_ERROR_ROOM, error,
            "needs %" G_GUINT64_FORMAT
            " MiB of RAM to start, the guest has %" G_GUINT64_FORMAT
            "; raise machine.memory",
            (at + len + MIB - 1) / MIB, end / MIB);
    *ret_gpa = at;
    *ret_len = len;
    return true;
}

bool
linux_load(const BootFile *file, const LinuxImage *image, const BootTarget *t,
           CpuEntry *e, GError **error)
{
    Gpa at;
    guint64 len;

    if (!choose_address(file, image, t, &at, &len, error) ||
        !boot_place(t, file, image->setup_len, at, image->kernel_len,
                    image->kernel_len, error))
        return false;
    if (image->has_64bit_entry) {
        if (!linux_enter(file, image, at + ENTRY_64, at + len, t, e, error))
            return false;
    } else {
        if (!fill_zero_page(file, image, at + len, t, error))
            return false;
        boot_enter_protected(t, e);
        e->rip = at;
        e->rsi = BOOT_ZERO_PAGE;
    }
    put32((guint8 *) boot_low(t, BOOT_ZERO_PAGE, PAGE) + HDR_CODE32,
          (guint32) at);
    return true;
}
