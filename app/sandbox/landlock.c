/* app/sandbox/landlock.c - see sandbox.h: the kernel's Landlock, by hand, as it
 * has no library. Versions differ in what they can restrict: what this kernel
 * does not know is left out. */
#include "app/sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/core/sysutil.h"

/* Of later kernels than the headers we may be built with. */
#define FS_REFER    (1ull << 13) /* version 2 */
#define FS_TRUNCATE (1ull << 14) /* version 3 */

#define READ        (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE       (LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)
#define MAKE                                                                   \
    (LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |          \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |               \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | FS_REFER)
#define REST                                                                   \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |               \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO)

/* What the rules of a file, not a folder, may name. */
#define OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | WRITE)

static guint64
known_rights(long version)
{
    guint64 all = READ | WRITE | MAKE | REST;

    if (version < 2) /* then moving to another folder is always refused */
        all &= ~FS_REFER;
    if (version < 3)
        all &= ~FS_TRUNCATE;
    return all;
}

/* A path that is not there needs no rule. */
static void
allow(int ruleset, const SandboxPath *path, guint64 known)
{
    guint64 rights = (path->access & SANDBOX_READ ? READ : 0) |
                     (path->access & SANDBOX_WRITE ? WRITE : 0) |
                     (path->access & SANDBOX_MAKE ? MAKE : 0);
    struct stat st;
    CARREL_AUTO_FD int fd =
        path->path != NULL ? open(path->path, O_PATH | O_CLOEXEC) : -1;

    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    if (!S_ISDIR(st.st_mode))
        rights &= OF_FILES;
    const struct landlock_path_beneath_attr rule = {
        .allowed_access = rights & known, .parent_fd = fd};
    (void) syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                   &rule, 0);
}

bool
sandbox_restrict_paths(const SandboxPath *paths, unsigned n_paths,
                       GError **error)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);

    if (version < 1)
        return sys_error(error, errno, "this kernel has no Landlock");
    const struct landlock_ruleset_attr attr = {.handled_access_fs =
                                                   known_rights(version)};
    CARREL_AUTO_FD int ruleset = (int) syscall(
        SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
    if (ruleset < 0)
        return sys_error(error, errno, "this kernel's Landlock does not work");
    for (unsigned i = 0; i < n_paths; i++)
        allow(ruleset, &paths[i], attr.handled_access_fs);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return sys_error(error, errno, "this kernel's Landlock does not work");
    return true;
}
