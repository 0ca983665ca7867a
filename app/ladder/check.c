/* app/ladder/check.c - see check.h. */
#include "app/ladder/check.h"

#include <stdarg.h>
#include <string.h>

#include "app/ladder/proof.h"
#include "app/ladder/rungs.h"

#define MAX_BACKINGS 2 /* keys that a disk has */

/* The images under a disk's, as the profile names them. */
static unsigned
read_backings(const Profile *p, const char *section, char *paths[],
              BlockBacking backings[])
{
    static const char *const keys[MAX_BACKINGS] = {"backing", "backing2"};
    unsigned n = 0;

    for (; n < MAX_BACKINGS; n++) {
        g_autofree char *key = g_strdup_printf("%s.%s", section, keys[n]);
        g_autofree char *format = g_strconcat(key, "-format", NULL);
        paths[n] = profile_get_path(p, key);
        if (paths[n] == NULL)
            break;
        backings[n] = (BlockBacking){paths[n], profile_get_string(p, format)};
    }
    return n;
}

GuestLook *
ladder_look(const Profile *profile, char **ret_why)
{
    g_autofree char *section = proof_boot_section(profile);
    g_autofree char *path = proof_boot_disk(profile);
    g_autofree char *format = g_strdup_printf("%s.format", section);
    char *paths[MAX_BACKINGS] = {NULL};
    BlockBacking backings[MAX_BACKINGS];
    g_autoptr(GError) error = NULL;

    *ret_why = NULL;
    if (section == NULL || *path == '\0') {
        *ret_why = g_strdup("the machine has no disk to look into");
        return NULL;
    }
    BlockSpec spec = {.path = path,
                      .format = profile_get_string(profile, format),
                      .read_only = true,
                      .backings = backings};
    spec.n_backings = read_backings(profile, section, paths, backings);
    GuestLook *look = guest_look(&spec, &error);
    if (look == NULL)
        *ret_why = g_strdup_printf("%s was not looked into: %s", section,
                                   error->message);
    for (unsigned i = 0; i < MAX_BACKINGS; i++)
        g_free(paths[i]);
    return look;
}

static void G_GNUC_PRINTF(2, 3) add(LadderCheck *check, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_ptr_array_add(check->reasons, g_strdup_vprintf(fmt, args));
    va_end(args);
}

static LadderCheck *
check_new(void)
{
    LadderCheck *check = g_new0(LadderCheck, 1);

    check->result = CHECK_UNKNOWN;
    check->reasons = g_ptr_array_new_with_free_func(g_free);
    return check;
}

void
ladder_check_free(LadderCheck *check)
{
    if (check == NULL)
        return;
    g_ptr_array_unref(check->reasons);
    g_free(check);
}

const char *
check_result_name(CheckResult result)
{
    static const char *const names[] = {"good", "unknown", "bad", "no-trial"};

    return names[result];
}

static void
add_proof(LadderCheck *check, const Proof *proof)
{
    g_autoptr(GDateTime) then = g_date_time_new_from_unix_local(proof->last);
    g_autofree char *date =
        then != NULL ? g_date_time_format(then, "%F") : g_strdup("once");

    add(check, "its guest drove a %s device on %s", proof->model, date);
}

static void
add_look(LadderCheck *check, const char *model, const GuestLook *look)
{
    static const CheckResult results[] = {
        [GUEST_DRIVER_UNKNOWN] = CHECK_UNKNOWN,
        [GUEST_DRIVER_YES] = CHECK_GOOD,
        [GUEST_DRIVER_NO] = CHECK_BAD,
    };
    g_autofree char *why = NULL;
    GuestDriver driver = guest_look_driver(look, model, &why);

    check->result = results[driver];
    add(check, "%s", why);
}

LadderCheck *
ladder_check_model(const char *name, const Profile *profile, const char *model,
                   const GuestLook *look, const char *why)
{
    LadderCheck *check = check_new();
    g_autofree char *disk = proof_boot_disk(profile);
    Proof *proof = proof_find(name, model, disk);

    if (look != NULL)
        add_look(check, model, look);
    else
        add(check, "%s", why);
    /* what was seen at work outweighs what a file says, but that a system
     * could use a second disk does not tell that it starts from one */
    if (proof != NULL) {
        add_proof(check, proof);
        if (check->result == CHECK_UNKNOWN)
            check->result = CHECK_GOOD;
    }
    proof_free(proof);
    return check;
}

LadderCheck *
ladder_check(const char *name, const Profile *profile, const char *key,
             const char *to, const GuestLook *look, const char *why)
{
    const RungKey *row = rung_find(key);
    g_autofree char *model = rung_model(key, to);

    if (model == NULL) {
        LadderCheck *check = check_new();
        check->result = CHECK_NO_TRIAL;
        if (rung_of(to) == RUNG_EMULATED)
            add(check, "systems for a PC bring a driver for %s", to);
        else
            add(check, "the device is taken out");
        return check;
    }
    LadderCheck *check = ladder_check_model(name, profile, model, look, why);
    if (look != NULL && look->kind != GUEST_BLANK &&
        look->kind != GUEST_UNKNOWN)
        g_ptr_array_insert(
            check->reasons, 0,
            g_strdup_printf("its disk has %s%s%s", guest_kind_name(look->kind),
                            *look->name != '\0' ? ": " : "", look->name));
    if (!row->replaces) {
        check->result = CHECK_NO_TRIAL;
        add(check, "it comes beside what there is; a guest without a driver "
                   "does not see it");
    } else if (look != NULL && look->kind == GUEST_BLANK) {
        check->result = CHECK_NO_TRIAL;
        add(check, "so there is no system to try it with; what installs one "
                   "needs the driver");
    }
    return check;
}
