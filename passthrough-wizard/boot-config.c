/* passthrough-wizard/boot-config.c - see boot-config.h. initramfs-tools(7),
 * dracut.modules(7), mkinitcpio(8), grub-mkconfig(8), the Boot Loader
 * Specification. */
#include "passthrough-wizard/boot-config.h"

#include <string.h>

#include "passthrough-wizard/boot-texts.h"

#define ARGUMENT "carrel.vfio="

typedef struct {
    const char *path;
    guint mode;
    const char *text;
} BootFile;

typedef struct {
    const char *there;   /* the host has it when this is there */
    const char *program; /* of the step "run" */
    BootFile files[3];
} Initramfs;

/* clang-format off */
static const Initramfs initramfs_kinds[] = {
    { "/etc/initramfs-tools", "update-initramfs",
      { { "/etc/initramfs-tools/hooks/carrel-vfio", 0755, BOOT_TEXT_TOOLS_HOOK },
        { "/etc/initramfs-tools/scripts/init-top/carrel-vfio", 0755, BOOT_TEXT_TOOLS_SCRIPT } } },
    { "/etc/mkinitcpio.conf", "mkinitcpio",
      { { "/etc/initcpio/install/carrel-vfio", 0644, BOOT_TEXT_INITCPIO_INSTALL },
        { "/etc/initcpio/hooks/carrel-vfio", 0644, BOOT_TEXT_INITCPIO_HOOK },
        { "/etc/mkinitcpio.conf.d/90-carrel-vfio.conf", 0644, BOOT_TEXT_INITCPIO_CONF } } },
    { "/usr/lib/dracut/modules.d", "dracut",
      { { "/usr/lib/dracut/modules.d/90carrel-vfio/module-setup.sh", 0755, BOOT_TEXT_DRACUT_SETUP },
        { "/usr/lib/dracut/modules.d/90carrel-vfio/carrel-vfio.sh", 0755, BOOT_TEXT_DRACUT_SCRIPT },
        { "/etc/dracut.conf.d/90-carrel-vfio.conf", 0644, BOOT_TEXT_DRACUT_CONF } } },
};
/* clang-format on */

static bool
refuse(GError **error, const char *why)
{
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED, "%s", why);
    return false;
}

/* A program that makes something of files runs behind them, there and back. */
static void
run_when_undone(Plan *plan, const char *program)
{
    plan_add(plan, "run", program, "run", "");
}

static void
run_now(Plan *plan, const char *program)
{
    plan_add(plan, "run", program, "", "run");
}

static const Initramfs *
find_initramfs(const HostHand *hand)
{
    for (gsize i = 0; i < G_N_ELEMENTS(initramfs_kinds); i++)
        if (host_root_exists(hand->root, initramfs_kinds[i].there))
            return &initramfs_kinds[i];
    return NULL;
}

static bool
add_files(Plan *plan, const HostHand *hand, const Initramfs *kind,
          GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kind->files); i++) {
        const BootFile *f = &kind->files[i];
        if (f->path != NULL &&
            !plan_add_file(plan, hand, f->path, f->mode, f->text, error))
            return false;
    }
    return true;
}

/* Folders of a boot loader that only root may look into, as Fedora's
 * /boot/grub2 and many ESPs: without them there is no telling which it is. */
static bool
may_look(const HostHand *hand, GError **error)
{
    static const char *const files[] = {
        "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg",
        "/efi/loader/loader.conf", "/boot/loader/loader.conf",
        "/boot/efi/loader/loader.conf"};

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        if (!host_root_is_hidden(hand->root, files[i]))
            continue;
        g_autofree char *dir = g_path_get_dirname(files[i]);
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_PERMISSION,
                    "this user may not look into '%s', so how this host starts "
                    "is not known; run the same with sudo",
                    dir);
        return false;
    }
    return true;
}

/* ---- GRUB ---- */

/* The step that makes grub.cfg, or NULL: no GRUB here. */
static const char *
grub_program(const HostHand *hand)
{
    if (!host_root_exists(hand->root, "/etc/grub.d/10_linux"))
        return NULL;
    if (host_root_exists(hand->root, "/boot/grub2/grub.cfg"))
        return "grub2-mkconfig";
    return host_root_exists(hand->root, "/usr/sbin/update-grub")
               ? "update-grub"
               : "grub-mkconfig";
}

static bool
add_grub_entry(Plan *plan, const HostHand *hand, const char *arguments,
               GError **error)
{
    g_autofree char *text = g_strdup_printf(BOOT_TEXT_GRUB_ENTRY, arguments);
    return plan_add_file(plan, hand, "/etc/grub.d/42_carrel", 0755, text,
                         error);
}

/* "carrel-gnulinux-simple-UUID", the first that grub.cfg has of ours. */
static char *
grub_entry_id(const HostHand *hand)
{
    const char *path = host_root_exists(hand->root, "/boot/grub2/grub.cfg")
                           ? "/boot/grub2/grub.cfg"
                           : "/boot/grub/grub.cfg";
    g_autofree char *text =
        host_root_read(hand->root, path, HOST_ROOT_MAX_FILE, NULL, NULL);
    const char *at = text != NULL ? strstr(text, "'" BOOT_GRUB_ID) : NULL;
    const char *end = at != NULL ? strchr(at + 1, '\'') : NULL;

    return end != NULL ? g_strndup(at + 1, (gsize) (end - at - 1)) : NULL;
}

/* The text with NAME=VALUE as its last word on NAME: lines before stay. */
static char *
set_variable(const char *text, const char *name, const char *line)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *prefix = g_strconcat(name, "=", NULL);
    GString *out = g_string_new(NULL);
    bool done = false;

    for (gsize i = 0; lines[i] != NULL; i++) {
        bool last = lines[i + 1] == NULL;
        bool hit = !done && g_str_has_prefix(lines[i], prefix);
        if (last && lines[i][0] == '\0')
            break;
        g_string_append_printf(out, "%s\n", hit ? line : lines[i]);
        done = done || hit;
    }
    if (!done)
        g_string_append_printf(out, "%s\n", line);
    return g_string_free(out, FALSE);
}

static bool
confirm_grub(Plan *plan, const HostHand *hand, GError **error)
{
    g_autofree char *id = grub_entry_id(hand);

    if (id == NULL)
        return refuse(error, "GRUB has no entry on trial; `carrel passthrough "
                             "apply --when=boot ADDRESS` makes one");
    g_autofree char *line = g_strdup_printf("GRUB_DEFAULT='%s'", id);
    const char *program = grub_program(hand);
    run_when_undone(plan, program);
    if (host_root_exists(hand->root, "/etc/default/grub.d")) {
        g_autofree char *text = g_strdup_printf(
            "# Carrel: the entry with passthrough, confirmed.\n%s\n", line);
        if (!plan_add_file(plan, hand, "/etc/default/grub.d/90-carrel.cfg",
                           0644, text, error))
            return false;
    } else {
        g_autofree char *now = host_root_read(hand->root, "/etc/default/grub",
                                              HOST_HAND_MAX_FILE, NULL, error);
        g_autofree char *text =
            now != NULL ? set_variable(now, "GRUB_DEFAULT", line) : NULL;
        if (text == NULL ||
            !plan_add_file(plan, hand, "/etc/default/grub", 0644, text, error))
            return false;
    }
    run_now(plan, program);
    return true;
}

/* ---- systemd-boot ---- */

#define SD_ENTRY "0-carrel-passthrough.conf"

/* "/boot/loader", or NULL: no systemd-boot here. */
static const char *
sd_loader(const HostHand *hand)
{
    static const char *const dirs[] = {"/efi/loader", "/boot/loader",
                                       "/boot/efi/loader"};

    for (gsize i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autofree char *file = g_strconcat(dirs[i], "/loader.conf", NULL);
        if (host_root_exists(hand->root, file))
            return dirs[i];
    }
    return NULL;
}

/* The text of the entry that starts the kernel that runs now; any other where
 * none says its release. */
static char *
sd_base_entry(const HostHand *hand, const char *dir, const char *release)
{
    g_auto(GStrv) names = host_root_names(hand->root, "%s/entries", dir);
    char *found = NULL;

    for (gsize i = 0; names[i] != NULL; i++) {
        if (!g_str_has_suffix(names[i], ".conf") ||
            strcmp(names[i], SD_ENTRY) == 0)
            continue;
        g_autofree char *path = g_strdup_printf("%s/entries/%s", dir, names[i]);
        g_autofree char *text =
            host_root_read(hand->root, path, HOST_HAND_MAX_FILE, NULL, NULL);
        if (text == NULL || strstr(text, "linux") == NULL)
            continue;
        bool ours = strstr(text, release) != NULL;
        if (found != NULL && !ours)
            continue;
        g_free(found);
        found = g_steal_pointer(&text);
        if (ours)
            break;
    }
    return found;
}

/* The same kernel with more arguments. A sort-key behind all others keeps the
 * old entry in front; without one, names count, and ours is the lowest. */
static char *
sd_entry_text(const char *base, const char *arguments)
{
    g_auto(GStrv) lines = g_strsplit(base, "\n", -1);
    GString *out = g_string_new(NULL);
    bool options = false;

    for (gsize i = 0; lines[i] != NULL; i++) {
        if (lines[i + 1] == NULL && lines[i][0] == '\0')
            break;
        g_auto(GStrv) words = g_strsplit_set(lines[i], " \t", 2);
        const char *word = words[0] != NULL ? words[0] : "";
        const char *rest =
            word[0] != '\0' && words[1] != NULL ? g_strstrip(words[1]) : "";
        if (strcmp(word, "title") == 0)
            g_string_append_printf(out, "title %s, passthrough (Carrel)\n",
                                   rest);
        else if (strcmp(word, "sort-key") == 0)
            g_string_append_printf(out, "sort-key zz-%s\n", rest);
        else if (strcmp(word, "options") == 0 && !options)
            g_string_append_printf(out, "options %s %s\n", rest, arguments);
        else
            g_string_append_printf(out, "%s\n", lines[i]);
        options = options || strcmp(word, "options") == 0;
    }
    if (!options)
        g_string_append_printf(out, "options %s\n", arguments);
    return g_string_free(out, FALSE);
}

static bool
add_sd_entry(Plan *plan, const HostHand *hand, const HostPci *host,
             const char *dir, const char *arguments, GError **error)
{
    g_autofree char *base = sd_base_entry(hand, dir, host->kernel);
    g_autofree char *path = g_strdup_printf("%s/entries/" SD_ENTRY, dir);

    if (base == NULL)
        return refuse(error, "systemd-boot has no entry to start from: this "
                             "host starts from a unified kernel image, whose "
                             "command line is within it");
    g_autofree char *text = sd_entry_text(base, arguments);
    return plan_add_file(plan, hand, path, 0644, text, error);
}

static bool
confirm_sd(Plan *plan, const HostHand *hand, const char *dir, GError **error)
{
    g_autofree char *conf = g_strconcat(dir, "/loader.conf", NULL);
    g_autofree char *entry = g_strdup_printf("%s/entries/" SD_ENTRY, dir);
    g_autofree char *now =
        host_root_read(hand->root, conf, HOST_HAND_MAX_FILE, NULL, error);

    if (now == NULL)
        return false;
    if (!host_root_exists(hand->root, entry))
        return refuse(error, "systemd-boot has no entry on trial; `carrel "
                             "passthrough apply --when=boot ADDRESS` makes "
                             "one");
    g_auto(GStrv) lines = g_strsplit(now, "\n", -1);
    g_autoptr(GString) out = g_string_new("default " SD_ENTRY "\n");
    for (gsize i = 0; lines[i] != NULL; i++)
        if ((lines[i + 1] != NULL || lines[i][0] != '\0') &&
            !g_str_has_prefix(lines[i], "default ") &&
            !g_str_has_prefix(lines[i], "default\t"))
            g_string_append_printf(out, "%s\n", lines[i]);
    return plan_add_file(plan, hand, conf, 0644, out->str, error);
}

/* ---- plans ---- */

/* What vfio_bind_plan() has for a restart; it refuses what cannot go, too. */
static bool
add_lasting(Plan *plan, HostHand *hand, const HostPci *host,
            const char *const *bdfs, const BindOptions *options, GError **error)
{
    BindOptions lasting = *options;

    lasting.udev_rule = lasting.after_restart = true;
    lasting.huge_pages = 0;
    g_autoptr(Plan) bind = vfio_bind_plan(hand, host, bdfs, &lasting, error);
    for (guint i = 0; bind != NULL && i < bind->steps->len; i++) {
        const Step *s = plan_step(bind, i);
        if (step_is_lasting(s))
            plan_add(plan, s->kind, s->target, s->before, s->after);
    }
    return bind != NULL;
}

static char *
arguments_of(const HostPci *host, const GPtrArray *set,
             const BindOptions *options)
{
    GString *text = g_string_new(ARGUMENT);

    for (guint i = 0; i < set->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(set, i);
        g_string_append_printf(text, "%s%s", i > 0 ? "," : "", fn->bdf);
    }
    if (host->iommu.kind == HOST_IOMMU_INTEL)
        g_string_append(text, " intel_iommu=on");
    g_string_append(text, " iommu=pt");
    if (options->huge_pages > 0)
        g_string_append_printf(text, " hugepages=%" G_GUINT64_FORMAT,
                               options->huge_pages);
    return g_string_free(text, FALSE);
}

Plan *
boot_plan(HostHand *hand, const HostPci *host, const char *const *bdfs,
          const BindOptions *options, GError **error)
{
    g_autoptr(GPtrArray) set = vfio_bind_set(host, bdfs, error);
    const Initramfs *kind = find_initramfs(hand);
    const char *grub = grub_program(hand), *sd = sd_loader(hand);
    g_autofree char *what = g_strjoinv(" ", (char **) bdfs);
    g_autofree char *title = g_strdup_printf("bind %s at boot", what);
    g_autoptr(Plan) plan = plan_new(title);
    const char *why =
        kind == NULL ? "this host has none of initramfs-tools, dracut and "
                       "mkinitcpio, so nothing can be bound early; have it "
                       "given when the machine starts"
        : grub == NULL && sd == NULL
            ? "this host starts neither by GRUB nor by systemd-boot; have it "
              "given when the machine starts"
            : NULL;

    if (set == NULL || !may_look(hand, error) ||
        (why != NULL && !refuse(error, why)))
        return NULL;
    g_autofree char *arguments = arguments_of(host, set, options);
    if (grub != NULL)
        run_when_undone(plan, grub);
    run_when_undone(plan, kind->program);
    if (!add_lasting(plan, hand, host, bdfs, options, error) ||
        !add_files(plan, hand, kind, error) ||
        (grub != NULL ? !add_grub_entry(plan, hand, arguments, error)
                      : !add_sd_entry(plan, hand, host, sd, arguments, error)))
        return NULL;
    run_now(plan, kind->program);
    if (grub != NULL)
        run_now(plan, grub);
    plan_note(plan, "choose the entry with \"passthrough\" at the next start "
                    "of the host; the old one stays the default until `carrel "
                    "passthrough confirm`");
    return g_steal_pointer(&plan);
}

Plan *
boot_confirm_plan(HostHand *hand, GError **error)
{
    g_autoptr(Plan) plan = plan_new("confirm the boot entry");
    const char *sd = sd_loader(hand);
    bool good = false;

    if (!may_look(hand, error))
        return NULL;
    if (grub_program(hand) != NULL)
        good = confirm_grub(plan, hand, error);
    else if (sd != NULL)
        good = confirm_sd(plan, hand, sd, error);
    else
        (void) refuse(error,
                      "this host starts neither by GRUB nor by systemd-boot");
    return good ? g_steal_pointer(&plan) : NULL;
}

/* ---- on trial ---- */

static bool
has_text(const HostRoot *root, const char *path, const char *text)
{
    g_autofree char *all =
        host_root_read(root, path, HOST_HAND_MAX_FILE, NULL, NULL);
    return all != NULL && strstr(all, text) != NULL;
}

static bool
is_confirmed(const HostRoot *root)
{
    static const struct {
        const char *path, *text;
    } places[] = {
        {"/etc/default/grub.d/90-carrel.cfg", "GRUB_DEFAULT='" BOOT_GRUB_ID},
        {"/etc/default/grub", "GRUB_DEFAULT='" BOOT_GRUB_ID},
        {"/efi/loader/loader.conf", "default " SD_ENTRY},
        {"/boot/loader/loader.conf", "default " SD_ENTRY},
        {"/boot/efi/loader/loader.conf", "default " SD_ENTRY},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        if (has_text(root, places[i].path, places[i].text))
            return true;
    return false;
}

static bool
has_entry(const HostRoot *root)
{
    static const char *const places[] = {
        "/etc/grub.d/42_carrel", "/efi/loader/entries/" SD_ENTRY,
        "/boot/loader/entries/" SD_ENTRY, "/boot/efi/loader/entries/" SD_ENTRY};

    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        if (host_root_exists(root, places[i]))
            return true;
    return false;
}

BootTrial
boot_trial(const HostRoot *root)
{
    g_autofree char *line = host_root_line(root, "/proc/cmdline");
    bool by_it = line != NULL && strstr(line, ARGUMENT) != NULL;

    if (!by_it)
        return has_entry(root) && !is_confirmed(root) ? BOOT_TRIAL_WAITS
                                                      : BOOT_TRIAL_NONE;
    return is_confirmed(root) ? BOOT_TRIAL_CONFIRMED : BOOT_TRIAL_ON;
}
