/* passthrough-wizard/checks-passthrough.c - what passing devices through needs
 * of the host. The table is at the bottom. */
#include <string.h>

#include "passthrough-wizard/boot-config.h"
#include "passthrough-wizard/checks-internal.h"
#include "passthrough-wizard/report.h"
#include "passthrough-wizard/verdict.h"

/* Passthrough rows count only where there is an IOMMU. */
static bool
does_not_apply(CheckCase *c)
{
    if (check_iommu_works(c))
        return false;
    check_say(c, CHECK_NONE, g_strdup("not needed before there is an IOMMU"));
    return true;
}

/* ---- IOMMU --------------------------------------------------------------- */

static void
look_iommu(CheckCase *c)
{
    g_auto(ReportIommuFinding) f = {0};

    if (c->host == NULL) {
        check_say(c, CHECK_NONE, g_strdup("this host has no PCI bus"));
        return;
    }
    report_iommu(c->host, &f);
    bool on =
        f.state == REPORT_IOMMU_ON || f.state == REPORT_IOMMU_NO_REMAPPING;
    check_say(c, on ? CHECK_OK : CHECK_BAD, g_strdup(f.finding));
    if (!on)
        check_advise(c, f.consequence, f.remedy, f.command, NULL);
}

static void
look_remapping(CheckCase *c)
{
    g_auto(ReportIommuFinding) f = {0};

    if (does_not_apply(c))
        return;
    report_iommu(c->host, &f);
    if (f.state == REPORT_IOMMU_ON) {
        check_say(c,
                  c->host->iommu.remapping == HOST_YES ? CHECK_OK : CHECK_NONE,
                  g_strdup(c->host->iommu.remapping == HOST_YES
                               ? "interrupts are remapped"
                               : "not known on this kernel"));
        return;
    }
    bool consent = c->host->iommu.unsafe_interrupts == HOST_YES;
    check_say(c, consent ? CHECK_HINT : CHECK_BAD,
              g_strdup(consent ? "no, and you consented to unsafe interrupts"
                               : "interrupts are not remapped"));
    check_advise(c, f.consequence, f.remedy, f.command,
                 f.command != NULL
                     ? "echo 0 | sudo tee /sys/module/vfio_iommu_type1/"
                       "parameters/allow_unsafe_interrupts"
                     : NULL);
}

/* ---- VFIO ---------------------------------------------------------------- */

static void
look_vfio(CheckCase *c)
{
    if (does_not_apply(c))
        return;
    if (c->host->vfio_modules) {
        check_say(c, CHECK_OK,
                  g_strdup(c->host->vfio_loaded
                               ? "vfio-pci is loaded"
                               : "vfio-pci is there, loaded when wanted"));
        return;
    }
    check_say(c, CHECK_BAD,
              g_strdup_printf("kernel %s has no vfio-pci", c->host->kernel));
    check_advise(c, "No device can be passed through.",
                 "Start your distribution's normal kernel; small ones for the "
                 "cloud leave it out.",
                 NULL, NULL);
}

/* A rule of udev for nodes of VFIO: they stay usable after a restart. */
static bool
has_vfio_rule(const CheckCase *c)
{
    static const char *const places[] = {"/etc/udev/rules.d",
                                         "/usr/lib/udev/rules.d",
                                         "/usr/local/lib/udev/rules.d"};

    for (gsize p = 0; p < G_N_ELEMENTS(places); p++) {
        g_auto(GStrv) names = host_root_names(c->root, "%s", places[p]);
        for (unsigned i = 0; names[i] != NULL; i++) {
            g_autofree char *path =
                g_strdup_printf("%s/%s", places[p], names[i]);
            g_autofree char *text =
                host_root_read(c->root, path, 65536, NULL, NULL);
            if (text != NULL && strstr(text, "SUBSYSTEM==\"vfio\"") != NULL &&
                (strstr(text, "GROUP=") != NULL ||
                 strstr(text, "OWNER=") != NULL ||
                 strstr(text, "MODE=") != NULL))
                return true;
        }
    }
    return false;
}

/* The first group's node that this user may not open. */
static char *
closed_node(const CheckCase *c, unsigned *ret_n)
{
    g_auto(GStrv) names = host_root_names(c->root, "/dev/vfio");
    char *closed = NULL;

    *ret_n = 0;
    for (unsigned i = 0; names[i] != NULL; i++) {
        HostNode node;
        g_autofree char *path = g_strdup_printf("/dev/vfio/%s", names[i]);
        if (!g_ascii_isdigit(*names[i]) ||
            !host_root_stat(c->root, path, &node))
            continue;
        ++*ret_n;
        if (closed == NULL && (!node.can_read || !node.can_write))
            closed = g_strdup_printf("%s %04o, owner %u, group %u", path,
                                     node.mode, node.uid, node.gid);
    }
    return closed;
}

static void
look_vfio_access(CheckCase *c)
{
    unsigned n;

    if (does_not_apply(c))
        return;
    g_autofree char *closed = closed_node(c, &n);
    if (closed != NULL) {
        check_say(c, CHECK_BAD, g_steal_pointer(&closed));
        check_advise(c, "A machine of this user cannot open the device.",
                     "Give the groups of VFIO to this user, by a rule of udev.",
                     "carrel doctor --fix --only=vfio-access",
                     "carrel passthrough undo");
    } else if (n > 0) {
        check_say(c, CHECK_OK,
                  g_strdup_printf("%u group%s ready to be opened", n,
                                  n == 1 ? "" : "s"));
    } else if (c->is_root || has_vfio_rule(c)) {
        check_say(c, CHECK_OK,
                  g_strdup(c->is_root ? "as root, everything can be opened"
                                      : "a rule of udev gives groups away"));
    } else {
        check_say(c, CHECK_HINT,
                  g_strdup("nothing is bound; then only root may open it"));
        check_advise(c, "A machine of this user could not open the device.",
                     "`carrel start` and `carrel passthrough bind` do it for "
                     "their devices; a rule of udev does it for all.",
                     "carrel doctor --fix --only=vfio-access",
                     "carrel passthrough undo");
    }
}

/* ---- locked memory ------------------------------------------------------- */

/* Soft limit of /proc/self/limits; G_MAXUINT64: unlimited; 0: unknown. */
static guint64
locked_limit(const CheckCase *c)
{
    static const char name[] = "Max locked memory";
    g_autofree char *text =
        host_root_read(c->root, "/proc/self/limits", 65536, NULL, NULL);
    const char *at = text != NULL ? strstr(text, name) : NULL;

    if (at == NULL)
        return 0;
    at += strlen(name);
    at += strspn(at, " ");
    return g_str_has_prefix(at, "unlimited") ? G_MAXUINT64
                                             : g_ascii_strtoull(at, NULL, 10);
}

static void
look_memlock(CheckCase *c)
{
    /* What a machine needs beside its RAM: its video memory, ROMs, and tables
     * of the IOMMU. */
    const guint64 slack = (guint64) 1 << 30;
    guint64 limit, need = c->wants.memory + slack;

    if (does_not_apply(c))
        return;
    limit = locked_limit(c);
    if (c->is_root || limit == G_MAXUINT64 || limit >= need) {
        g_autofree char *size = check_size(limit);
        check_say(c, CHECK_OK,
                  c->is_root || limit == G_MAXUINT64 ? g_strdup("unlimited")
                                                     : g_strdup(size));
        return;
    }
    g_autofree char *has = check_size(limit), *wants = check_size(need);
    check_say(
        c, CHECK_BAD,
        c->wants.machine != NULL
            ? g_strdup_printf("%s, needs %s for %s", has, wants,
                              c->wants.machine)
            : g_strdup_printf("%s, a machine of 4 GiB needs %s", has, wants));
    check_advise(c,
                 "A machine with a device passed through locks all its "
                 "memory; the start would fail.",
                 "Raise the limit for this user, then log out and in again.",
                 "carrel doctor --fix --only=memlock",
                 "carrel passthrough undo");
}

/* ---- what there is to pass through --------------------------------------- */

static void
look_display(CheckCase *c)
{
    unsigned n = 0;
    const HostPciFn *console = NULL;

    for (guint i = 0; c->host != NULL && i < c->host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(c->host->functions, i);
        if (!host_pci_fn_is_display(fn) || fn->physfn != NULL)
            continue;
        n++;
        if (host_pci_fn_use(fn, HOST_USE_CONSOLE) != NULL)
            console = fn;
    }
    if (n == 0)
        check_say(c, CHECK_NONE, g_strdup("no display card"));
    else if (console == NULL)
        check_say(c, CHECK_OK,
                  g_strdup_printf("%u, none draws the console", n));
    else
        check_say(c, CHECK_OK,
                  g_strdup_printf("%u, %s draws the console%s", n,
                                  report_short(console),
                                  n == 1 ? " and is the only one" : ""));
}

static void
look_devices(CheckCase *c)
{
    unsigned counts[3] = {0}, vfs = 0;

    if (does_not_apply(c))
        return;
    for (guint i = 0; i < c->host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(c->host->functions, i);
        if (!verdict_is_candidate(c->host, fn))
            continue;
        g_autoptr(Verdict) v = verdict_of(c->host, fn);
        counts[v->kind]++;
        vfs += fn->total_vfs > 0;
    }
    check_say(c, CHECK_OK,
              g_strdup_printf("%u can go, %u on a condition, %u cannot; %u can "
                              "be split (SR-IOV)",
                              counts[VERDICT_CAN], counts[VERDICT_IF],
                              counts[VERDICT_CANNOT], vfs));
}

/* ---- USB ----------------------------------------------------------------- */

static void
look_usb(CheckCase *c)
{
    g_auto(GStrv) buses = host_root_names(c->root, "/dev/bus/usb");
    unsigned n = 0, open = 0;

    for (unsigned b = 0; buses[b] != NULL; b++) {
        g_auto(GStrv) devices =
            host_root_names(c->root, "/dev/bus/usb/%s", buses[b]);
        for (unsigned d = 0; devices[d] != NULL; d++) {
            HostNode node;
            g_autofree char *path =
                g_strdup_printf("/dev/bus/usb/%s/%s", buses[b], devices[d]);
            if (!host_root_stat(c->root, path, &node))
                continue;
            n++;
            open += node.can_write;
        }
    }
    if (n == 0) {
        check_say(c, CHECK_NONE, g_strdup("no USB devices"));
        return;
    }
    check_say(c, open == n ? CHECK_OK : CHECK_HINT,
              g_strdup_printf("%u of %u devices can be opened", open, n));
    if (open < n)
        check_advise(c,
                     "USB devices that this user may not open cannot be given "
                     "to a machine.",
                     "Let this user open them, by a rule of udev: all, or the "
                     "ones that are named.",
                     "carrel usb setup", "carrel passthrough undo");
}

/* ---- a boot entry on trial ----------------------------------------------- */

static void
look_boot(CheckCase *c)
{
    switch (boot_trial(c->root)) {
    case BOOT_TRIAL_ON:
        check_say(c, CHECK_HINT,
                  g_strdup("this host was started by the entry on trial"));
        check_advise(c,
                     "Its next start is by the old entry again, and the host "
                     "has its devices back.",
                     "Confirm it when all is well; else leave it, or take it "
                     "back.",
                     "carrel passthrough confirm", "carrel passthrough undo");
        break;
    case BOOT_TRIAL_WAITS:
        check_say(c, CHECK_HINT, g_strdup("an entry on trial waits"));
        check_advise(c, "Devices are bound at boot only by that entry.",
                     "Choose the entry with \"passthrough\" when the host "
                     "starts next.",
                     NULL, "carrel passthrough undo");
        break;
    case BOOT_TRIAL_CONFIRMED:
        check_say(c, CHECK_OK, g_strdup("by the entry with passthrough"));
        break;
    case BOOT_TRIAL_NONE: /* no row */
    default: break;
    }
}

/* ---- the kernel's lockdown ----------------------------------------------- */

static void
look_lockdown(CheckCase *c)
{
    g_autofree char *line =
        host_root_line(c->root, "/sys/kernel/security/lockdown");

    if (line == NULL || strstr(line, "[none]") != NULL) {
        check_say(c, line != NULL ? CHECK_OK : CHECK_NONE,
                  g_strdup(line != NULL ? "off" : "not known"));
        return;
    }
    check_say(c, CHECK_HINT,
              g_strdup(strstr(line, "[integrity]") != NULL
                           ? "integrity (Secure Boot)"
                           : "confidentiality"));
    check_advise(c,
                 "Passing devices through works; reading their configuration "
                 "and ROM through sysfs may not.",
                 "Give a display card's ROM as a file, or switch Secure Boot "
                 "off in the firmware.",
                 NULL, NULL);
}

/* clang-format off */
static const CheckRow rows[] = {
    { "iommu",       "IOMMU",       look_iommu },
    { "remapping",   "remapping",   look_remapping },
    { "vfio",        "vfio",        look_vfio },
    { "vfio-access", "vfio access", look_vfio_access },
    { "memlock",     "memlock",     look_memlock },
    { "devices",     "devices",     look_devices },
    { "display",     "display",     look_display },
    { "usb-access",  "USB access",  look_usb },
    { "boot",        "boot entry",  look_boot },
    { "lockdown",    "lockdown",    look_lockdown },
};
/* clang-format on */

const CheckRow *
checks_passthrough(gsize *ret_n)
{
    *ret_n = G_N_ELEMENTS(rows);
    return rows;
}
