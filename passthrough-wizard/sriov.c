/* passthrough-wizard/sriov.c - see sriov.h. Linux
 * Documentation/PCI/pci-iov-howto.rst; the order for NVMe is the standard's:
 * resources while a secondary controller is offline, then the functions, then
 * online. */
#include "passthrough-wizard/sriov.h"

#include <string.h>

#define NVME_RESOURCES 2 /* admin queue and one for data */

const HostPciFn *
sriov_require(const HostPci *host, const char *bdf, GError **error)
{
    const HostPciFn *fn = host_pci_require(host, bdf, error);
    const char *why = NULL;

    if (fn == NULL)
        return NULL;
    if (fn->physfn != NULL)
        why = "is itself a virtual function";
    else if (fn->total_vfs == 0)
        why = "has no SR-IOV";
    else if (fn->driver == NULL)
        why = "has no driver of the host, which alone can make virtual "
              "functions";
    if (why == NULL)
        return fn;
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED, "%s %s",
                fn->bdf, why);
    return NULL;
}

/* ---- how many ---- */

static bool
check_number(const HostPciFn *fn, unsigned n, GError **error)
{
    if (n <= fn->total_vfs)
        return true;
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                "%s can have 0 to %u virtual functions, not %u", fn->bdf,
                fn->total_vfs, n);
    return false;
}

/* Taking one away that a machine has, or the host works with, would not come
 * back before it is let go. */
static bool
check_unused(HostHand *hand, const HostPci *host, const HostPciFn *fn,
             GError **error)
{
    const Step probe = {.kind = (char *) "vf-count",
                        .target = (char *) fn->bdf};

    for (gsize i = 0; fn->vfs != NULL && fn->vfs[i] != NULL; i++) {
        const HostPciFn *vf = host_pci_find(host, fn->vfs[i]);
        for (guint k = 0; vf != NULL && k < vf->uses->len; k++) {
            const HostUse *use = g_ptr_array_index(vf->uses, k);
            g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_BUSY,
                        "virtual function %s of %s is in use (%s%s%s)", vf->bdf,
                        fn->bdf, use->what != NULL ? use->what : "",
                        use->comm != NULL ? ", " : "",
                        use->comm != NULL ? use->comm : "");
            return false;
        }
    }
    return step_unused(hand, &probe, error);
}

/* "": a user may not read it, and nobody guesses; root's process looks. */
static char *
read_or_unknown(HostHand *hand, const Step *step, GError **error)
{
    g_autoptr(GError) e = NULL;
    char *value = step_read(hand, step, &e);

    if (value != NULL)
        return value;
    if (g_error_matches(e, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_PERMISSION))
        return g_strdup("");
    g_propagate_error(error, g_steal_pointer(&e));
    return NULL;
}

static bool
add_nvme(Plan *plan, HostHand *hand, const char *bdf, unsigned n,
         const char *kind, const char *after, GError **error)
{
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *target = g_strdup_printf("%s %u", bdf, i);
        const Step probe = {.kind = (char *) kind, .target = target};
        g_autofree char *before = read_or_unknown(hand, &probe, error);
        if (before == NULL)
            return false;
        plan_add(plan, kind, target, before, after);
    }
    return true;
}

static bool
add_resources(Plan *plan, HostHand *hand, const HostPciFn *fn, unsigned n,
              const SriovOptions *options, GError **error)
{
    static const char *const kinds[] = {"nvme-queues", "nvme-interrupts"};
    g_autofree char *number = g_strdup_printf(
        "%u", options->queues > 0 ? options->queues : NVME_RESOURCES);

    for (gsize i = 0; host_pci_fn_is_nvme(fn) && i < G_N_ELEMENTS(kinds); i++)
        if (!add_nvme(plan, hand, fn->bdf, n, kinds[i], number, error))
            return false;
    return true;
}

/* Functions that are made anew come offline. */
static void
add_online(Plan *plan, const HostPciFn *fn, unsigned n)
{
    for (unsigned i = 0; host_pci_fn_is_nvme(fn) && i < n; i++) {
        g_autofree char *target = g_strdup_printf("%s %u", fn->bdf, i);
        plan_add(plan, "nvme-state", target, "offline", "online");
    }
}

static void
add_count(Plan *plan, const HostPciFn *fn, unsigned n, bool host_drivers)
{
    g_autofree char *before = g_strdup_printf("%u", fn->num_vfs);
    g_autofree char *after = g_strdup_printf("%u", n);
    bool quiet = n > 0 && !host_drivers && fn->vf_autoprobe;

    if (fn->num_vfs > 0)
        plan_add(plan, "vf-count", fn->bdf, before, "0");
    if (quiet)
        plan_add(plan, "vf-autoprobe", fn->bdf, "1", "0");
    plan_add(plan, "vf-count", fn->bdf, "0", after);
    /* Without it no driver, vfio-pci neither, could be bound by hand later. */
    if (quiet)
        plan_add(plan, "vf-autoprobe", fn->bdf, "0", "1");
}

/* The driver of the physical function has to be there first: "bind". */
static bool
add_rule(Plan *plan, const HostHand *hand, const HostPciFn *fn, unsigned n,
         bool host_drivers, GError **error)
{
    g_autofree char *name = g_strdelimit(g_strdup(fn->bdf), ":", '-');
    g_autofree char *path =
        g_strdup_printf("/etc/udev/rules.d/70-carrel-vf-%s.rules", name);
    /* as add_count() does: udev assigns one after the other */
    bool quiet = !host_drivers && fn->vf_autoprobe;
    g_autofree char *text = g_strdup_printf(
        "# Carrel: %u virtual functions of %s, as soon as its driver is "
        "there.\n"
        "ACTION==\"bind\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", "
        "%sATTR{sriov_numvfs}=\"%u\"%s\n",
        n, fn->bdf, fn->bdf,
        quiet ? "ATTR{sriov_drivers_autoprobe}=\"0\", " : "", n,
        quiet ? ", ATTR{sriov_drivers_autoprobe}=\"1\"" : "");

    return plan_add_file(plan, hand, path, 0644, text, error);
}

/* With the functions go the rules that would make and set them again. */
static bool
drop_rules(Plan *plan, const HostHand *hand, const HostPciFn *fn,
           GError **error)
{
    g_autofree char *name = g_strdelimit(g_strdup(fn->bdf), ":", '-');

    for (unsigned i = 0; i <= fn->num_vfs; i++) {
        g_autofree char *tail =
            i > 0 ? g_strdup_printf("-%u", i - 1) : g_strdup("");
        g_autofree char *path = g_strdup_printf(
            "/etc/udev/rules.d/70-carrel-vf-%s%s.rules", name, tail);
        g_autofree char *now = host_hand_file(hand, path, error);
        if (now == NULL)
            return false;
        plan_add(plan, "file", path, now, "");
    }
    return true;
}

Plan *
sriov_count_plan(HostHand *hand, const HostPci *host, const char *bdf,
                 unsigned n, const SriovOptions *options, GError **error)
{
    const HostPciFn *fn = sriov_require(host, bdf, error);

    if (fn == NULL || !check_number(fn, n, error) ||
        (fn->num_vfs > 0 && !check_unused(hand, host, fn, error)))
        return NULL;
    g_autofree char *title = g_strdup_printf("vf %s %u", fn->bdf, n);
    g_autoptr(Plan) plan = plan_new(title);
    if (fn->num_vfs != n) {
        if (!add_resources(plan, hand, fn, n, options, error))
            return NULL;
        add_count(plan, fn, n, options->host_drivers);
        add_online(plan, fn, n);
    }
    if (n == 0 ? !drop_rules(plan, hand, fn, error)
               : options->persist &&
                     !add_rule(plan, hand, fn, n, options->host_drivers, error))
        return NULL;
    if (n > 0 && options->persist && host_pci_fn_is_nvme(fn))
        plan_note(plan, "after a restart the functions are there, and offline: "
                        "the rule cannot bring them online. Say `carrel "
                        "passthrough vf create` again then");
    if (n > 0 && host_pci_fn_is_network(fn) && fn->num_vfs != n)
        plan_note(plan, "the card's own link goes down for a moment");
    return g_steal_pointer(&plan);
}

/* ---- what each may ---- */

const char *
sriov_setting_kind(const char *word)
{
    static const char *const kinds[] = {"vf-mac",   "vf-vlan", "vf-spoofchk",
                                        "vf-trust", "vf-rate", "vf-link"};

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i] + strlen("vf-"), word) == 0)
            return kinds[i];
    return NULL;
}

const char *
sriov_setting_word(VfSetting setting)
{
    static const char *const words[] = {
        [VF_MAC] = "mac",     [VF_VLAN] = "vlan", [VF_SPOOF] = "spoofchk",
        [VF_TRUST] = "trust", [VF_RATE] = "rate", [VF_LINK] = "link"};

    return words[setting];
}

static const char *
setting_form(const char *word)
{
    static const char *const forms[][2] = {
        {"mac", "an address of one card, such as 52:54:00:12:34:56"},
        {"vlan", "0 for none to 4094, or 100.3 with a priority of 0 to 7"},
        {"rate", "MAX or MIN-MAX, 0 to 1000000 Mbit/s, 0 for no limit"},
        {"link", "auto, on or off"}};

    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++)
        if (strcmp(forms[i][0], word) == 0)
            return forms[i][1];
    return "on or off";
}

static void
free_vf(gpointer data)
{
    SriovVf *vf = data;

    for (gsize i = 0; i < VF_N_SETTINGS; i++)
        g_free(vf->settings[i]);
    g_free(vf->state);
    g_free(vf);
}

static SriovVf *
read_vf(HostHand *hand, const HostPciFn *pf, unsigned number)
{
    SriovVf *vf = g_new0(SriovVf, 1);
    g_autofree char *target = g_strdup_printf("%s %u", pf->bdf, number);

    g_strlcpy(vf->bdf, pf->vfs[number], sizeof vf->bdf);
    g_strlcpy(vf->pf, pf->bdf, sizeof vf->pf);
    vf->number = number;
    for (gsize i = 0; host_pci_fn_is_network(pf) && i < VF_N_SETTINGS; i++) {
        const char *word = sriov_setting_word((VfSetting) i);
        const Step probe = {.kind = (char *) sriov_setting_kind(word),
                            .target = target};
        vf->settings[i] = step_read(hand, &probe, NULL);
    }
    const Step state = {.kind = (char *) "nvme-state", .target = target};
    if (host_pci_fn_is_nvme(pf))
        vf->state = step_read(hand, &state, NULL);
    return vf;
}

GPtrArray *
sriov_read(HostHand *hand, const HostPci *host)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(free_vf);

    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        for (unsigned k = 0; fn->vfs != NULL && fn->vfs[k] != NULL; k++)
            g_ptr_array_add(all, read_vf(hand, fn, k));
    }
    return all;
}

const SriovVf *
sriov_find(const GPtrArray *vfs, const char *bdf)
{
    for (guint i = 0; i < vfs->len; i++) {
        const SriovVf *vf = g_ptr_array_index(vfs, i);
        if (strcmp(vf->bdf, bdf) == 0)
            return vf;
    }
    return NULL;
}

static bool
add_setting(Plan *plan, HostHand *hand, const char *target, const char *setting,
            GError **error)
{
    const char *equals = strchr(setting, '=');
    g_autofree char *word =
        g_strndup(setting, equals != NULL ? (gsize) (equals - setting) : 0);
    const char *kind = sriov_setting_kind(word);

    if (kind == NULL) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                    "'%.40s' is none of mac=, vlan=, spoofchk=, trust=, rate= "
                    "and link=",
                    setting);
        return false;
    }
    g_autofree char *after = g_ascii_strdown(equals + 1, -1);
    const Step probe = {(char *) kind, (char *) target, after, after};
    if (!step_check(&probe, NULL)) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                    "'%.40s' is no value of %s=, which is %s", equals + 1, word,
                    setting_form(word));
        return false;
    }
    g_autofree char *before = step_read(hand, &probe, error);
    if (before == NULL)
        return false;
    plan_add(plan, kind, target, before, after);
    return true;
}

/* A setting in the words of ip(8), most of which are ours. g_free. */
static char *
ip_words(const char *setting)
{
    g_autofree char *lower = g_ascii_strdown(setting, -1);
    g_auto(GStrv) pair = g_strsplit(lower, "=", 2);
    g_auto(GStrv) parts = g_strsplit_set(pair[1], ".-", 2);
    bool two = parts[0] != NULL && parts[1] != NULL;

    if (strcmp(pair[0], "vlan") == 0)
        return g_strdup_printf("vlan %s%s%s", parts[0], two ? " qos " : "",
                               two ? parts[1] : "");
    if (strcmp(pair[0], "rate") == 0)
        return g_strdup_printf("%s%s max_tx_rate %s", two ? "min_tx_rate " : "",
                               two ? parts[0] : "", two ? parts[1] : parts[0]);
    if (strcmp(pair[0], "link") == 0)
        return g_strdup_printf("state %s", strcmp(pair[1], "on") == 0 ? "enable"
                                           : strcmp(pair[1], "off") == 0
                                               ? "disable"
                                               : "auto");
    return g_strdup_printf("%s %s", pair[0], pair[1]);
}

/* Of two texts that begin with words of ip(8). */
static bool
sets_the_same(const char *a, const char *b)
{
    gsize n = strcspn(a, " \"");

    if (strstr(a, "_tx_rate") != NULL || strstr(b, "_tx_rate") != NULL)
        return strstr(a, "_tx_rate") != NULL && strstr(b, "_tx_rate") != NULL;
    return n == strcspn(b, " \"") && strncmp(a, b, n) == 0;
}

/* What an earlier rule sets and this one does not. */
static void
keep_lines(GString *text, const char *old, const char *intro,
           const char *const *settings)
{
    g_auto(GStrv) lines = g_strsplit(old, "\n", -1);

    for (gsize k = 0; lines[k] != NULL; k++) {
        bool kept = g_str_has_prefix(lines[k], intro);
        for (gsize i = 0; kept && settings[i] != NULL; i++) {
            g_autofree char *words = ip_words(settings[i]);
            kept = !sets_the_same(lines[k] + strlen(intro), words);
        }
        if (kept)
            g_string_append_printf(text, "%s\n", lines[k]);
    }
}

/* udev runs ip(8) when the function appears. */
static bool
add_set_rule(Plan *plan, const HostHand *hand, const HostPciFn *fn, unsigned vf,
             const char *const *settings, GError **error)
{
    g_autofree char *name = g_strdelimit(g_strdup(fn->bdf), ":", '-');
    g_autofree char *path =
        g_strdup_printf("/etc/udev/rules.d/70-carrel-vf-%s-%u.rules", name, vf);
    g_autoptr(GString) text = g_string_new(NULL);

    if (fn->netdevs == NULL || fn->netdevs[0] == NULL) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED,
                    "%s has no network interface now, which a rule would "
                    "have to name",
                    fn->bdf);
        return false;
    }
    g_autofree char *old = host_hand_file(hand, path, error);
    if (old == NULL)
        return false;
    g_autofree char *intro =
        g_strdup_printf("ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", "
                        "RUN+=\"/usr/sbin/ip link set dev %s vf %u ",
                        fn->vfs[vf], fn->netdevs[0], vf);
    g_string_append_printf(text, "# Carrel: virtual function %u of %s.\n", vf,
                           fn->bdf);
    keep_lines(text, old, intro, settings);
    for (gsize i = 0; settings[i] != NULL; i++) {
        g_autofree char *words = ip_words(settings[i]);
        g_string_append_printf(text, "%s%s\"\n", intro, words);
    }
    return plan_add_file(plan, hand, path, 0644, text->str, error);
}

Plan *
sriov_set_plan(HostHand *hand, const HostPci *host, const char *bdf,
               unsigned vf, const char *const *settings, bool persist,
               GError **error)
{
    const HostPciFn *fn = sriov_require(host, bdf, error);

    if (fn == NULL)
        return NULL;
    if (vf >= fn->num_vfs || fn->vfs == NULL) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                    "%s has %u virtual functions, numbered from 0; there is "
                    "no %u",
                    fn->bdf, fn->num_vfs, vf);
        return NULL;
    }
    g_autofree char *target = g_strdup_printf("%s %u", fn->bdf, vf);
    g_autofree char *title = g_strdup_printf("vf set %s", target);
    g_autoptr(Plan) plan = plan_new(title);
    for (gsize i = 0; settings[i] != NULL; i++)
        if (!add_setting(plan, hand, target, settings[i], error))
            return NULL;
    if (persist && !add_set_rule(plan, hand, fn, vf, settings, error))
        return NULL;
    return g_steal_pointer(&plan);
}

bool
sriov_add_mac(Plan *plan, HostHand *hand, const HostPci *host, const char *pair,
              GError **error)
{
    const char *equals = strchr(pair, '=');
    g_autofree char *bdf =
        g_strndup(pair, equals != NULL ? (gsize) (equals - pair) : 0);
    const HostPciFn *fn = host_pci_require(host, bdf, error);
    const HostPciFn *pf = fn != NULL && fn->physfn != NULL
                              ? host_pci_find(host, fn->physfn)
                              : NULL;

    if (fn == NULL)
        return false;
    if (pf == NULL || fn->vf_index < 0 || !host_pci_fn_is_network(pf) ||
        pf->driver == NULL) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED,
                    "%s is no virtual function of a network card with a driver "
                    "of the host, so it has no address to choose; leave "
                    "pci#.mac empty",
                    fn->bdf);
        return false;
    }
    g_autofree char *target = g_strdup_printf("%s %d", pf->bdf, fn->vf_index);
    g_autofree char *setting = g_strconcat("mac=", equals + 1, NULL);
    return add_setting(plan, hand, target, setting, error);
}
