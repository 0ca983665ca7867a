/* app/helper/hold.c - see hold.h. */
#include "app/helper/hold.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/helper/elevate.h"
#include "app/helper/hold-plan.h"
#include "app/helper/vf-mac.h"
#include "app/linger.h"
#include "passthrough-wizard/console.h"
#include "passthrough-wizard/host-pci.h"
#include "passthrough-wizard/huge-pages.h"
#include "passthrough-wizard/vfio-bind.h"
#include "profiles/pci-address.h"
#include "profiles/schema.h"
#include "vmm/core/sysutil.h"

#define MAX_DEVICES 16
#define WAIT_FD     3
/* A machine that is gone may still be closing its devices. */
#define TRIES        300
#define TRY_EVERY_US 100000

/* ---- root's side ---- */

/* The byte that the starter wrote is there for as long as the starter is: the
 * kernel forgets it with the last end. Without a writer at the time of open(2)
 * poll(2) would never tell that there is none any more. */
int
hold_open(const App *app, const char *path, gint64 user)
{
    struct stat st;
    char byte;
    CARREL_AUTO_FD int fd =
        open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode) ||
        (gint64) st.st_uid != user) {
        (void) app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "hold: --fifo is to be a FIFO of the user who asks");
        return -1;
    }
    if (SYS_RETRY(read(fd, &byte, 1)) != 1) {
        (void) app_fail(app, EXIT_STATE, "wrong-state", NULL, NULL,
                        "hold: who asked for it is gone; nothing is bound");
        return -1;
    }
    return sys_steal_fd(&fd);
}

/* Until the machine is gone, or somebody ends this process. */
static void
wait_for_end(int fd)
{
    sigset_t set;
    char sink[256];

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM); /* blocked since before the fork */
    CARREL_AUTO_FD int term = signalfd(-1, &set, SFD_CLOEXEC);
    struct pollfd fds[] = {{fd, POLLIN, 0}, {term, POLLIN, 0}};
    for (;;) {
        if (SYS_RETRY(poll(fds, G_N_ELEMENTS(fds), -1)) < 0)
            return;
        if (fds[1].revents != 0)
            return;
        if (fds[0].revents & POLLIN &&
            SYS_RETRY(read(fd, sink, sizeof sink)) > 0)
            continue; /* nobody should write, and nothing is meant by it */
        if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            return;
    }
}

G_NORETURN static void
wait_and_give_back(const App *app, int fd, guint64 id)
{
    App quiet = *app;
    int code = EXIT_STATE;

    (void) setsid();
    (void) prctl(PR_SET_NAME, "carrel-hold", 0, 0, 0);
    (void) signal(SIGHUP, SIG_IGN);
    (void) signal(SIGINT, SIG_IGN);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; null >= 0 && i < 3; i++)
        (void) dup2(null, i);
    /* What was inherited may be the FIFO's other end: it would never end. */
    int wait_fd = dup2(fd, WAIT_FD);
    (void) close_range(WAIT_FD + 1, ~0u, 0);
    wait_for_end(wait_fd);
    quiet.quiet = true;
    for (unsigned i = 0; i < TRIES && code != EXIT_OK; i++) {
        g_autoptr(HostRoot) root = host_root_open(NULL, NULL);
        HostHand hand = transaction_hand(root);
        code = transaction_undo(&quiet, &hand, id);
        if (code != EXIT_OK)
            g_usleep(TRY_EVERY_US);
    }
    _exit(code);
}

bool
hold_wait(const App *app, int fd, guint64 id)
{
    pid_t pid = fork();

    if (pid == 0)
        wait_and_give_back(app, fd, id);
    if (pid > 0)
        return true;
    (void) app_fail(app, EXIT_FAILED, "failed", NULL, NULL,
                    "hold: no process can be started: %s", g_strerror(errno));
    return false;
}

/* The first hold in force of one of the devices, or of the owner's pages (NULL:
 * of none); 0: none. */
static guint64
held_by(char *const *devices, const char *owner)
{
    g_autoptr(GPtrArray) records = journal_read(NULL);
    g_autofree char *boot = NULL;
    char bdf[HOST_BDF_SIZE];
    guint64 id = 0;

    (void) g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot, NULL,
                               NULL);
    boot = boot != NULL ? g_strchomp(boot) : g_strdup("");
    for (gsize i = 0; records != NULL && devices[i] != NULL && id == 0; i++)
        if (pci_address_parse(devices[i], bdf))
            id = journal_find_hold(records, bdf, boot);
    if (records != NULL && owner != NULL && id == 0)
        id = journal_find_hold(records, owner, boot);
    return id;
}

bool
hold_wait_earlier(const App *app, char *const *devices, const char *owner)
{
    guint64 id = 0;

    for (unsigned i = 0; i < TRIES; i++) {
        id = held_by(devices, owner);
        if (id == 0)
            return true;
        if (i == 0)
            app_say(app, "waiting until an earlier machine gives it back");
        g_usleep(TRY_EVERY_US);
    }
    g_autofree char *remedy =
        g_strdup_printf("carrel passthrough undo %" G_GUINT64_FORMAT, id);
    (void) app_fail(
        app, EXIT_STATE, "busy",
        "stop the machine that has it; when none has, take the "
        "change back",
        remedy,
        "a device or huge pages are still held for an earlier machine "
        "(change %" G_GUINT64_FORMAT ")",
        id);
    return false;
}

/* ---- the machine's side ---- */

static char **
devices_of(const Profile *profile)
{
    GPtrArray *list = g_ptr_array_new();

    for (unsigned i = 0; i < MAX_DEVICES; i++) {
        g_autofree char *key = g_strdup_printf("pci%u.host", i);
        const char *value = schema_find_full(key) != NULL
                                ? profile_get_string(profile, key)
                                : NULL;
        if (value != NULL && *value != '\0')
            g_ptr_array_add(list, g_strdup(value));
    }
    g_ptr_array_add(list, NULL);
    return (char **) g_ptr_array_free(list, FALSE);
}

/* Bound, and for this user to open: else the helper has something to do. */
static bool
is_bound(const char *text)
{
    char bdf[HOST_BDF_SIZE];

    if (!pci_address_parse(text, bdf))
        return false; /* the helper says what is wrong with it */
    g_autofree char *path =
        g_strdup_printf("/sys/bus/pci/devices/%s/driver", bdf);
    g_autofree char *link = g_file_read_link(path, NULL);
    if (link == NULL || !g_str_has_suffix(link, "/vfio-pci"))
        return false;
    g_autofree char *group_link =
        g_strdup_printf("/sys/bus/pci/devices/%s/iommu_group", bdf);
    g_autofree char *group = g_file_read_link(group_link, NULL);
    g_autofree char *number =
        group != NULL ? g_path_get_basename(group) : g_strdup("");
    g_autofree char *node = g_build_filename("/dev/vfio", number, NULL);
    return *number != '\0' && access(node, R_OK | W_OK) == 0;
}

/* "0000:01:10.0=52:54:00:12:34:56" of each device whose address the profile
 * gives. */
static char **
macs_of(const Profile *profile)
{
    GPtrArray *list = g_ptr_array_new();
    char bdf[HOST_BDF_SIZE];

    for (unsigned i = 0; i < MAX_DEVICES; i++) {
        g_autofree char *key = g_strdup_printf("pci%u.host", i);
        g_autofree char *mac_key = g_strdup_printf("pci%u.mac", i);
        if (schema_find_full(mac_key) == NULL)
            continue;
        const char *mac = profile_get_string(profile, mac_key);
        if (*mac != '\0' &&
            pci_address_parse(profile_get_string(profile, key), bdf))
            g_ptr_array_add(list, g_strdup_printf("%s=%s", bdf, mac));
    }
    g_ptr_array_add(list, NULL);
    return (char **) g_ptr_array_free(list, FALSE);
}

static bool
has_mac(const char *pair)
{
    const char *equals = strchr(pair, '=');
    g_autofree char *bdf = g_strndup(pair, (gsize) (equals - pair));

    return vf_mac_check(bdf, equals + 1, NULL);
}

static bool
all_ready(char **devices, char **macs, const char *owner)
{
    for (gsize i = 0; devices[i] != NULL; i++)
        if (!is_bound(devices[i]))
            return false;
    for (gsize i = 0; macs[i] != NULL; i++)
        if (!has_mac(macs[i]))
            return false;
    return held_by(devices, owner) == 0; /* it would go in a moment */
}

/* Whose pages a machine holds; NULL: it has none. g_free. */
static char *
owner_of_pages(const Profile *profile, const char *name)
{
    const char *word = profile_get_string(profile, "memory.hugepages");
    bool wants = strcmp(word, "2M") == 0 || strcmp(word, "1G") == 0;

    return wants ? hold_plan_owner((gint64) getuid(), name) : NULL;
}

/* "2048kB:512": the pages that the RAM needs, when not so many are free. NULL:
 * nothing to do. g_free. */
static char *
missing_pages(const Profile *profile)
{
    const char *word = profile_get_string(profile, "memory.hugepages");
    guint64 memory = profile_get_u64(profile, "machine.memory");
    const char *size = strcmp(word, "2M") == 0   ? "2048kB"
                       : strcmp(word, "1G") == 0 ? "1048576kB"
                                                 : NULL;
    g_autoptr(HostRoot) root = size != NULL ? host_root_open(NULL, NULL) : NULL;

    if (root == NULL)
        return NULL;
    guint64 bytes = g_ascii_strtoull(size, NULL, 10) * 1024;
    guint64 need = (memory + bytes - 1) / bytes;
    if (huge_pages_free(root, size) >= need)
        return NULL;
    return g_strdup_printf("%s:%" G_GUINT64_FORMAT, size, need);
}

/* "0000:01:00.0=8G" for each device that the profile has one for. */
static char **
rebars_of(const Profile *profile)
{
    GPtrArray *words = g_ptr_array_new();

    for (unsigned i = 0; i < MAX_DEVICES; i++) {
        g_autofree char *host = g_strdup_printf("pci%u.host", i);
        g_autofree char *size = g_strdup_printf("pci%u.rebar", i);
        if (schema_find_full(size) == NULL ||
            *profile_get_string(profile, size) == '\0' ||
            *profile_get_string(profile, host) == '\0')
            continue;
        g_ptr_array_add(
            words, g_strdup_printf("%s=%s", profile_get_string(profile, host),
                                   profile_get_string(profile, size)));
    }
    g_ptr_array_add(words, NULL);
    return (char **) g_ptr_array_free(words, FALSE);
}

bool
hold_is_needed(const Profile *profile, const char *name)
{
    g_auto(GStrv) devices = devices_of(profile);
    g_auto(GStrv) macs = macs_of(profile);
    g_autofree char *pages = missing_pages(profile);
    g_autofree char *owner = owner_of_pages(profile, name);
    return pages != NULL || !all_ready(devices, macs, owner);
}

/* Does any of the devices take the host's console along? */
static bool
has_console(const Profile *profile)
{
    for (unsigned i = 0; i < MAX_DEVICES; i++) {
        g_autofree char *host = g_strdup_printf("pci%u.host", i);
        g_autofree char *console = g_strdup_printf("pci%u.console", i);
        if (schema_find_full(host) != NULL &&
            *profile_get_string(profile, host) != '\0' &&
            profile_get_bool(profile, console))
            return true;
    }
    return false;
}

/* The steps that root's process will do; NULL: reported. */
static Plan *
make_plan(const App *app, const HoldWish *wish)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HostRoot) root = host_root_open(NULL, &error);
    g_autoptr(HostPci) host = root != NULL ? host_pci_read(root, &error) : NULL;

    if (host == NULL) {
        (void) app_fail_error(app, error);
        return NULL;
    }
    HostHand hand = transaction_hand(root);
    Plan *plan = hold_plan_make(&hand, host, wish, &error);
    if (plan == NULL)
        (void) transaction_fail(app, error);
    return plan;
}

/* Is it written down, for each device, that nobody has to be asked? */
static bool
is_consented(const Profile *profile)
{
    for (unsigned i = 0; i < MAX_DEVICES; i++) {
        g_autofree char *host = g_strdup_printf("pci%u.host", i);
        g_autofree char *consent = g_strdup_printf("pci%u.consent", i);
        if (schema_find_full(host) != NULL &&
            *profile_get_string(profile, host) != '\0' &&
            !profile_get_bool(profile, consent))
            return false;
    }
    return true;
}

static bool
agree(const App *app, const Plan *plan)
{
    if (app->yes || plan->steps->len == 0)
        return true;
    if (!app->json)
        transaction_show(app, plan);
    if (app_confirm(app, "Take this from the host until the machine ends?"))
        return true;
    (void) app_fail(app, EXIT_STATE, "not-agreed",
                    "--yes agrees for this time; pci0.consent=true in the "
                    "machine's settings, for each device, for all times",
                    NULL,
                    "not started: that the host's devices are taken was not "
                    "agreed to");
    return false;
}

/* The desktop's end ends its programs too: this one, the machine, and root's
 * process that waits, unless something keeps the login. */
static bool
outlives_its_console(const App *app, const Plan *plan)
{
    if (!console_is_handed_over(plan) || linger_outlives_desktop(""))
        return true;
    (void) app_fail(app, EXIT_STATE, "wrong-state",
                    "let your programs outlive the login, or start it by SSH "
                    "or at a text console",
                    "loginctl enable-linger",
                    "not started: handing the console over ends your only "
                    "login here, and the machine with it");
    return false;
}

/* The helper binds and stays behind; what it says goes to the terminal. */
static int
ask_helper(const App *app, const HoldWish *wish, const char *fifo,
           const Plan *plan)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autoptr(GPtrArray) options = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *sum = transaction_sum(plan);
    g_autofree char *expect = g_strdup_printf("--expect=%s", sum);
    g_autofree char *where = g_strdup_printf("--fifo=%s", fifo);
    g_autofree char *user = g_strdup_printf("--user=%u", getuid());

    g_ptr_array_add(words, (char *) "hold");
    for (gsize i = 0; wish->devices[i] != NULL; i++)
        g_ptr_array_add(words, wish->devices[i]);
    if (wish->pages != NULL)
        g_ptr_array_add(options, g_strdup_printf("--pages=%s", wish->pages));
    if (wish->pages != NULL)
        g_ptr_array_add(options,
                        g_strdup_printf("--machine=%s", wish->machine));
    for (gsize i = 0; wish->rebars[i] != NULL; i++)
        g_ptr_array_add(options,
                        g_strconcat("--rebar=", wish->rebars[i], NULL));
    for (gsize i = 0; wish->macs[i] != NULL; i++)
        g_ptr_array_add(options, g_strconcat("--mac=", wish->macs[i], NULL));
    for (guint i = 0; i < options->len; i++)
        g_ptr_array_add(words, options->pdata[i]);
    g_ptr_array_add(words, where);
    g_ptr_array_add(words, user);
    g_ptr_array_add(words, expect);
    if (wish->bind.console)
        g_ptr_array_add(words, (char *) "--console");
    g_ptr_array_add(words, NULL);
    return elevate_run(app, (const char *const *) words->pdata);
}

/* The FIFO that this process keeps open; -1: reported. */
static int
make_fifo(const App *app, const char *fifo)
{
    CARREL_AUTO_FD int fd = -1;

    if (mkfifo(fifo, 0600) == 0)
        fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && sys_write_all(fd, "", 1)) /* see hold_open() */
        return sys_steal_fd(&fd);
    (void) app_fail(app, EXIT_FAILED, "failed", NULL, NULL, "no FIFO '%s': %s",
                    fifo, g_strerror(errno));
    return -1;
}

int
hold_machine(const App *app, const char *name, const Profile *profile,
             bool agreed, int *ret_fd)
{
    g_auto(GStrv) devices = devices_of(profile);
    g_auto(GStrv) macs = macs_of(profile);
    g_autofree char *owner = owner_of_pages(profile, name);
    g_autoptr(GError) error = NULL;
    char *none[] = {NULL};

    *ret_fd = -1;
    if (!hold_wait_earlier(app, devices, owner))
        return EXIT_STATE;
    /* only now: what is given back takes its pages along */
    g_autofree char *pages = missing_pages(profile);
    bool ready = all_ready(devices, macs, owner);
    if (ready && pages == NULL)
        return EXIT_OK;
    g_auto(GStrv) rebars = rebars_of(profile);
    const HoldWish wish = {
        .devices = ready ? none : devices,
        .macs = ready ? none : macs,
        .rebars = ready ? none : rebars,
        .pages = pages,
        .machine = name,
        .bind = {.user = (gint64) getuid(), .console = has_console(profile)},
    };
    g_autoptr(Plan) plan = make_plan(app, &wish);
    if (plan == NULL || !outlives_its_console(app, plan) ||
        (!agreed && !is_consented(profile) && !agree(app, plan)))
        return EXIT_STATE;
    g_autofree char *dir = g_dir_make_tmp("carrel-hold-XXXXXX", &error);
    if (dir == NULL)
        return app_fail_error(app, error);
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);
    CARREL_AUTO_FD int fd = make_fifo(app, fifo);
    if (console_is_handed_over(plan)) /* this terminal may end with it */
        (void) signal(SIGHUP, SIG_IGN);
    int code = fd >= 0 ? ask_helper(app, &wish, fifo, plan) : (int) EXIT_FAILED;
    (void) g_unlink(fifo); /* both ends are open now, or of no use */
    (void) g_rmdir(dir);
    if (code == EXIT_OK)
        *ret_fd = sys_steal_fd(&fd);
    return code;
}
