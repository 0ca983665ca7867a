/* vmm/boot/firmware.c - see firmware.h. */
#include "vmm/boot/firmware.h"

#include <string.h>

#include <glib/gstdio.h>

#include "vmm/boot/descriptor.h"

#define MAX_IMAGE (16 << 20) /* the space below 4 GiB that a ROM can use */
#define MIN_IMAGE 512        /* an option ROM is at least one block */

static const char *const image_dirs[] = {
    "/usr/share/seabios",       "/usr/share/vgabios",
    "/usr/share/seavgabios",    "/usr/share/qemu",
    "/usr/share/qemu-firmware", "/usr/local/share/seabios",
    "/usr/local/share/qemu",    "/usr/lib/ipxe/qemu",
    "/usr/share/ipxe/qemu",     NULL,
};

G_DEFINE_QUARK(carrel - firmware - error - quark, carrel_firmware_error)

static char *
in_directory(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return NULL;
    return g_steal_pointer(&path);
}

char *
firmware_by_environment(const char *name)
{
    const char *list = g_getenv("CARREL_FIRMWARE_PATH");

    if (list == NULL || *list == '\0')
        return NULL;
    g_auto(GStrv) dirs = g_strsplit(list, ":", -1);
    for (unsigned i = 0; dirs[i] != NULL; i++) {
        char *path = *dirs[i] != '\0' ? in_directory(dirs[i], name) : NULL;
        if (path != NULL)
            return path;
    }
    return NULL;
}

/* Bytes of a regular file, or -1; asked before reading, so that a disk image
 * given by mistake is not read into memory. */
static gint64
file_size(const char *path)
{
    GStatBuf st;

    return g_stat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : -1;
}

typedef struct {
    const char *name;
    char *path; /* NULL: not found yet */
} Wanted;

static bool
has_name(void *data, Descriptor *d)
{
    Wanted *wanted = data;
    g_autofree char *base = g_path_get_basename(d->image);

    if (!g_path_is_absolute(d->image) || strcmp(base, wanted->name) != 0 ||
        !g_file_test(d->image, G_FILE_TEST_IS_REGULAR))
        return false;
    wanted->path = g_steal_pointer(&d->image);
    return true;
}

char *
firmware_find(const char *name)
{
    char *path;

    if (strchr(name, '/') != NULL)
        return g_file_test(name, G_FILE_TEST_IS_REGULAR) ? g_strdup(name)
                                                         : NULL;
    path = firmware_by_environment(name);
    for (unsigned i = 0; path == NULL && image_dirs[i] != NULL; i++)
        path = in_directory(image_dirs[i], name);
    Wanted wanted = {.name = name, .path = path};
    if (path == NULL)
        (void) descriptor_find(has_name, &wanted);
    return wanted.path;
}

static void
set_missing(const char *name, GError **error)
{
    g_autofree char *dirs = g_strjoinv(", ", (char **) image_dirs);

    if (strchr(name, '/') != NULL)
        g_set_error(error, CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_MISSING,
                    "firmware '%s' is not there; check the path, or remove "
                    "the setting to use the distribution's",
                    name);
    else
        g_set_error(error, CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_MISSING,
                    "firmware '%s' was not found; install it (Debian, Ubuntu: "
                    "seabios; Fedora: seabios-bin seavgabios-bin; Arch: "
                    "seabios) or name its directory in CARREL_FIRMWARE_PATH; "
                    "searched: %s",
                    name, dirs);
}

static void
set_invalid(const char *path, gint64 len, GError **error)
{
    g_set_error(error, CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_INVALID,
                "firmware '%s' has %" G_GINT64_FORMAT " bytes, a ROM image "
                "has 512 bytes to 16 MiB; reinstall the package or choose "
                "another file",
                path, len);
}

GBytes *
firmware_load(const char *name, GError **error)
{
    g_autofree char *path = firmware_find(name);
    g_autofree char *data = NULL;
    gsize len = 0;

    if (path == NULL) {
        set_missing(name, error);
        return NULL;
    }
    if (file_size(path) > MAX_IMAGE) {
        set_invalid(path, file_size(path), error);
        return NULL;
    }
    if (!g_file_get_contents(path, &data, &len, error)) {
        g_prefix_error(error, "firmware '%s': ", path);
        return NULL;
    }
    if (len < MIN_IMAGE || len > MAX_IMAGE) {
        set_invalid(path, (gint64) len, error);
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&data), len);
}
