/* vmm/boot/uefi.c - see uefi.h. */
#include "vmm/boot/uefi.h"

#include <string.h>

#include "vmm/boot/descriptor.h"
#include "vmm/boot/firmware.h"

/* Code images, best first; variables are beside them. */
static const char *const known[] = {
    "/usr/share/OVMF/OVMF_CODE_4M.fd",       /* Debian, Ubuntu */
    "/usr/share/OVMF/OVMF_CODE.fd",          /* older ones, Fedora */
    "/usr/share/edk2/x64/OVMF_CODE.4m.fd",   /* Arch */
    "/usr/share/edk2-ovmf/x64/OVMF_CODE.fd", /* Arch, older */
    "/usr/share/edk2/ovmf/OVMF_CODE.fd",     /* Fedora */
    "/usr/share/qemu/ovmf-x86_64-4m-code.bin" /* openSUSE */,
};

void
uefi_files_clear(UefiFiles *files)
{
    g_clear_pointer(&files->code, g_free);
    g_clear_pointer(&files->vars, g_free);
}

static bool
is_file(const char *path)
{
    return g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

/* ".../OVMF_CODE_4M.fd" to ".../OVMF_VARS_4M.fd", if that is there. */
static char *
vars_beside(const char *code)
{
    static const char *const pairs[][2] = {{"CODE", "VARS"}, {"code", "vars"}};
    g_autofree char *dir = g_path_get_dirname(code);
    g_autofree char *base = g_path_get_basename(code);

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_auto(GStrv) parts = g_strsplit(base, pairs[i][0], 2);
        if (parts[0] == NULL || parts[1] == NULL)
            continue;
        g_autofree char *name = g_strjoinv(pairs[i][1], parts);
        g_autofree char *path = g_build_filename(dir, name, NULL);
        if (is_file(path))
            return g_steal_pointer(&path);
    }
    return NULL;
}

static bool
take(const char *code, UefiFiles *ret)
{
    if (!is_file(code))
        return false;
    ret->code = g_strdup(code);
    ret->vars = vars_beside(code);
    return true;
}

static bool
by_environment(UefiFiles *ret)
{
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        g_autofree char *base = g_path_get_basename(known[i]);
        g_autofree char *path = firmware_by_environment(base);
        if (path != NULL && take(path, ret))
            return true;
    }
    return false;
}

static bool
is_for_us(void *data, Descriptor *d)
{
    UefiFiles *ret = data;

    if (!d->uefi || !d->x86_64 || d->needs_smm || d->needs_format ||
        d->nvram == NULL || !g_path_is_absolute(d->image) ||
        !is_file(d->image) || !g_path_is_absolute(d->nvram) ||
        !is_file(d->nvram))
        return false;
    ret->code = g_steal_pointer(&d->image);
    ret->vars = g_steal_pointer(&d->nvram);
    return true;
}

bool
uefi_find(const char *name, UefiFiles *ret, GError **error)
{
    bool found = false;

    *ret = (UefiFiles){0};
    if (strcmp(name, "uefi") != 0) {
        g_autofree char *path = firmware_find(name);
        if (path != NULL && take(path, ret))
            return true;
        g_set_error(error, CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_MISSING,
                    "firmware '%s' is not there; check the path, or write "
                    "'uefi' for the distribution's",
                    name);
        return false;
    }
    found = by_environment(ret) || descriptor_find(is_for_us, ret);
    for (gsize i = 0; !found && i < G_N_ELEMENTS(known); i++)
        found = take(known[i], ret);
    if (!found)
        g_set_error(error, CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_MISSING,
                    "no UEFI for PCs was found; install it (Debian, Ubuntu: "
                    "ovmf; Fedora: edk2-ovmf; Arch: edk2-ovmf), or name its "
                    "folder in CARREL_FIRMWARE_PATH, or its code image as "
                    "machine.firmware");
    return found;
}
