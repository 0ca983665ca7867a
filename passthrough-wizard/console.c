/* passthrough-wizard/console.c - see console.h. */
#include "passthrough-wizard/console.h"

#include <string.h>

#include "passthrough-wizard/steps.h"

/* "gdm.service": what the link is that all distributions have. */
static char *
display_manager(const HostHand *hand)
{
    return host_root_link_name(hand->root,
                               "/etc/systemd/system/display-manager.service");
}

/* "active" or "inactive", of a unit that is no step's target too. */
static bool
is_active(const HostHand *hand, char *unit)
{
    const Step probe = {.kind = (char *) "display-manager", .target = unit};
    g_autofree char *now = step_read_unit((HostHand *) hand, &probe, NULL);

    return strcmp(now, "active") == 0;
}

bool
console_ends_desktop(const HostHand *hand)
{
    g_autofree char *unit = display_manager(hand);

    return unit != NULL && step_is_display_manager(unit) &&
           is_active(hand, unit);
}

char *
console_unknown_manager(const HostHand *hand)
{
    g_autofree char *unit = display_manager(hand);

    return unit != NULL && !step_is_display_manager(unit) &&
                   is_active(hand, unit)
               ? g_steal_pointer(&unit)
               : NULL;
}

static void
add_display_manager(Plan *plan, const HostHand *hand)
{
    g_autofree char *unit = display_manager(hand);

    if (unit != NULL && console_ends_desktop(hand))
        plan_add(plan, "display-manager", unit, "active", "inactive");
    if (console_is_handed_over(plan))
        plan_note(plan, "without `loginctl enable-linger`, or another login, "
                        "the machine ends too");
}

/* "(M)" ones can let go; "(S)", the dummy and VGA text, are what the kernel
 * falls back to. */
static void
add_text_consoles(Plan *plan, const HostHand *hand)
{
    g_auto(GStrv) names = host_root_names(hand->root, "/sys/class/vtconsole");

    for (gsize i = 0; names[i] != NULL; i++) {
        g_autofree char *name = host_root_line(
            hand->root, "/sys/class/vtconsole/%s/name", names[i]);
        g_autofree char *bound = host_root_line(
            hand->root, "/sys/class/vtconsole/%s/bind", names[i]);
        if (name != NULL && g_str_has_prefix(name, "(M)") && bound != NULL)
            plan_add(plan, "vtconsole", names[i], bound, "0");
    }
}

/* Of the firmware: efifb, vesafb, simplefb or simpledrm. */
static void
add_frame_buffers(Plan *plan, const HostHand *hand)
{
    g_auto(GStrv) names =
        host_root_names(hand->root, "/sys/bus/platform/devices");

    for (gsize i = 0; names[i] != NULL; i++) {
        g_autofree char *driver = host_root_link_name(
            hand->root, "/sys/bus/platform/devices/%s/driver", names[i]);
        if (strstr(names[i], "-framebuffer.") != NULL && driver != NULL)
            plan_add(plan, "frame-buffer", names[i], driver, "none");
    }
}

void
console_add_hand_over(Plan *plan, const HostHand *hand)
{
    add_display_manager(plan, hand);
    add_text_consoles(plan, hand);
    add_frame_buffers(plan, hand);
    plan_note(plan, "the host's screen goes dark; who is logged in there is "
                    "logged out, and what is not saved is lost");
    plan_note(plan, "it comes back when the machine has ended, or by `carrel "
                    "passthrough undo` from another computer");
}

bool
console_is_handed_over(const Plan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++)
        if (strcmp(plan_step(plan, i)->kind, "display-manager") == 0)
            return true;
    return false;
}
