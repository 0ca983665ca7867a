/* passthrough-wizard/verdict-rows.c - the reasons for and against a function,
 * one row each; the table is at the bottom. */
#include <string.h>

#include "passthrough-wizard/report.h"
#include "passthrough-wizard/verdict-internal.h"

enum { VENDOR_INTEL = 0x8086, VENDOR_NVIDIA = 0x10de, VENDOR_AMD = 0x1002 };

static bool
is_vfio(const HostPciFn *fn)
{
    return g_strcmp0(fn->driver, "vfio-pci") == 0;
}

/* Does not stand in the way of a group: no driver, or one that only holds. */
static bool
is_harmless(const HostPciFn *fn)
{
    return fn->driver == NULL || is_vfio(fn) ||
           strcmp(fn->driver, "pci-stub") == 0;
}

/* The first function that goes and has a use of that kind. */
static const HostPciFn *
taken_with(const VerdictCase *c, HostUseKind kind, const HostUse **ret_use)
{
    for (guint i = 0; i < c->verdict->take->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(c->verdict->take, i);
        *ret_use = host_pci_fn_use(fn, kind);
        if (*ret_use != NULL)
            return fn;
    }
    return NULL;
}

/* All of what one kind of use names, "eth0 and eth1". */
static char *
names_of(const VerdictCase *c, HostUseKind kind)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < c->verdict->take->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(c->verdict->take, i);
        for (guint u = 0; u < fn->uses->len; u++) {
            const HostUse *use = g_ptr_array_index(fn->uses, u);
            if (use->kind == kind)
                g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "",
                                       use->what);
        }
    }
    return g_string_free(text, FALSE);
}

/* ---- the host ------------------------------------------------------------ */

static void
judge_bridge(VerdictCase *c)
{
    if (host_pci_fn_is_bridge(c->fn))
        verdict_add(c, VERDICT_CANNOT,
                    g_strdup("It is a bridge, a part of the host that other "
                             "devices hang on. Bridges stay, and do no harm in "
                             "a group."),
                    "Choose a device below it.");
}

static void
judge_gone(VerdictCase *c)
{
    if (c->fn->config.gone)
        verdict_add(c, VERDICT_CANNOT,
                    g_strdup("It does not answer: its configuration space "
                             "reads as all ones."),
                    "Shut the host down, switch the power off for a moment, "
                    "and start again; a restart is often not enough.");
}

static void
judge_iommu(VerdictCase *c)
{
    g_auto(ReportIommuFinding) f = {0};

    report_iommu(c->host, &f);
    if (f.state == REPORT_IOMMU_ON)
        return;
    if (f.state == REPORT_IOMMU_NO_REMAPPING) {
        bool consent = c->host->iommu.unsafe_interrupts == HOST_YES;
        VerdictReason *r = verdict_add(
            c, consent ? VERDICT_CAN : VERDICT_IF,
            g_strdup(consent ? "Interrupts are not remapped, and you consented "
                               "to that (allow_unsafe_interrupts): a machine "
                               "that you do not trust could attack the host."
                             : "Interrupts are not remapped: you would have to "
                               "consent to unsafe interrupts, that is, trust "
                               "the machine as you trust the host."),
            consent ? NULL : f.remedy);
        r->command = consent ? NULL : g_strdup(f.command);
        return;
    }
    bool hopeless = f.state == REPORT_IOMMU_GUEST ||
                    f.state == REPORT_IOMMU_FIRMWARE ||
                    f.state == REPORT_IOMMU_NO_VIRT;
    VerdictReason *r =
        verdict_add(c, hopeless ? VERDICT_CANNOT : VERDICT_IF,
                    g_strdup_printf("No IOMMU: %s.", f.finding), f.remedy);
    r->command = g_strdup(f.command);
}

static void
judge_vfio(VerdictCase *c)
{
    if (!c->host->vfio_modules)
        verdict_add(c, VERDICT_CANNOT,
                    g_strdup_printf("The kernel %s has no driver vfio-pci.",
                                    c->host->kernel),
                    "Start your distribution's normal kernel; small ones for "
                    "the cloud leave it out.");
}

static void
judge_group(VerdictCase *c)
{
    const HostGroup *group = host_pci_group(c->host, c->fn->group);

    if (group == NULL && c->host->iommu.enabled)
        verdict_add(c, VERDICT_CANNOT,
                    g_strdup("It is in no IOMMU group: the IOMMU does not "
                             "cover it."),
                    "Disks behind Intel VMD or a RAID mode: switch that off "
                    "in the firmware, when the host does not need it.");
    if (group != NULL && group->direct)
        verdict_add(c, VERDICT_CANNOT,
                    g_strdup("The firmware claims memory for itself through "
                             "this device (RMRR), and the kernel does not give "
                             "such a device away."),
                    "Some servers have a switch for it in the firmware "
                    "(\"shared memory\", \"RMRR\"); look in the vendor's "
                    "notes.");
}

/* ---- what the host needs ------------------------------------------------- */

static void
judge_boot_disk(VerdictCase *c)
{
    const HostUse *use;

    if (taken_with(c, HOST_USE_ROOT_DISK, &use) == NULL)
        return;
    g_autofree char *names = names_of(c, HOST_USE_ROOT_DISK);
    verdict_add(c, VERDICT_CANNOT,
                g_strdup_printf("The host runs from a disk on it (%s).", names),
                "Use another disk controller, or give the machine a partition "
                "or an image instead.");
}

static void
judge_disk(VerdictCase *c)
{
    const HostUse *use;

    if (taken_with(c, HOST_USE_DISK, &use) == NULL)
        return;
    g_autofree char *names = names_of(c, HOST_USE_DISK);
    verdict_add(c, VERDICT_IF,
                g_strdup_printf("The host uses a disk on it: %s.", names),
                "Unmount it (umount, swapoff), and take it out of /etc/fstab.");
}

static void
judge_ssh(VerdictCase *c)
{
    const HostUse *use;
    const HostPciFn *fn = taken_with(c, HOST_USE_SSH, &use);

    if (fn == NULL)
        return;
    verdict_add(
        c, VERDICT_CANNOT,
        g_strdup_printf("Your SSH session comes in over it (%s).", use->what),
        fn->total_vfs > 0
            ? "Give the machine a virtual function of it instead: "
              "`carrel passthrough vf`."
            : "Use another network card, or work at the console.");
}

static void
judge_default_route(VerdictCase *c)
{
    const HostUse *use;
    const HostPciFn *fn = taken_with(c, HOST_USE_DEFAULT_ROUTE, &use);

    if (fn == NULL || host_pci_fn_use(fn, HOST_USE_SSH) != NULL)
        return;
    verdict_add(c, VERDICT_CANNOT,
                g_strdup_printf("It is this host's way to the network (%s has "
                                "the default route).",
                                use->what),
                fn->total_vfs > 0
                    ? "Give the machine a virtual function of it instead: "
                      "`carrel passthrough vf`."
                    : "Use another network card, or move the default route "
                      "to one first.");
}

static void
judge_network(VerdictCase *c)
{
    const HostUse *use;

    if (taken_with(c, HOST_USE_NETWORK, &use) == NULL ||
        verdict_reason(c->verdict, "ssh") != NULL ||
        verdict_reason(c->verdict, "default-route") != NULL)
        return;
    g_autofree char *names = names_of(c, HOST_USE_NETWORK);
    VerdictReason *r = verdict_add(
        c, VERDICT_IF,
        g_strdup_printf("Its interface is up (%s) and would vanish from the "
                        "host.",
                        names),
        "Take it down first, when nothing needs it.");
    r->command = g_strdup_printf("sudo ip link set dev %s down", use->what);
}

static bool
is_display_with_driver(const HostPci *host, const HostPciFn *not_this)
{
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        /* A 3D controller has no outputs: nobody could see the console. */
        if (fn != not_this && host_pci_fn_is_display(fn) && !is_vfio(fn) &&
            fn->class_code >> 8 != 0x0302 && fn->physfn == NULL)
            return true;
    }
    return false;
}

static void
judge_console(VerdictCase *c)
{
    const HostUse *use;
    const HostPciFn *fn = taken_with(c, HOST_USE_CONSOLE, &use);

    if (fn == NULL)
        return;
    if (is_display_with_driver(c->host, fn))
        verdict_add(c, VERDICT_IF,
                    g_strdup("It draws the console that you see at this "
                             "host."),
                    "Make another card the first one: choose it as \"primary "
                    "display\" in the firmware and plug the monitor in there.");
    else
        verdict_add(c, VERDICT_CANNOT,
                    g_strdup("It is the only display of this host: without it "
                             "you would see nothing, whatever happens."),
                    "Add a second card, or switch the processor's own graphics "
                    "on in the firmware. Or choose the single-GPU plan "
                    "(--console, pci0.console=true): it ends your session, "
                    "hands the card over at machine start and takes it back at "
                    "stop; have SSH from another computer ready.")
            ->command = g_strdup_printf("carrel passthrough plan --console %s",
                                        report_short(fn));
}

/* A keyboard that hangs on none of functions is there. */
static bool
has_keyboard_elsewhere(const HostPci *host, const GPtrArray *functions)
{
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *f = g_ptr_array_index(host->functions, i);
        if (host_pci_fn_use(f, HOST_USE_KEYBOARD) != NULL &&
            !g_ptr_array_find((GPtrArray *) functions, f, NULL))
            return true;
    }
    return host->other_keyboard;
}

static void
judge_keyboard(VerdictCase *c)
{
    const HostUse *use;

    if (taken_with(c, HOST_USE_KEYBOARD, &use) == NULL)
        return;
    if (has_keyboard_elsewhere(c->host, c->verdict->take))
        verdict_add(
            c, VERDICT_IF,
            g_strdup_printf("A keyboard is plugged in there (%s).", use->what),
            "Plug it into another port, or go on with the other one.");
    else
        verdict_add(c, VERDICT_CANNOT,
                    g_strdup_printf("The only keyboard of this host is plugged "
                                    "in there (%s).",
                                    use->what),
                    "Plug it into a port of another controller, or give the "
                    "machine single USB devices instead of the controller.");
}

/* ---- the group ----------------------------------------------------------- */

static const HostUseKind vital[] = {HOST_USE_ROOT_DISK, HOST_USE_SSH,
                                    HOST_USE_DEFAULT_ROUTE, HOST_USE_CONSOLE};

/* Something of the group that the host cannot do without. */
static const HostPciFn *
find_vital(const HostPci *host, const GPtrArray *functions,
           const HostUse **ret_use)
{
    for (guint i = 0; i < functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(functions, i);
        for (gsize k = 0; k < G_N_ELEMENTS(vital); k++) {
            *ret_use = host_pci_fn_use(fn, vital[k]);
            if (*ret_use != NULL)
                return fn;
        }
        *ret_use = host_pci_fn_use(fn, HOST_USE_KEYBOARD);
        if (*ret_use != NULL && !has_keyboard_elsewhere(host, functions))
            return fn;
    }
    return NULL;
}

static void
judge_group_others(VerdictCase *c)
{
    const HostGroup *group = host_pci_group(c->host, c->fn->group);
    const GPtrArray *others = c->verdict->others;
    g_autoptr(GPtrArray) driven = g_ptr_array_new();
    const HostUse *use;

    for (guint i = 0; i < others->len; i++)
        if (!is_harmless(g_ptr_array_index(others, i)))
            g_ptr_array_add(driven, g_ptr_array_index(others, i));
    if (group == NULL || driven->len == 0)
        return;
    g_autofree char *names = report_addresses(driven);
    g_autofree char *why = report_group_cause_text(c->host, group);
    const char *remedy =
        report_group_remedy(report_group_cause(c->host, group));
    const HostPciFn *needed = find_vital(c->host, driven, &use);
    if (needed != NULL) {
        g_autofree char *what = report_use(use);
        verdict_add(c, VERDICT_CANNOT,
                    g_strdup_printf("Group %d is not isolated: %s would have "
                                    "to go too, and the host needs %s (%s). %s",
                                    group->id, names, report_short(needed),
                                    what, why != NULL ? why : ""),
                    remedy);
        return;
    }
    if (report_group_cause(c->host, group) == REPORT_CAUSE_CHIPSET) {
        verdict_add(c, VERDICT_CANNOT,
                    g_strdup_printf("Group %d is not isolated: it also holds "
                                    "%s, which the host uses. %s",
                                    group->id, names, why),
                    remedy);
        return;
    }
    g_autofree char *all =
        g_strdup_printf("Give the machine all of the group (%s too). %s", names,
                        remedy != NULL ? remedy : "");
    verdict_add(c, VERDICT_IF,
                g_strdup_printf("Group %d is not isolated: it also holds %s, "
                                "which the host uses. %s",
                                group->id, names, why != NULL ? why : ""),
                all);
}

/* ---- who has it ---------------------------------------------------------- */

static void
judge_machine(VerdictCase *c)
{
    const HostUse *use;

    if (taken_with(c, HOST_USE_MACHINE, &use) != NULL)
        verdict_add(c, VERDICT_IF,
                    g_strdup_printf("A machine has it: %s (pid %u).", use->comm,
                                    use->pid),
                    "Stop that machine first.");
}

static void
judge_processes(VerdictCase *c)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < c->verdict->take->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(c->verdict->take, i);
        for (guint u = 0; u < fn->uses->len; u++) {
            const HostUse *use = g_ptr_array_index(fn->uses, u);
            if (use->kind == HOST_USE_PROCESS)
                g_string_append_printf(text, "%s%s (pid %u, %s)",
                                       text->len > 0 ? ", " : "", use->comm,
                                       use->pid, use->what);
        }
    }
    g_autofree char *names = g_string_free(text, FALSE);
    if (*names != '\0')
        verdict_add(c, VERDICT_IF,
                    g_strdup_printf("Programs use it: %s. Taking it from under "
                                    "them may hang or crash them.",
                                    names),
                    "End them first; for a display card that is the desktop "
                    "session.");
}

static void
judge_vfs(VerdictCase *c)
{
    if (c->fn->num_vfs > 0) {
        VerdictReason *r = verdict_add(
            c, VERDICT_IF,
            g_strdup_printf("It has %u virtual functions, which would go away.",
                            c->fn->num_vfs),
            "Give machines the virtual functions, or remove them first.");
        r->command = g_strdup_printf("carrel passthrough vf remove %s",
                                     report_short(c->fn));
    }
}

/* ---- resets -------------------------------------------------------------- */

/* Functions of the bus that do not go, and that the host uses. */
static GPtrArray *
hit_by_slot_reset(const VerdictCase *c)
{
    GPtrArray *slot = host_pci_bus(c->host, c->fn);

    for (guint i = slot->len; i-- > 0;) {
        HostPciFn *other = g_ptr_array_index(slot, i);
        if (is_harmless(other) || host_pci_fn_is_bridge(other) ||
            g_ptr_array_find(c->verdict->take, other, NULL))
            g_ptr_array_remove_index(slot, i);
    }
    return slot;
}

static void
judge_reset(VerdictCase *c)
{
    g_autoptr(GPtrArray) hit = hit_by_slot_reset(c);
    g_autofree char *names = report_addresses(hit);

    switch (c->fn->reset) {
    case HOST_RESET_NONE:
        verdict_add(c, VERDICT_IF,
                    g_strdup("It has no reset: it works for one start of a "
                             "machine, and may need a restart of the host "
                             "before the next."),
                    "Accept that, or use another device; a newer kernel may "
                    "know a way to reset it.");
        return;
    case HOST_RESET_SLOT:
        if (hit->len > 0)
            verdict_add(c, VERDICT_IF,
                        g_strdup_printf("It can only be reset together with "
                                        "%s, which the host uses.",
                                        names),
                        "Give the machine those functions too.");
        return;
    case HOST_RESET_PM:
        verdict_add(c, VERDICT_CAN,
                    g_strdup("Its only reset is power state D3hot, which some "
                             "devices only pretend to do: rehearse it before "
                             "you rely on it."),
                    NULL);
        return;
    case HOST_RESET_UNKNOWN:
        verdict_add(c, VERDICT_CAN,
                    g_strdup("This kernel does not say how it can be reset "
                             "(5.15 and later do): rehearse it."),
                    NULL);
        return;
    case HOST_RESET_BUS:
    case HOST_RESET_SPECIFIC:
    case HOST_RESET_FLR:
    default: return;
    }
}

/* ---- remarks ------------------------------------------------------------- */

static void
judge_together(VerdictCase *c)
{
    g_autoptr(GPtrArray) rest = g_ptr_array_new();

    for (guint i = 0; i < c->verdict->take->len; i++)
        if (g_ptr_array_index(c->verdict->take, i) != c->fn)
            g_ptr_array_add(rest, g_ptr_array_index(c->verdict->take, i));
    if (rest->len == 0)
        return;
    g_autofree char *names = report_addresses(rest);
    verdict_add(
        c, VERDICT_CAN,
        g_strdup_printf("The rest of the card is taken along: %s.", names),
        NULL);
}

static void
judge_twin(VerdictCase *c)
{
    if (c->fn->physfn == NULL && host_pci_has_twin(c->host, c->fn))
        verdict_add(c, VERDICT_CAN,
                    g_strdup_printf("There is another one of the same model; "
                                    "this one is the one at %s, and is bound "
                                    "by that address, never by its id.",
                                    report_short(c->fn)),
                    NULL);
}

static void
judge_display(VerdictCase *c)
{
    const HostPciFn *fn = c->fn;

    if (!host_pci_fn_is_display(fn))
        return;
    if (fn->vendor == VENDOR_INTEL && fn->parent == NULL && fn->slot == 2 &&
        fn->physfn == NULL)
        verdict_add(c, VERDICT_CAN,
                    g_strdup("It is the processor's own graphics: a guest gets "
                             "a picture only with drivers that need no "
                             "firmware of it, and often none on the monitor."),
                    NULL);
    if (fn->class_code >> 8 == 0x0302)
        verdict_add(c, VERDICT_CAN,
                    g_strdup("It has no outputs of its own (a 3D controller, "
                             "as in laptops): the guest's picture has to come "
                             "another way, by VNC or a shared frame."),
                    NULL);
    if (fn->boot_vga == 1)
        verdict_add(c, VERDICT_CAN,
                    g_strdup("The firmware started it, so its ROM may have "
                             "been changed or be hidden; give the machine a "
                             "ROM file when the guest shows nothing."),
                    NULL);
}

static void
judge_sriov(VerdictCase *c)
{
    if (c->fn->total_vfs > 0)
        verdict_add(c, VERDICT_CAN,
                    g_strdup_printf("It can be split into %u virtual functions "
                                    "(SR-IOV), each for a machine of its own, "
                                    "while the host keeps it.",
                                    c->fn->total_vfs),
                    NULL);
}

static void
judge_seen(VerdictCase *c)
{
    if (!c->host->sees_processes &&
        (host_pci_fn_is_display(c->fn) || is_vfio(c->fn)))
        verdict_add(c, VERDICT_CAN,
                    g_strdup("Only your own programs could be looked at; as "
                             "root (sudo) all that use it are shown."),
                    NULL);
}

static void
judge_bound(VerdictCase *c)
{
    if (is_vfio(c->fn))
        verdict_add(c, VERDICT_CAN,
                    g_strdup("It is on vfio-pci already, ready for a machine."),
                    NULL);
}

/* clang-format off */
static const VerdictRow rows[] = {
    /* the host */
    { "bridge",        judge_bridge,        true },
    { "iommu",         judge_iommu,         false },
    { "vfio",          judge_vfio,          false },
    { "gone",          judge_gone,          false },
    { "group",         judge_group,         false },
    /* what the host needs */
    { "boot-disk",     judge_boot_disk,     false },
    { "ssh",           judge_ssh,           false },
    { "default-route", judge_default_route, false },
    { "console",       judge_console,       false },
    { "keyboard",      judge_keyboard,      false },
    { "group-others",  judge_group_others,  false },
    { "disk",          judge_disk,          false },
    { "network",       judge_network,       false },
    { "machine",       judge_machine,       false },
    { "processes",     judge_processes,     false },
    { "vfs",           judge_vfs,           false },
    { "reset",         judge_reset,         false },
    /* remarks */
    { "bound",         judge_bound,         false },
    { "together",      judge_together,      false },
    { "twin",          judge_twin,          false },
    { "display",       judge_display,       false },
    { "sriov",         judge_sriov,         false },
    { "seen",          judge_seen,          false },
};
/* clang-format on */

const VerdictRow *
verdict_rows(gsize *ret_n)
{
    *ret_n = G_N_ELEMENTS(rows);
    return rows;
}
