/* tests/contract/test-golden.c - state files that earlier versions wrote are
 * restored for ever: CLASS-vVERSION.bin in the folder given as argument, the
 * reset state of each class that has one. Prints TAP.
 *
 * A field that gets another name, type or size fails here. The cure is a new
 * version of the description that still reads the old one, never a new file
 * in place of an old: with CARREL_UPDATE_GOLDEN=1 only files that are missing
 * are written. */
#include <stdio.h>
#include <string.h>

#include "devices/registry.h"
#include "tests/contract/fixtures.h"

static unsigned n_cases, n_failed;

/* Takes wrong; NULL: it went well. */
static void
report(const char *what, const char *name, char *wrong)
{
    n_failed += wrong != NULL;
    printf("%s %u - %s.%s\n", wrong ? "not ok" : "ok", ++n_cases, name, what);
    if (wrong != NULL)
        printf("# %s\n", wrong);
    g_free(wrong);
}

/* --- what must be there --------------------------------------------------- */

static char *
write_golden(const DeviceClass *klass, const char *path)
{
    g_autoptr(GError) error = NULL;
    Rig *rig = rig_new(klass);

    rig_realize(rig);
    g_autoptr(GBytes) saved = rig_save(rig);
    rig_free(rig);
    if (!g_file_set_contents(path, g_bytes_get_data(saved, NULL),
                             (gssize) g_bytes_get_size(saved), &error))
        return g_strdup(error->message);
    printf("# wrote %s\n", path);
    return NULL;
}

static char *
check_present(const DeviceClass *klass, const char *folder)
{
    g_autofree char *name =
        g_strdup_printf("%s-v%u.bin", klass->name, klass->state->version);
    g_autofree char *path = g_build_filename(folder, name, NULL);

    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return NULL;
    if (g_strcmp0(g_getenv("CARREL_UPDATE_GOLDEN"), "1") == 0)
        return write_golden(klass, path);
    return g_strdup_printf("no %s: create it with CARREL_UPDATE_GOLDEN=1",
                           name);
}

/* --- what must be understood ---------------------------------------------- */

/* "i8042-v1.bin" -> the class and 1. */
static const DeviceClass *
parse_name(const char *name, unsigned *ret_version)
{
    const char *dash = g_strrstr(name, "-v");
    char end = '\0';

    if (dash == NULL || sscanf(dash, "-v%3u.bi%c", ret_version, &end) != 2 ||
        end != 'n')
        return NULL;
    g_autofree char *class_name = g_strndup(name, (gsize) (dash - name));
    return device_class_find(class_name);
}

static char *
compare(GBytes *golden, GBytes *again)
{
    if (g_bytes_equal(golden, again))
        return NULL;
    return g_strdup_printf("restored, then saved as %" G_GSIZE_FORMAT
                           " other bytes than the file's %" G_GSIZE_FORMAT
                           ": the format changed, so it needs a new version",
                           g_bytes_get_size(again), g_bytes_get_size(golden));
}

/* In a device that was used, so that restoring has something to do. */
static char *
restore_golden(const DeviceClass *klass, unsigned version, GBytes *golden)
{
    g_autoptr(GError) error = NULL;
    Rig *rig = rig_new(klass);
    char *wrong = NULL;

    rig_realize(rig);
    rig_poke(rig);
    device_quiesce(rig->dev);
    if (!rig_wait_quiet(rig))
        wrong = g_strdup("is not quiet 10 s after quiesce");
    else if (!device_restore(rig->dev, golden, &error))
        wrong = g_strdup(error->message);
    g_autoptr(GBytes) again = rig_save(rig);
    if (wrong == NULL && version == klass->state->version)
        wrong = compare(golden, again);
    rig_free(rig);
    return wrong;
}

static char *
check_file(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GError) error = NULL;
    unsigned version = 0;
    char *data;
    gsize len;
    const DeviceClass *klass = parse_name(name, &version);

    if (klass == NULL || klass->state == NULL)
        return g_strdup("belongs to no class that has state: nobody who saved "
                        "such a device could restore it");
    if (!g_file_get_contents(path, &data, &len, &error))
        return g_strdup(error->message);
    g_autoptr(GBytes) golden = g_bytes_new_take(data, len);
    return restore_golden(klass, version, golden);
}

static void
check_folder(const char *folder)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
    const char *name;

    if (dir == NULL) {
        report("opens", folder, g_strdup(error->message));
        return;
    }
    while ((name = g_dir_read_name(dir)) != NULL)
        report("is_restored", name, check_file(folder, name));
}

int
main(int argc, char **argv)
{
    unsigned n;
    const DeviceClass *const *classes = device_registry(&n);

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 2) {
        printf("Bail out! usage: test-golden FOLDER\n");
        return 1;
    }
    for (unsigned i = 0; i < n; i++)
        if (classes[i]->state != NULL)
            report("has_a_state_file_of_its_version", classes[i]->name,
                   check_present(classes[i], argv[1]));
    check_folder(argv[1]);
    printf("1..%u\n", n_cases);
    return n_failed > 0;
}
