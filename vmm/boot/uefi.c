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
    g_clear_pointer(&files->keys, g_free);
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

/* ".../OVMF_VARS_4M.fd" to ".../OVMF_VARS_4M.ms.fd", as Debian and Ubuntu call
 * those with Microsoft's keys, if that is there. */
static char *
keys_beside(const char *vars)
{
    if (vars == NULL || !g_str_has_suffix(vars, ".fd"))
        return NULL;
    g_autofree char *path =
        g_strdup_printf("%.*s.ms.fd", (int) strlen(vars) - 3, vars);
    return is_file(path) ? g_steal_pointer(&path) : NULL;
}

static bool
take(const char *code, UefiFiles *ret)
{
    if (!is_file(code))
        return false;
    ret->code = g_strdup(code);
    ret->vars = vars_beside(code);
    ret->keys = keys_beside(ret->vars);
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
    ret->keys = keys_beside(ret->vars);
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

/* A variable's header, as MdeModulePkg's VariableFormat.h has it where variables
 * are authenticated; what is deleted keeps its bytes and loses state bits. */
#define VAR_START     0x55aau
#define VAR_STATE     2u
#define VAR_ADDED     0x3fu
#define VAR_DATA_SIZE 40u
#define VAR_GUID      44u

/* EFI_GLOBAL_VARIABLE's GUID as bytes, then "PK" in UTF-16. */
static const guint8 platform_key[] = {
    0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00,
    0xe0, 0x98, 0x03, 0x2b, 0x8c, 'P',  0,    'K',  0,    0,    0};

static bool
is_valid_variable(const guint8 *header)
{
    guint16 start;
    guint32 size;

    memcpy(&start, header, sizeof start);
    memcpy(&size, header + VAR_DATA_SIZE, sizeof size);
    return GUINT16_FROM_LE(start) == VAR_START &&
           header[VAR_STATE] == VAR_ADDED && size != 0;
}

bool
uefi_vars_have_key(GBytes *vars)
{
    gsize len;
    const guint8 *data = g_bytes_get_data(vars, &len);

    for (gsize at = VAR_GUID; at + sizeof platform_key <= len; at++)
        if (data[at] == platform_key[0] &&
            memcmp(data + at, platform_key, sizeof platform_key) == 0 &&
            is_valid_variable(data + at - VAR_GUID))
            return true;
    return false;
}
