/* passthrough-wizard/steps-console.c - steps about what draws on the host's
 * screen: the display manager's unit, text consoles, the firmware's frame
 * buffer. systemd.unit(5); Linux Documentation/driver-api/console.rst. */
#include <string.h>

#include "passthrough-wizard/steps.h"

#define END_TRIES        100
#define END_TRY_EVERY_US 100000

/* ---- the display manager ---- */

bool
step_is_display_manager(const char *target)
{
    static const char *const units[] = {
        "gdm.service",        "gdm3.service",
        "sddm.service",       "lightdm.service",
        "lxdm.service",       "xdm.service",
        "slim.service",       "greetd.service",
        "ly.service",         "nodm.service",
        "wdm.service",        "emptty.service",
        "lemurs.service",     "cosmic-greeter.service",
        "plasmalogin.service"};

    for (gsize i = 0; i < G_N_ELEMENTS(units); i++)
        if (strcmp(target, units[i]) == 0)
            return true;
    return false;
}

bool
step_is_unit_state(const Step *step, const char *value)
{
    return strcmp(value, "active") == 0 || strcmp(value, "inactive") == 0;
}

/* Its control group is there for as long as a process of it is: with version 2,
 * with version 1, with both. */
char *
step_read_unit(HostHand *hand, const Step *step, GError **error)
{
    static const char *const roots[] = {
        "/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"};

    for (gsize i = 0; i < G_N_ELEMENTS(roots); i++) {
        g_autofree char *path =
            g_strdup_printf("%s/system.slice/%s", roots[i], step->target);
        if (host_root_exists(hand->root, path))
            return g_strdup("active");
    }
    return g_strdup("inactive");
}

/* Nobody but the unit's manager knows when all of a desktop is gone: systemctl
 * returns then, and the group goes a moment later. */
bool
step_write_unit(HostHand *hand, const Step *step, const char *value,
                GError **error)
{
    const char *verb = strcmp(value, "active") == 0 ? "start" : "stop";
    const char *argv[] = {"systemctl", verb, step->target, NULL};

    if (!hand->ops->run(hand, argv, error))
        return false;
    for (unsigned i = 0; i < END_TRIES; i++) {
        g_autofree char *now = step_read_unit(hand, step, error);
        if (strcmp(now, value) == 0)
            return true;
        g_usleep(END_TRY_EVERY_US);
    }
    return true; /* the step is looked at again, and says what is wrong */
}

/* ---- text consoles ---- */

bool
step_is_vtconsole(const char *target)
{
    return g_str_has_prefix(target, "vtcon") &&
           step_is_number(target + strlen("vtcon"), 63);
}

bool
step_is_bound_or_gone(const Step *step, const char *value)
{
    return *value == '\0' || step_is_number(value, 1);
}

/* One of a frame buffer goes with the last of these. */
char *
step_read_vtconsole(HostHand *hand, const Step *step, GError **error)
{
    char *line = host_root_line(hand->root, "/sys/class/vtconsole/%s/bind",
                                step->target);
    return line != NULL ? line : g_strdup("");
}

bool
step_write_vtconsole(HostHand *hand, const Step *step, const char *value,
                     GError **error)
{
    g_autofree char *path =
        g_strdup_printf("/sys/class/vtconsole/%s/bind", step->target);
    int err = hand->ops->write(hand, path, value);

    return err == 0 || step_fail(error, err, "write", path);
}

/* ---- frame buffers ---- */

/* "efi-framebuffer.0" */
bool
step_is_frame_buffer(const char *target)
{
    static const char *const kinds[] = {"efi-framebuffer.", "vesa-framebuffer.",
                                        "simple-framebuffer."};

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_str_has_prefix(target, kinds[i]) &&
            step_is_number(target + strlen(kinds[i]), 9))
            return true;
    return false;
}

bool
step_is_fb_driver(const Step *step, const char *value)
{
    return *value == '\0' || step_is_word(value);
}

/* "": the device is gone, as when a driver of the card has come; "none": it
 * has no driver. */
char *
step_read_fb_driver(HostHand *hand, const Step *step, GError **error)
{
    g_autofree char *path =
        g_strdup_printf("/sys/bus/platform/devices/%s", step->target);

    if (!host_root_exists(hand->root, path))
        return g_strdup("");
    char *name = host_root_link_name(hand->root, "%s/driver", path);
    return name != NULL ? name : g_strdup("none");
}

bool
step_write_fb_driver(HostHand *hand, const Step *step, const char *value,
                     GError **error)
{
    g_autofree char *now = step_read_fb_driver(hand, step, error);
    bool unbind = strcmp(value, "none") == 0;
    const char *driver = unbind ? now : value;

    if (strcmp(now, value) == 0 || *now == '\0')
        return true;
    g_autofree char *path = g_strdup_printf("/sys/bus/platform/drivers/%s/%s",
                                            driver, unbind ? "unbind" : "bind");
    int err = hand->ops->write(hand, path, step->target);
    return err == 0 ||
           step_fail(error, err, unbind ? "unbind" : "bind", step->target);
}

/* ---- words ---- */

char *
step_say_unit(const Step *s, const char *from, const char *to)
{
    return g_strdup_printf("systemctl %s %s",
                           strcmp(to, "active") == 0 ? "start" : "stop",
                           s->target);
}

char *
step_say_vtconsole(const Step *s, const char *from, const char *to)
{
    return g_strdup_printf("echo %s >/sys/class/vtconsole/%s/bind", to,
                           s->target);
}

char *
step_say_fb_driver(const Step *s, const char *from, const char *to)
{
    bool unbind = strcmp(to, "none") == 0;

    return g_strdup_printf("echo %s >/sys/bus/platform/drivers/%s/%s",
                           s->target, unbind ? from : to,
                           unbind ? "unbind" : "bind");
}
