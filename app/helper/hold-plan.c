/* app/helper/hold-plan.c - see hold-plan.h. */
#include "app/helper/hold-plan.h"

#include <string.h>

#include "passthrough-wizard/huge-pages.h"
#include "passthrough-wizard/rebar.h"
#include "passthrough-wizard/sriov.h"
#include "profiles/schema.h"

static bool
add_rebar(Plan *plan, HostHand *hand, const char *text, GError **error)
{
    g_auto(GStrv) words = g_strsplit(text, "=", 2);
    guint64 bytes = 0;

    if (g_strv_length(words) == 2 &&
        (strcmp(words[1], "max") == 0 || schema_parse_size(words[1], &bytes)))
        return rebar_plan(plan, hand, words[0], bytes, error);
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                "hold: --rebar is such as 0000:01:00.0=8G, not '%.40s'", text);
    return false;
}

/* By address: who holds which is told by the name. The addresses of network
 * cards are set when the functions are bound, and taken back before a driver of
 * the host has them again. */
static Plan *
devices_plan(HostHand *hand, const HostPci *host, const HoldWish *wish,
             GError **error)
{
    g_autoptr(Plan) plan = vfio_bind_plan(
        hand, host, (const char *const *) wish->devices, &wish->bind, error);
    g_autoptr(GString) title = g_string_new("bind");

    if (plan == NULL)
        return NULL;
    for (gsize i = 0; wish->devices[i] != NULL; i++)
        g_string_append_printf(title, " %s",
                               host_pci_find(host, wish->devices[i])->bdf);
    for (gsize i = 0; wish->macs != NULL && wish->macs[i] != NULL; i++)
        if (!sriov_add_mac(plan, hand, host, wish->macs[i], error))
            return NULL;
    for (gsize i = 0; wish->rebars != NULL && wish->rebars[i] != NULL; i++)
        if (!add_rebar(plan, hand, wish->rebars[i], error))
            return NULL;
    g_free(plan->title);
    plan->title = g_string_free(g_steal_pointer(&title), FALSE);
    return g_steal_pointer(&plan);
}

char *
hold_plan_owner(gint64 user, const char *machine)
{
    return g_strdup_printf("%" G_GINT64_FORMAT "/%s", user, machine);
}

/* Pages have no address: what holds them is told by the machine's name. */
static void
name_pages(Plan *plan, const HoldWish *wish)
{
    if (wish->machine == NULL)
        return;
    g_autofree char *owner = hold_plan_owner(wish->bind.user, wish->machine);
    char *title =
        wish->devices[0] != NULL
            ? g_strdup_printf("%s and huge pages for %s", plan->title, owner)
            : g_strdup_printf("huge pages for %s", owner);

    g_free(plan->title);
    plan->title = title;
}

Plan *
hold_plan_make(HostHand *hand, const HostPci *host, const HoldWish *wish,
               GError **error)
{
    g_autoptr(Plan) plan = wish->devices[0] != NULL
                               ? devices_plan(hand, host, wish, error)
                               : plan_new("huge pages for a machine");
    char size[16];
    guint64 need;

    if (plan == NULL || wish->pages == NULL)
        return g_steal_pointer(&plan);
    if (!huge_pages_parse(wish->pages, size, &need)) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                    "hold: --pages is such as 2048kB:512, not '%.40s'",
                    wish->pages);
        return NULL;
    }
    name_pages(plan, wish);
    return huge_pages_plan(plan, hand, size, need, error)
               ? g_steal_pointer(&plan)
               : NULL;
}
