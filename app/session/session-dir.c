/* app/session/session-dir.c - where a running machine lives on the host.
 *
 * Sockets are reached through /proc/self/fd/N of their folder, because a path
 * in sun_path ends at 107 bytes and XDG folders may be longer. */
#include "app/session/session-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <glib/gstdio.h>

#include "app/session/message.h"
#include "app/session/session-error.h"
#include "profiles/paths.h"
#include "vmm/core/sysutil.h"

#define SOCKET_NAME  "control.sock"
#define LOCK_NAME    "lock"
#define RECORD_NAME  "last-state.json"
#define SIGNAL_NAME  "signal"
#define LOCK_RETRIES 10
#define BACKLOG      128 /* as many as the server takes */

char *
session_runtime_dir(const char *name)
{
    return name != NULL ? paths_machine_runtime(name) : paths_runtime_dir();
}

char *
session_state_dir(const char *name)
{
    return paths_machine_state(name);
}

char *
session_log_file(const char *name, const char *source)
{
    g_autofree char *dir = session_state_dir(name);
    g_autofree char *base = g_strdup_printf("%s.log", source);
    return g_build_filename(dir, base, NULL);
}

char *
session_throw_away_profile(const char *name)
{
    g_autofree char *dir = session_runtime_dir(name);
    return g_build_filename(dir, "machine.ini", NULL);
}

/* The folder as a descriptor, checked: a real folder that nobody else may
 * write. */
static int
open_private_dir(const char *path, GError **error)
{
    CARREL_AUTO_FD int fd =
        open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        sys_error(error, errno, "folder '%s'", path);
        return -1;
    }
    if (st.st_uid != geteuid()) {
        g_set_error(error, CARREL_SESSION_ERROR,
                    CARREL_SESSION_ERROR_PERMISSION,
                    "folder '%s' belongs to user %u, not to us; remove it or "
                    "set XDG_RUNTIME_DIR to a folder of your own",
                    path, (unsigned) st.st_uid);
        return -1;
    }
    if ((st.st_mode & 0077) != 0 && fchmod(fd, 0700) != 0) {
        sys_error(error, errno, "folder '%s': cannot make it private", path);
        return -1;
    }
    return sys_steal_fd(&fd);
}

bool
session_dirs_make(const char *name, GError **error)
{
    g_autofree char *runtime = paths_make_runtime(name, error);
    g_autofree char *state = session_state_dir(name);
    return runtime != NULL && paths_make_private(state, error);
}

static void
remove_dir(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    if (dir == NULL)
        return;
    const char *entry;
    while ((entry = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(path, entry, NULL);
        (void) unlink(file); /* what cannot go stays, rmdir then fails */
    }
    g_dir_close(dir);
    (void) rmdir(path);
}

/* Under another name first: whoever makes the folder anew in the meantime must
 * not lose it to the removal of the old one. */
void
session_runtime_remove(const char *name)
{
    g_autofree char *dir = session_runtime_dir(name);
    g_autofree char *parent = session_runtime_dir(NULL);
    g_autofree char *hidden = g_strdup_printf("%s/.%s.%d.%08x", parent, name,
                                              (int) getpid(), g_random_int());
    if (rename(dir, hidden) == 0)
        remove_dir(hidden);
}

void
session_state_remove(const char *name)
{
    g_autofree char *dir = session_state_dir(name);
    remove_dir(dir);
}

static pid_t
read_pid(int fd)
{
    char text[32] = "";
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    if (got <= 0)
        return 0;
    gint64 pid = g_ascii_strtoll(text, NULL, 10);
    return pid > 0 && pid <= G_MAXINT ? (pid_t) pid : 0;
}

static bool
file_is_at(int fd, const char *path)
{
    struct stat ours, theirs;
    return fstat(fd, &ours) == 0 && lstat(path, &theirs) == 0 &&
           ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

int
session_lock(const char *name, GError **error)
{
    g_autofree char *dir = session_runtime_dir(name);
    g_autofree char *path = g_build_filename(dir, LOCK_NAME, NULL);

    /* The last holder removes the file, so what we locked may be gone. */
    for (unsigned i = 0; i < LOCK_RETRIES; i++) {
        CARREL_AUTO_FD int fd =
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            sys_error(error, errno, "lock file '%s'", path);
            return -1;
        }
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
            g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                        "machine '%s' is already running (process %d)", name,
                        (int) read_pid(fd));
            return -1;
        }
        if (!file_is_at(fd, path))
            continue;
        g_autofree char *text = g_strdup_printf("%d\n", (int) getpid());
        if (ftruncate(fd, 0) != 0 || !sys_write_all(fd, text, strlen(text))) {
            sys_error(error, errno, "lock file '%s'", path);
            return -1;
        }
        return sys_steal_fd(&fd);
    }
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                "machine '%s' is being started or stopped by others; try again",
                name);
    return -1;
}

bool
session_is_running(const char *name, pid_t *ret_pid)
{
    g_autofree char *dir = session_runtime_dir(name);
    g_autofree char *path = g_build_filename(dir, LOCK_NAME, NULL);
    CARREL_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_GETLK, &whole) != 0 || whole.l_type == F_UNLCK)
        return false;
    if (ret_pid != NULL)
        *ret_pid = read_pid(fd);
    return true;
}

static bool
socket_address(int dir_fd, struct sockaddr_un *ret_addr)
{
    *ret_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    return snprintf(ret_addr->sun_path, sizeof ret_addr->sun_path,
                    "/proc/self/fd/%d/" SOCKET_NAME,
                    dir_fd) < (int) sizeof ret_addr->sun_path;
}

int
session_listen(const char *name, GError **error)
{
    g_autofree char *dir = session_runtime_dir(name);
    CARREL_AUTO_FD int dir_fd = open_private_dir(dir, error);
    if (dir_fd < 0)
        return -1;
    CARREL_AUTO_FD int fd =
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un addr;
    if (fd >= 0 && socket_address(dir_fd, &addr)) {
        (void) unlinkat(dir_fd, SOCKET_NAME, 0); /* stale: we hold the lock */
        if (fchmod(fd, 0600) == 0 &&
            bind(fd, (struct sockaddr *) &addr, sizeof addr) == 0 &&
            fchmodat(dir_fd, SOCKET_NAME, 0600, 0) == 0 &&
            listen(fd, BACKLOG) == 0)
            return sys_steal_fd(&fd);
    }
    sys_error(error, errno, "control socket of machine '%s' in '%s'", name,
              dir);
    return -1;
}

int
session_connect(const char *name, GError **error)
{
    g_autofree char *dir = session_runtime_dir(name);
    CARREL_AUTO_FD int dir_fd =
        open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct sockaddr_un addr;
    int err = errno;

    if (dir_fd >= 0 && socket_address(dir_fd, &addr)) {
        CARREL_AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 &&
            SYS_RETRY(connect(fd, (struct sockaddr *) &addr, sizeof addr)) == 0)
            return sys_steal_fd(&fd);
        err = errno;
    }
    if (err == ENOENT || err == ECONNREFUSED || err == ENOTDIR)
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                    "machine '%s' is not running", name);
    else
        sys_error(error, err, "control socket of machine '%s'", name);
    return -1;
}

/* Tells two starts of the host apart, so that a power failure is not called a
 * crash of ours. */
static char *
boot_id(void)
{
    char *text = NULL;
    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL,
                             NULL))
        return g_strdup("");
    return g_strstrip(text);
}

void
session_record_write(const char *name, const char *state, const char *reason)
{
    g_autofree char *dir = session_state_dir(name);
    g_autofree char *path = g_build_filename(dir, RECORD_NAME, NULL);
    g_autofree char *boot = boot_id();
    JsonWriter *out = message_new();
    gsize len;

    json_put_string(out, "state", state);
    json_put_string(out, "reason", reason != NULL ? reason : "");
    json_put_int(out, "pid", getpid());
    json_put_int(out, "time", (gint64) time(NULL));
    json_put_string(out, "boot", boot);
    g_autofree char *text = message_finish(out, &len);
    (void) g_file_set_contents_full(path, text, (gssize) len,
                                    G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
}

/* What the crash handler of the machine's process left, or NULL. */
static char *
signal_note(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, SIGNAL_NAME, NULL);
    char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    g_strstrip(text);
    if (text[0] == '\0' || strlen(text) > 200)
        g_clear_pointer(&text, g_free);
    return text;
}

/* The process that left its lock file behind and is gone, or 0. The file says
 * so even when the disk of the record was full. */
static pid_t
lost_process(const char *name)
{
    g_autofree char *dir = session_runtime_dir(name);
    g_autofree char *path = g_build_filename(dir, LOCK_NAME, NULL);
    CARREL_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || session_is_running(name, NULL))
        return 0;
    pid_t pid = read_pid(fd); /* 0: not yet written, it is being started */
    return pid > 1 && kill(pid, 0) != 0 && errno == ESRCH ? pid : 0;
}

static void
judge_lost_process(SessionRecord *record, const char *dir, const char *boot)
{
    g_autofree char *here = boot_id();
    g_autofree char *note = signal_note(dir);

    g_free(record->reason);
    if (strcmp(here, boot) != 0) {
        g_free(record->state);
        record->state = g_strdup("stopped");
        record->reason = g_strdup("the host was restarted while it ran");
        return;
    }
    g_free(record->state);
    record->state = g_strdup("crashed");
    record->lost = true;
    record->reason =
        note != NULL
            ? g_strdup_printf("process ended unexpectedly (%s)", note)
            : g_strdup("process ended unexpectedly (killed, or out of memory)");
}

static SessionRecord *
read_record(const char *dir, char **ret_boot)
{
    g_autofree char *path = g_build_filename(dir, RECORD_NAME, NULL);
    g_autofree char *text = NULL;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, NULL))
        return NULL;
    g_autoptr(JsonNode) m = message_parse(text, len, NULL);
    if (m == NULL)
        return NULL;
    SessionRecord *record = g_new0(SessionRecord, 1);
    record->state = g_strdup(json_get_string(m, "state", ""));
    record->reason = g_strdup(json_get_string(m, "reason", ""));
    record->pid = json_get_int(m, "pid", 0);
    record->time = json_get_int(m, "time", 0);
    *ret_boot = g_strdup(json_get_string(m, "boot", ""));
    return record;
}

SessionRecord *
session_record_read(const char *name)
{
    g_autofree char *dir = session_state_dir(name);
    g_autofree char *boot = NULL;
    SessionRecord *record = read_record(dir, &boot);
    pid_t lost = lost_process(name);

    if (record != NULL && strcmp(record->state, "running") == 0) {
        if (!session_is_running(name, NULL))
            judge_lost_process(record, dir, boot);
    } else if (lost != 0 && (record == NULL || record->pid != lost)) {
        /* what the record tells is of an earlier process */
        g_autofree char *here = boot_id();
        session_record_free(record);
        record = g_new0(SessionRecord, 1);
        record->pid = lost;
        judge_lost_process(record, dir, here);
    }
    return record;
}

void
session_record_free(SessionRecord *record)
{
    if (record == NULL)
        return;
    g_free(record->state);
    g_free(record->reason);
    g_free(record);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

char **
session_names(void)
{
    GPtrArray *names = g_ptr_array_new();
    g_autofree char *parent = session_runtime_dir(NULL);
    GDir *dir = g_dir_open(parent, 0, NULL);
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        g_autofree char *ini = session_throw_away_profile(entry);
        if (entry[0] != '.' && (session_is_running(entry, NULL) ||
                                g_file_test(ini, G_FILE_TEST_IS_REGULAR)))
            g_ptr_array_add(names, g_strdup(entry));
    }
    if (dir != NULL)
        g_dir_close(dir);
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (char **) g_ptr_array_free(names, FALSE);
}
