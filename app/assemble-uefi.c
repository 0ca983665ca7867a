/* app/assemble-uefi.c - a machine's UEFI: the code is the distribution's, the
 * variables are the machine's own, in a file of its folder. */
#include <string.h>

#include <glib/gstdio.h>

#include "app/assemble-internal.h"
#include "devices/firmware/pflash.h"
#include "vmm/block/block.h"
#include "vmm/boot/firmware.h"
#include "vmm/boot/uefi.h"

#define PRIVATE_MODE 0600 /* variables may hold keys */

bool
machine_wants_uefi(const Profile *p)
{
    const char *name = profile_get_string(p, "machine.firmware");

    return strcmp(name, "uefi") == 0 || g_str_has_suffix(name, ".fd");
}

/* At the first start: whole, or not at all. */
static bool
make_vars(const char *path, GBytes *empty, GError **error)
{
    gsize len;
    const char *data = g_bytes_get_data(empty, &len);

    return g_file_test(path, G_FILE_TEST_EXISTS) ||
           g_file_set_contents_full(path, data, (gssize) len,
                                    G_FILE_SET_CONTENTS_CONSISTENT |
                                        G_FILE_SET_CONTENTS_DURABLE,
                                    PRIVATE_MODE, error);
}

static bool
read_vars(Machine *m, const char *path, gsize wanted, GError **error)
{
    GStatBuf st;
    char *data;
    gsize len;

    if (g_stat(path, &st) == 0 && (gsize) st.st_size != wanted) {
        g_set_error(error, CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_INVALID,
                    "'%s' has %" G_GINT64_FORMAT
                    " bytes, this firmware's variables take %" G_GSIZE_FORMAT
                    ": they are another firmware's; move the file away to "
                    "start with empty ones",
                    path, (gint64) st.st_size, wanted);
        return false;
    }
    if (!g_file_get_contents(path, &data, &len, error))
        return false;
    m->uefi_vars = g_bytes_new_take(data, len);
    return true;
}

static bool
open_vars(Machine *m, const char *path, GError **error)
{
    const BlockSpec spec = {
        .path = path, .format = "raw", .snapshot = m->snapshot};

    m->nvram = block_open(&spec, vm_loop(m->vm), error);
    return m->nvram != NULL;
}

static bool
load_vars(Machine *m, const Profile *p, const char *template, GError **error)
{
    g_autofree char *path = profile_get_path(p, "machine.uefi-vars");
    g_autoptr(GBytes) empty = firmware_load(template, error);

    if (empty == NULL)
        return machine_blame(error, "machine", "firmware");
    gsize len = g_bytes_get_size(empty);
    if (len % PFLASH_BLOCK != 0 || len > PFLASH_MAX_BYTES) {
        g_set_error(error, CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_INVALID,
                    "'%s' has %" G_GSIZE_FORMAT " bytes; variables are a "
                    "multiple of 4 KiB, up to 4 MiB",
                    template, len);
        return machine_blame(error, "machine", "firmware");
    }
    return (make_vars(path, empty, error) && read_vars(m, path, len, error) &&
            open_vars(m, path, error)) ||
           machine_blame(error, "machine", "uefi-vars");
}

static void
say_forgetful(Machine *m, const char *code)
{
    DeviceEnv *env = vm_env(m->vm);
    g_autofree char *line = g_strdup_printf(
        "firmware '%s' has no variables beside it (a file with VARS where it "
        "has CODE): boot entries and settings are lost at each power off",
        code);

    env->log(env, "machine", line);
}

/* What variables are made from. */
static const char *
choose_template(const UefiFiles *files, bool secure, GError **error)
{
    if (!secure)
        return files->vars;
    if (files->keys == NULL)
        g_set_error(error, CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_MISSING,
                    "no variables with Microsoft's keys are beside '%s' (a "
                    "file with VARS for CODE and .ms.fd at its end, as Debian "
                    "and Ubuntu have it); set secure-boot=false, or name such "
                    "a code image as machine.firmware",
                    files->code);
    return files->keys;
}

/* Variables that were made without keys stay without them. */
static bool
check_keys(const Machine *m, const Profile *p, GError **error)
{
    g_autofree char *path = profile_get_path(p, "machine.uefi-vars");

    if (uefi_vars_have_key(m->uefi_vars))
        return true;
    g_set_error(error, CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_INVALID,
                "'%s' holds no platform key, so that Secure Boot is off: move "
                "the file away to start with Microsoft's keys, or set "
                "secure-boot=false",
                path);
    return false;
}

static bool
load_nvram(Machine *m, const Profile *p, const UefiFiles *files, GError **error)
{
    bool secure = profile_get_bool(p, "machine.secure-boot");
    const char *template = choose_template(files, secure, error);

    if (template == NULL)
        return !secure || machine_blame(error, "machine", "secure-boot");
    return load_vars(m, p, template, error) &&
           (!secure || check_keys(m, p, error) ||
            machine_blame(error, "machine", "secure-boot"));
}

bool
machine_load_uefi(Machine *m, const Profile *p, GError **error)
{
    g_autofree char *name = profile_get_path(p, "machine.firmware");
    UefiFiles files;

    if (!uefi_find(name, &files, error))
        return machine_blame(error, "machine", "firmware");
    m->bios = firmware_load(files.code, error);
    bool ok = m->bios != NULL || machine_blame(error, "machine", "firmware");
    if (ok && files.vars == NULL)
        say_forgetful(m, files.code);
    ok = ok && load_nvram(m, p, &files, error);
    uefi_files_clear(&files);
    return ok;
}

void
machine_close_uefi(Machine *m)
{
    g_clear_pointer(&m->uefi_vars, g_bytes_unref);
    block_close(m->nvram);
    m->nvram = NULL;
}
