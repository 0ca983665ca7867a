/* passthrough-wizard/host-hand.c - see host-hand.h: the system calls. */
#include "passthrough-wizard/host-hand.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A driver of a graphics card may take many seconds to let go, or never do. */
#define WRITE_LIMIT_MS       60000
#define WRITE_LOOK_MS        5

#define NVME_IDENTIFY        0x06
#define NVME_VIRT_MGMT       0x1c
#define NVME_CNS_SECONDARY   0x15
#define NVME_LIST_BYTES      4096
#define NVME_COMMAND_MS      10000
#define NVME_VIRT_RESOURCE   8  /* shift in CDW10 */
#define NVME_VIRT_CONTROLLER 16 /* the same */

G_DEFINE_QUARK(carrel - plan - error - quark, carrel_plan_error)

static int
write_now(const HostRoot *root, const char *path, const char *text)
{
    int fd = host_root_openat(root, path, O_WRONLY);
    gsize len = strlen(text);

    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, text, len);
    int err = n == (ssize_t) len ? 0 : n < 0 ? -errno : -EIO;
    close(fd);
    return err;
}

/* In a child: the write sleeps in the kernel, out of reach of any signal, for
 * as long as a driver likes. The answer is the child's exit status. */
static int
real_write(HostHand *hand, const char *path, const char *text)
{
    int status = 0;
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0)
        _exit(-write_now(hand->root, path, text));
    for (unsigned ms = 0; ms < WRITE_LIMIT_MS; ms += WRITE_LOOK_MS) {
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid)
            return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
        if (got < 0 && errno != EINTR)
            return -errno;
        g_usleep(WRITE_LOOK_MS * 1000);
    }
    return -ETIMEDOUT;
}

static bool
real_run(HostHand *hand, const char *const *argv, GError **error)
{
    char *envp[] = {(char *) "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                    (char *) "LC_ALL=C", NULL};
    g_autofree char *err = NULL, *out = NULL;
    int status = 0;

    if (!host_root_is_live(hand->root)) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED,
                    "'%s' acts on this host, not on %s", argv[0],
                    host_root_name(hand->root));
        return false;
    }
    if (!g_spawn_sync("/", (char **) argv, envp, G_SPAWN_SEARCH_PATH_FROM_ENVP,
                      NULL, NULL, &out, &err, &status, error)) {
        g_prefix_error(error, "cannot run '%s': ", argv[0]);
        return false;
    }
    if (g_spawn_check_wait_status(status, NULL))
        return true;
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_FAILED,
                "'%s' failed: %s", argv[0], g_strstrip(err));
    return false;
}

static int
real_own(HostHand *hand, const char *path, uid_t uid, gid_t gid, guint mode)
{
    int fd = host_root_openat(hand->root, path, O_PATH | O_NOFOLLOW);
    int err = 0;

    if (fd < 0)
        return -errno;
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 || chmod(self, mode) < 0)
        err = -errno;
    close(fd);
    return err;
}

/* ---- NVMe ---- */

static int
nvme_admin(HostHand *hand, const char *node, struct nvme_admin_cmd *command)
{
    int fd = host_root_openat(hand->root, node, O_RDWR);
    int result;

    if (fd < 0)
        return -errno;
    command->timeout_ms = NVME_COMMAND_MS;
    result = ioctl(fd, NVME_IOCTL_ADMIN_CMD, command);
    if (result < 0)
        result = -errno;
    close(fd);
    return result;
}

static int
real_nvme_list(HostHand *hand, const char *node, guint8 ret[NVME_LIST_BYTES])
{
    struct nvme_admin_cmd command = {.opcode = NVME_IDENTIFY,
                                     .addr = (guint64) (gsize) ret,
                                     .data_len = NVME_LIST_BYTES,
                                     .cdw10 = NVME_CNS_SECONDARY};

    memset(ret, 0, NVME_LIST_BYTES);
    return nvme_admin(hand, node, &command);
}

static int
real_nvme_manage(HostHand *hand, const char *node, guint16 controller,
                 unsigned action, unsigned resource, unsigned number)
{
    struct nvme_admin_cmd command = {
        .opcode = NVME_VIRT_MGMT,
        .cdw10 = action | resource << NVME_VIRT_RESOURCE |
                 (guint32) controller << NVME_VIRT_CONTROLLER,
        .cdw11 = number};

    return nvme_admin(hand, node, &command);
}

const HostHandOps host_hand_real = {.write = real_write,
                                    .run = real_run,
                                    .own = real_own,
                                    .nvme_list = real_nvme_list,
                                    .nvme_manage = real_nvme_manage};
