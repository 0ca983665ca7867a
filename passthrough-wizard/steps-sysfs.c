/* passthrough-wizard/steps-sysfs.c - steps that write values of sysfs: modules,
 * drivers, numbers of virtual functions, huge pages. Linux
 * Documentation/ABI/testing/sysfs-bus-pci. */
#include <errno.h>
#include <string.h>

#include "passthrough-wizard/steps.h"

/* ---- who has it open ---- */

static bool
process_has(const HostRoot *root, const char *pid, const char *node)
{
    g_auto(GStrv) fds = host_root_names(root, "/proc/%s/fd", pid);

    for (gsize i = 0; fds[i] != NULL; i++) {
        g_autofree char *link =
            host_root_link(root, "/proc/%s/fd/%s", pid, fds[i]);
        if (link != NULL && strcmp(link, node) == 0)
            return true;
    }
    return false;
}

bool
step_not_in_use(HostHand *hand, const char *bdf, GError **error)
{
    g_autofree char *group = host_root_link_name(
        hand->root, "/sys/bus/pci/devices/%s/iommu_group", bdf);

    if (group == NULL)
        return true;
    g_autofree char *node = g_strdup_printf("/dev/vfio/%s", group);
    g_auto(GStrv) pids = host_root_names(hand->root, "/proc");
    for (gsize i = 0; pids[i] != NULL; i++) {
        if (!g_ascii_isdigit(pids[i][0]) ||
            !process_has(hand->root, pids[i], node))
            continue;
        g_autofree char *comm =
            host_root_line(hand->root, "/proc/%s/comm", pids[i]);
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_BUSY,
                    "%s is in use by process %s (%s), which has %s open; stop "
                    "that machine first",
                    bdf, pids[i], comm != NULL ? comm : "?", node);
        return false;
    }
    return true;
}

bool
step_vfs_not_in_use(HostHand *hand, const char *bdf, GError **error)
{
    g_auto(GStrv) names =
        host_root_names(hand->root, "/sys/bus/pci/devices/%s", bdf);

    for (gsize i = 0; names[i] != NULL; i++) {
        if (!g_str_has_prefix(names[i], "virtfn"))
            continue;
        g_autofree char *vf = host_root_link_name(
            hand->root, "/sys/bus/pci/devices/%s/%s", bdf, names[i]);
        if (vf != NULL && !step_not_in_use(hand, vf, error))
            return false;
    }
    return true;
}

bool
step_unused(HostHand *hand, const Step *step, GError **error)
{
    if (strcmp(step->kind, "vf-count") == 0)
        return step_vfs_not_in_use(hand, step->target, error);
    return strcmp(step->kind, "driver") != 0 ||
           step_not_in_use(hand, step->target, error);
}

/* ---- modules ---- */

char *
step_read_module(HostHand *hand, const Step *step, GError **error)
{
    g_autofree char *name = g_strdelimit(g_strdup(step->target), "-", '_');
    g_autofree char *path = g_strdup_printf("/sys/module/%s", name);

    /* vfio-pci may be built in: then its driver is there. */
    g_autofree char *driver =
        g_strdup_printf("/sys/bus/pci/drivers/%s", step->target);
    return g_strdup(host_root_exists(hand->root, path) ||
                            host_root_exists(hand->root, driver)
                        ? "loaded"
                        : "");
}

bool
step_write_module(HostHand *hand, const Step *step, const char *value,
                  GError **error)
{
    const char *load[] = {"modprobe", step->target, NULL};
    const char *unload[] = {"modprobe", "-r", step->target, NULL};

    return hand->ops->run(hand, *value != '\0' ? load : unload, error);
}

/* Without its driver a device is nobody's, and one that is bound and not open
 * shows in no count of users. */
bool
step_module_stays(HostHand *hand, const Step *step)
{
    g_autofree char *name = g_strdelimit(g_strdup(step->target), "-", '_');
    g_auto(GStrv) bound =
        host_root_names(hand->root, "/sys/bus/pci/drivers/%s", step->target);

    if (*step->before != '\0')
        return false;
    for (gsize i = 0; bound != NULL && bound[i] != NULL; i++)
        if (step_is_bdf(bound[i]))
            return true;
    return host_root_int(hand->root, 0, "/sys/module/%s/refcnt", name) > 0;
}

/* ---- drivers ---- */

static bool
require_device(HostHand *hand, const char *bdf, GError **error)
{
    g_autofree char *path = g_strdup_printf("/sys/bus/pci/devices/%s", bdf);

    if (host_root_exists(hand->root, path))
        return true;
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                "there is no PCI function %s; `carrel passthrough list` shows "
                "all",
                bdf);
    return false;
}

char *
step_read_override(HostHand *hand, const Step *step, GError **error)
{
    if (!require_device(hand, step->target, error))
        return NULL;
    char *line = host_root_line(
        hand->root, "/sys/bus/pci/devices/%s/driver_override", step->target);

    if (line != NULL && strcmp(line, "(null)") != 0)
        return line;
    g_free(line);
    return g_strdup("");
}

bool
step_write_override(HostHand *hand, const Step *step, const char *value,
                    GError **error)
{
    g_autofree char *path = g_strdup_printf(
        "/sys/bus/pci/devices/%s/driver_override", step->target);
    g_autofree char *line = g_strconcat(value, "\n", NULL);
    int err = hand->ops->write(hand, path, line);

    return err == 0 || step_fail(error, err, "driver_override", step->target);
}

char *
step_read_driver(HostHand *hand, const Step *step, GError **error)
{
    if (!require_device(hand, step->target, error))
        return NULL;
    char *name = host_root_link_name(
        hand->root, "/sys/bus/pci/devices/%s/driver", step->target);
    return name != NULL ? name : g_strdup("");
}

bool
step_write_driver(HostHand *hand, const Step *step, const char *value,
                  GError **error)
{
    g_autofree char *now = step_read_driver(hand, step, error);
    int err = 0;

    if (now == NULL)
        return false;
    if (strcmp(now, "vfio-pci") == 0 &&
        !step_not_in_use(hand, step->target, error))
        return false;
    if (*now != '\0' && strcmp(now, value) != 0) {
        g_autofree char *unbind =
            g_strdup_printf("/sys/bus/pci/drivers/%s/unbind", now);
        err = hand->ops->write(hand, unbind, step->target);
        if (err < 0)
            return step_fail(error, err, "unbind", step->target);
    }
    if (*value == '\0' || strcmp(now, value) == 0)
        return true;
    g_autofree char *bind =
        g_strdup_printf("/sys/bus/pci/drivers/%s/bind", value);
    err = hand->ops->write(hand, bind, step->target);
    if (err == -ENOENT && step_is_module(value)) { /* it went with its module */
        const char *load[] = {"modprobe", value, NULL};
        if (!hand->ops->run(hand, load, error))
            return false;
        g_autofree char *then = step_read_driver(hand, step, error);
        if (then == NULL || strcmp(then, value) == 0)
            return then != NULL; /* a new driver takes what it knows */
        err = hand->ops->write(hand, bind, step->target);
    }
    return err == 0 || step_fail(error, err, "bind", step->target);
}

/* ---- one value of sysfs ---- */

char *
step_sysfs_path(const Step *s)
{
    if (strcmp(s->kind, "vf-count") == 0)
        return g_strdup_printf("/sys/bus/pci/devices/%s/sriov_numvfs",
                               s->target);
    if (strcmp(s->kind, "vf-autoprobe") == 0)
        return g_strdup_printf(
            "/sys/bus/pci/devices/%s/sriov_drivers_autoprobe", s->target);
    if (strcmp(s->kind, "bar-size") == 0) {
        char bdf[HOST_BDF_SIZE] = "";
        unsigned bar = 0;
        (void) step_vf_split(s->target, bdf, &bar); /* it was checked */
        return g_strdup_printf("/sys/bus/pci/devices/%s/resource%u_resize", bdf,
                               bar);
    }
    if (g_str_has_prefix(s->kind, "huge-pages"))
        return g_strdup_printf(
            "/sys/kernel/mm/hugepages/hugepages-%s/nr_hugepages", s->target);
    return g_strdup_printf("/sys/module/%s/parameters/allow_unsafe_interrupts",
                           s->target);
}

char *
step_read_sysfs(HostHand *hand, const Step *step, GError **error)
{
    g_autofree char *path = step_sysfs_path(step);
    char *line = host_root_line(hand->root, "%s", path);

    if (line == NULL)
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                    "this host has no %s", path);
    return line;
}

bool
step_write_sysfs(HostHand *hand, const Step *step, const char *value,
                 GError **error)
{
    g_autofree char *path = step_sysfs_path(step);
    bool count = strcmp(step->kind, "vf-count") == 0;

    if (count) {
        /* The kernel goes from one number to another only by way of 0, and
         * that takes every one of them away. */
        g_autofree char *now = step_read_sysfs(hand, step, error);
        if (now == NULL || !step_vfs_not_in_use(hand, step->target, error))
            return false;
        int err = strcmp(now, "0") != 0 && strcmp(value, "0") != 0
                      ? hand->ops->write(hand, path, "0")
                      : 0;
        if (err < 0)
            return step_fail(error, err, "sriov_numvfs", step->target);
    }
    int err = hand->ops->write(hand, path, value);
    return err == 0 || step_fail(error, err, "write", path);
}
