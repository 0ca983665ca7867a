/* passthrough-wizard/steps.c - the table of kinds of steps. A closed list: what
 * has no row, or a target or value without the row's form, is never applied. */
#include "passthrough-wizard/steps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 40

/* ---- forms ---- */

bool
step_is_word(const char *text)
{
    gsize len = strnlen(text, WORD_MAX + 1);

    return len > 0 && len <= WORD_MAX && text[0] != '.' && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789_.-") == len;
}

bool
step_is_number(const char *text, guint64 max)
{
    guint64 value;

    return g_ascii_isdigit(text[0]) && (text[0] != '0' || text[1] == '\0') &&
           g_ascii_string_to_unsigned(text, 10, 0, max, &value, NULL);
}

bool
step_is_bdf(const char *text)
{
    char bdf[HOST_BDF_SIZE];

    return strnlen(text, HOST_BDF_SIZE) < HOST_BDF_SIZE &&
           pci_address_parse(text, bdf) && strcmp(bdf, text) == 0;
}

bool
step_vf_split(const char *text, char ret_bdf[HOST_BDF_SIZE], unsigned *ret_vf)
{
    const char *blank = strchr(text, ' ');

    if (blank == NULL || blank - text >= HOST_BDF_SIZE ||
        !step_is_number(blank + 1, 65535))
        return false;
    g_strlcpy(ret_bdf, text, (gsize) (blank - text) + 1);
    *ret_vf = (unsigned) g_ascii_strtoull(blank + 1, NULL, 10);
    return step_is_bdf(ret_bdf);
}

bool
step_is_vf(const char *text)
{
    char bdf[HOST_BDF_SIZE];
    unsigned vf;

    return step_vf_split(text, bdf, &vf);
}

bool
step_is_module(const char *text)
{
    static const char *const modules[] = {
        "vfio-pci",   "vfio_iommu_type1", "nvidia_drm", "nvidia_modeset",
        "nvidia_uvm", "nvidia",           "kvm_intel",  "kvm_amd",
        "tun",        "vhost_net"};

    for (gsize i = 0; i < G_N_ELEMENTS(modules); i++)
        if (strcmp(text, modules[i]) == 0)
            return true;
    return false;
}

bool
step_is_page_size(const char *text)
{
    return strcmp(text, "2048kB") == 0 || strcmp(text, "1048576kB") == 0;
}

static bool
is_iommu(const char *text)
{
    return strcmp(text, "vfio_iommu_type1") == 0;
}

static bool
is_group_node(const char *text)
{
    return g_str_has_prefix(text, "/dev/vfio/") &&
           step_is_number(text + strlen("/dev/vfio/"), 65535);
}

/* "/dev/bus/usb/BBB/DDD" */
static bool
is_usb_node(const char *text)
{
    static const char shape[] = "/dev/bus/usb/999/999";

    for (gsize i = 0; i < sizeof shape; i++)
        if (shape[i] == '9' ? !g_ascii_isdigit(text[i]) : text[i] != shape[i])
            return false;
    return true;
}

static bool
loaded_or_not(const Step *step, const char *value)
{
    return *value == '\0' || strcmp(value, "loaded") == 0;
}

static bool
word_or_none(const Step *step, const char *value)
{
    return *value == '\0' || step_is_word(value);
}

static bool
up_to_65535(const Step *step, const char *value)
{
    return step_is_number(value, 65535);
}

static bool
any_number(const Step *step, const char *value)
{
    return step_is_number(value, 1u << 24);
}

static bool
zero_or_one(const Step *step, const char *value)
{
    return step_is_number(value, 1);
}

static bool
yes_or_no(const Step *step, const char *value)
{
    return strcmp(value, "Y") == 0 || strcmp(value, "N") == 0;
}

static bool
run_or_not(const Step *step, const char *value)
{
    return *value == '\0' || strcmp(value, "run") == 0;
}

static bool
state_or_queues(const Step *step, const char *value)
{
    if (strcmp(step->kind, "nvme-state") == 0)
        return strcmp(value, "online") == 0 || strcmp(value, "offline") == 0;
    return step_is_number(value, 65535);
}

static bool
is_owner(const char *value, guint modes)
{
    guint uid, gid, mode;
    int end = 0;

    return strspn(value, "0123456789 ") == strlen(value) &&
           sscanf(value, "%u %u %4o%n", &uid, &gid, &mode, &end) == 3 &&
           value[end] == '\0' && (mode & ~modes) == 0;
}

static bool
owner_or_none(const Step *step, const char *value)
{
    return *value == '\0' || is_owner(value, 0660);
}

static bool
usb_owner(const Step *step, const char *value)
{
    return *value == '\0' || is_owner(value, 0666);
}

static bool
file_or_none(const Step *step, const char *value)
{
    guint mode, uid, gid;

    return *value == '\0' ||
           (strchr(value, '\n') != NULL &&
            sscanf(value, "%4o %u %u", &mode, &uid, &gid) == 3 &&
            strlen(value) < HOST_HAND_MAX_FILE + 64);
}

/* ---- words for people ---- */

static char *
say_module(const Step *s, const char *from, const char *to)
{
    return g_strdup_printf("modprobe %s%s", *to == '\0' ? "-r " : "",
                           s->target);
}

static char *
say_override(const Step *s, const char *from, const char *to)
{
    return g_strdup_printf("echo '%s' >/sys/bus/pci/devices/%s/driver_override",
                           to, s->target);
}

static char *
say_driver(const Step *s, const char *from, const char *to)
{
    return *to == '\0'
               ? g_strdup_printf("echo %s >/sys/bus/pci/drivers/%s/unbind",
                                 s->target, from)
               : g_strdup_printf("echo %s >/sys/bus/pci/drivers/%s/bind",
                                 s->target, to);
}

static char *
say_sysfs(const Step *s, const char *from, const char *to)
{
    g_autofree char *path = step_sysfs_path(s);
    return g_strdup_printf("echo %s >%s", to, path);
}

static char *
say_owner(const Step *s, const char *from, const char *to)
{
    guint uid = 0, gid = 0, mode = 0600;

    (void) sscanf(to, "%u %u %o", &uid, &gid, &mode); /* "": root's */
    return g_strdup_printf("chown %u:%u %s; chmod %04o %s", uid, gid, s->target,
                           mode, s->target);
}

static char *
say_file(const Step *s, const char *from, const char *to)
{
    return *to == '\0'     ? g_strdup_printf("rm %s", s->target)
           : *from == '\0' ? g_strdup_printf("make the file %s", s->target)
                           : g_strdup_printf("change the file %s", s->target);
}

static char *
say_run(const Step *s, const char *from, const char *to)
{
    return *to == '\0' ? g_strdup_printf("nothing (%s runs when it is undone)",
                                         s->target)
                       : g_strdup_printf("run %s", s->target);
}

static char *
say_vf(const Step *s, const char *from, const char *to)
{
    char bdf[HOST_BDF_SIZE] = "";
    unsigned vf = 0;

    (void) step_vf_split(s->target, bdf, &vf); /* it was checked */
    return g_strdup_printf("%s of VF %u of %s: %s", strchr(s->kind, '-') + 1,
                           vf, bdf,
                           *to != '\0' ? to : "as before, which root will see");
}

/* clang-format off */
static const StepKind kinds[] = {
    /* until the host restarts */
    { "module",            false, false, step_is_module,   loaded_or_not,   step_read_module,   step_write_module,   say_module, .stays = step_module_stays },
    { "driver-override",   false, false, step_is_bdf,      word_or_none,    step_read_override, step_write_override, say_override },
    { "driver",            false, false, step_is_bdf,      word_or_none,    step_read_driver,   step_write_driver,   say_driver },
    { "vf-count",          false, false, step_is_bdf,      up_to_65535,     step_read_sysfs,    step_write_sysfs,    say_sysfs },
    { "vf-autoprobe",      false, false, step_is_bdf,      zero_or_one,     step_read_sysfs,    step_write_sysfs,    say_sysfs },
    { "huge-pages",        false, false, step_is_page_size, any_number,     step_read_sysfs,    step_write_sysfs,    say_sysfs },
    { "huge-pages-more",   false, false, step_is_page_size, any_number,     step_read_sysfs,    step_write_pages,    say_sysfs },
    { "bar-size",          false, false, step_is_bar,      up_to_65535,     step_read_bar,      step_write_bar,      say_sysfs },
    { "unsafe-interrupts", false, false, is_iommu,         yes_or_no,       step_read_sysfs,    step_write_sysfs,    say_sysfs },
    { "owner",             false, false, is_group_node,    owner_or_none,   step_read_owner,    step_write_owner,    say_owner },
    { "usb-owner",         false, false, is_usb_node,      usb_owner,       step_read_usb_owner, step_write_owner,   say_owner, .fleeting = true },
    { "vf-mac",            false, false, step_is_vf,       step_vf_value_ok, step_read_vf,      step_write_vf,       say_vf, VF_MAC },
    { "vf-vlan",           false, false, step_is_vf,       step_vf_value_ok, step_read_vf,      step_write_vf,       say_vf, VF_VLAN },
    { "vf-spoofchk",       false, false, step_is_vf,       step_vf_value_ok, step_read_vf,      step_write_vf,       say_vf, VF_SPOOF },
    { "vf-trust",          false, false, step_is_vf,       step_vf_value_ok, step_read_vf,      step_write_vf,       say_vf, VF_TRUST },
    { "vf-rate",           false, false, step_is_vf,       step_vf_value_ok, step_read_vf,      step_write_vf,       say_vf, VF_RATE },
    { "vf-link",           false, false, step_is_vf,       step_vf_value_ok, step_read_vf,      step_write_vf,       say_vf, VF_LINK },
    { "nvme-queues",       false, false, step_is_vf,       state_or_queues, step_read_nvme,     step_write_nvme,     say_vf, .root_reads = true },
    { "nvme-interrupts",   false, false, step_is_vf,       state_or_queues, step_read_nvme,     step_write_nvme,     say_vf, .root_reads = true },
    { "nvme-state",        false, false, step_is_vf,       state_or_queues, step_read_nvme,     step_write_nvme,     say_vf },
    { "display-manager",   false, false, step_is_display_manager, step_is_unit_state, step_read_unit, step_write_unit, step_say_unit },
    { "vtconsole",         false, false, step_is_vtconsole, step_is_bound_or_gone, step_read_vtconsole, step_write_vtconsole, step_say_vtconsole, .fleeting = true },
    { "frame-buffer",      false, false, step_is_frame_buffer, step_is_fb_driver, step_read_fb_driver, step_write_fb_driver, step_say_fb_driver, .fleeting = true },
    /* for good */
    { "file",              true,  false, step_is_our_path, file_or_none,    NULL,               NULL,                say_file },
    { "run",               true,  true,  step_is_program,  run_or_not,      NULL,               step_run,            say_run },
};
/* clang-format on */

const StepKind *
step_kind(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* ---- plan.h ---- */

bool
step_check(const Step *step, GError **error)
{
    const StepKind *kind = step_kind(step->kind);

    if (kind != NULL && kind->target_ok(step->target) &&
        kind->value_ok(step, step->before) && kind->value_ok(step, step->after))
        return true;
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                "there is no step '%.40s' of '%.80s' from '%.40s' to '%.40s'",
                step->kind, step->target, step->before, step->after);
    return false;
}

char *
step_say(const Step *step)
{
    const StepKind *kind = step_kind(step->kind);
    return kind != NULL ? kind->say(step, step->before, step->after)
                        : g_strdup(step->kind);
}

char *
step_say_undo(const Step *step)
{
    const StepKind *kind = step_kind(step->kind);
    return kind != NULL ? kind->say(step, step->after, step->before)
                        : g_strdup(step->kind);
}

bool
step_is_lasting(const Step *step)
{
    const StepKind *kind = step_kind(step->kind);
    return kind != NULL && kind->lasting;
}

bool
step_is_action(const Step *step)
{
    const StepKind *kind = step_kind(step->kind);
    return kind != NULL && kind->action;
}

bool
step_is_share(const Step *step)
{
    return strcmp(step->kind, "huge-pages-more") == 0;
}

bool
step_is_root_read(const Step *step)
{
    const StepKind *kind = step_kind(step->kind);
    return kind != NULL && kind->root_reads;
}

bool
step_is_fleeting(const Step *step)
{
    const StepKind *kind = step_kind(step->kind);
    return kind != NULL && kind->fleeting;
}

bool
step_stays(HostHand *hand, const Step *step)
{
    const StepKind *kind = step_kind(step->kind);
    return kind != NULL && kind->stays != NULL && kind->stays(hand, step);
}

char *
step_read(HostHand *hand, const Step *step, GError **error)
{
    const StepKind *kind = step_kind(step->kind);

    if (strcmp(step->kind, "file") == 0)
        return host_hand_file(hand, step->target, error);
    return kind->read(hand, step, error);
}

bool
step_write(HostHand *hand, const Step *step, const char *value, GError **error)
{
    const StepKind *kind = step_kind(step->kind);

    if (strcmp(step->kind, "file") == 0)
        return host_hand_set_file(hand, step->target, value, error);
    return kind->write(hand, step, value, error);
}

bool
step_fail(GError **error, int err, const char *what, const char *target)
{
    CarrelPlanError code = CARREL_PLAN_ERROR_FAILED;
    const char *cause = g_strerror(-err);

    if (err == -EACCES || err == -EPERM)
        code = CARREL_PLAN_ERROR_PERMISSION;
    else if (err == -EBUSY)
        code = CARREL_PLAN_ERROR_BUSY;
    else if (err == -ETIMEDOUT) {
        code = CARREL_PLAN_ERROR_STUCK;
        cause = "the driver does not let go; what uses the device (a desktop, "
                "a file system, a program) has to end first, or the host has "
                "to bind it at boot";
    } else if (err == -ENODEV && strcmp(what, "bind") == 0)
        cause = "that driver does not take it";
    g_set_error(error, CARREL_PLAN_ERROR, code, "%s '%s': %s", what, target,
                cause);
    return false;
}
