/* passthrough-wizard/fix.c - see fix.h. One row a check at the bottom. */
#include "passthrough-wizard/fix.h"

#include <string.h>

#include "passthrough-wizard/access.h"

typedef struct {
    Plan *plan;
    HostHand *hand;
    const HostPci *host; /* may be NULL */
    const FixWants *wants;
} Fix;

static void
load(const Fix *f, const char *module)
{
    const Step probe = {.kind = (char *) "module", .target = (char *) module};
    g_autofree char *now = step_read(f->hand, &probe, NULL);

    plan_add(f->plan, "module", module, now != NULL ? now : "", "loaded");
}

static bool
add_kvm(const Fix *f, GError **error)
{
    const HostCpu *cpu = f->host != NULL ? &f->host->cpu : NULL;

    if (cpu == NULL || (!cpu->vmx && !cpu->svm)) {
        plan_note(f->plan, "KVM: the processor does not offer virtualization; "
                           "the firmware's setup may have it switched off");
        return true;
    }
    load(f, cpu->svm ? "kvm_amd" : "kvm_intel");
    return true;
}

static bool
add_tun(const Fix *f, GError **error)
{
    load(f, "tun");
    return true;
}

static bool
add_vhost(const Fix *f, GError **error)
{
    load(f, "vhost_net");
    return true;
}

static bool
add_vfio(const Fix *f, GError **error)
{
    unsigned n_bound = 0;

    if (f->host != NULL &&
        !access_add_vfio_bound(f->plan, f->hand, f->host, f->wants->user,
                               &n_bound, error))
        return false;
    return n_bound > 0 ||
           access_add_vfio(f->plan, f->hand, f->wants->user, error);
}

static bool
add_memory(const Fix *f, GError **error)
{
    return access_add_memory(f->plan, f->hand, f->wants->user, f->wants->memory,
                             error);
}

static bool
add_usb(const Fix *f, GError **error)
{
    return access_add_usb(f->plan, f->hand, f->wants->user, NULL, error);
}

typedef struct {
    const char *id;
    /* A part of the check's findings may be a person's: then its command is
     * one that sudo runs, and is not ours. */
    const char *unless;
    bool (*add)(const Fix *fix, GError **error);
} FixRow;

/* clang-format off */
static const FixRow rows[] = {
    { "kvm",         "usermod", add_kvm },
    { "network",     NULL,      add_tun },
    { "vhost-net",   "usermod", add_vhost },
    { "vfio-access", NULL,      add_vfio },
    { "memlock",     NULL,      add_memory },
    { "usb-access",  NULL,      add_usb },
};
/* clang-format on */

static const FixRow *
find_row(const char *id)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].id, id) == 0)
            return &rows[i];
    return NULL;
}

static bool
is_wanted(const Check *check)
{
    return check->state == CHECK_BAD || check->state == CHECK_HINT;
}

bool
fix_can(const Check *check)
{
    const FixRow *row = find_row(check->id);

    return row != NULL && is_wanted(check) && check->command != NULL &&
           (row->unless == NULL || strstr(check->command, row->unless) == NULL);
}

const char *
fix_who(const Check *check)
{
    if (!is_wanted(check) || fix_can(check))
        return NULL;
    return check->command != NULL && strstr(check->command, "sudo") != NULL
               ? "root"
               : "you";
}

Plan *
fix_plan(HostHand *hand, const HostPci *host, const char *const *ids,
         const FixWants *wants, GError **error)
{
    g_autoptr(Plan) plan = plan_new("mend what the doctor found");
    const Fix fix = {plan, hand, host, wants};

    if (wants->user <= 0) {
        g_autofree char *list = g_strjoinv(", ", (char **) ids);
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                    "root may do all of this (%s); add --user=NAME to say who "
                    "else is to",
                    list);
        return NULL;
    }
    access_reload_when_undone(plan, hand);
    for (gsize i = 0; ids[i] != NULL; i++) {
        const FixRow *row = find_row(ids[i]);
        if (row == NULL) {
            g_autofree char *known = fix_ids();
            g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                        "no plan mends '%s'; one mends %s", ids[i], known);
            return NULL;
        }
        if (!row->add(&fix, error))
            return NULL;
    }
    access_reload(plan, hand);
    plan_drop_idle(plan);
    return g_steal_pointer(&plan);
}

char *
fix_ids(void)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", rows[i].id);
    return g_string_free(text, FALSE);
}
