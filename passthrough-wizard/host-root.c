/* passthrough-wizard/host-root.c - reads beneath a directory.
 *
 * openat2(2) with RESOLVE_IN_ROOT keeps every link inside the root; magic links
 * of /proc are not followed, so that /proc/PID/root leads nowhere. A recording
 * is asked through host-root-internal.h. */
#include "passthrough-wizard/host-root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "passthrough-wizard/host-record.h"
#include "passthrough-wizard/host-root-internal.h"

struct HostRoot {
    char *name;
    int fd;         /* directory; -1 for a recording */
    HostTree *tree; /* recording, or NULL */
    bool live;
};

G_DEFINE_QUARK(carrel - host - error - quark, carrel_host_error)

static HostRoot *
root_new(const char *name, int fd, HostTree *tree)
{
    HostRoot *root = g_new0(HostRoot, 1);

    root->name = g_strdup(name);
    root->fd = fd;
    root->tree = tree;
    root->live = strcmp(name, "/") == 0;
    return root;
}

HostRoot *
host_root_new_tree(HostTree *tree, const char *name)
{
    return root_new(name, -1, tree);
}

/* Files of /proc and /sys say a size that is none: read until the end. */
static int
read_all(int fd, GByteArray *out, gsize max)
{
    guint8 piece[8192];

    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            return 0;
        if (out->len + (gsize) n > max)
            return EFBIG;
        g_byte_array_append(out, piece, (guint) n);
    }
}

static HostRoot *
open_recording(int fd, const char *name, GError **error)
{
    GByteArray *text = g_byte_array_new();
    int err = read_all(fd, text, HOST_RECORD_MAX_BYTES);

    close(fd);
    HostTree *tree = NULL;
    if (err != 0)
        g_set_error(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_FORMAT,
                    "cannot be read as a recording: %s",
                    err == EFBIG ? "it is longer than 32 MiB"
                                 : g_strerror(err));
    else
        tree = host_tree_parse((const char *) text->data, text->len, error);
    g_byte_array_free(text, TRUE);
    if (tree == NULL) {
        g_prefix_error(error, "%s: ", name);
        return NULL;
    }
    return host_root_new_tree(tree, name);
}

HostRoot *
host_root_open(const char *dir, GError **error)
{
    const char *name = dir != NULL ? dir : "/";
    struct stat st;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) != 0) {
        g_set_error(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_ROOT,
                    "cannot look beneath %s: %s; give a directory, or a file "
                    "that `carrel doctor --record` wrote",
                    name, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (S_ISREG(st.st_mode))
        return open_recording(fd, name, error);
    if (S_ISDIR(st.st_mode))
        return root_new(name, fd, NULL);
    close(fd);
    g_set_error(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_ROOT,
                "%s is neither a directory nor a recording of one", name);
    return NULL;
}

void
host_root_free(HostRoot *root)
{
    if (root == NULL)
        return;
    if (root->fd >= 0)
        close(root->fd);
    host_tree_free(root->tree);
    g_free(root->name);
    g_free(root);
}

bool
host_root_is_live(const HostRoot *root)
{
    return root->live;
}

const char *
host_root_name(const HostRoot *root)
{
    return root->name;
}

int
host_root_openat(const HostRoot *root, const char *path, int flags)
{
    struct open_how how = {.flags = (guint64) (flags | O_CLOEXEC),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    long fd;

    if (root->tree != NULL) {
        errno = ENOSYS;
        return -1;
    }
    do {
        fd = syscall(SYS_openat2, root->fd, *path != '\0' ? path : "/", &how,
                     sizeof(how));
    } while (fd == -1 && (errno == EINTR || errno == EAGAIN));
    return (int) fd;
}

/* By the descriptor, so that what is asked about is what was opened. */
static bool
may(int fd, int how)
{
    return faccessat(fd, "", how, AT_EACCESS | AT_EMPTY_PATH) == 0;
}

static bool
stat_beneath(const HostRoot *root, const char *path, HostNode *ret)
{
    struct stat st;
    int fd = host_root_openat(root, path, O_PATH);

    if (fd < 0)
        return false;
    bool found = fstat(fd, &st) == 0;
    if (found)
        *ret = (HostNode){
            .kind = S_ISDIR(st.st_mode)   ? HOST_NODE_DIR
                    : S_ISREG(st.st_mode) ? HOST_NODE_FILE
                                          : HOST_NODE_DEVICE,
            .mode = st.st_mode & 07777,
            .uid = st.st_uid,
            .gid = st.st_gid,
            .rdev = st.st_rdev,
            .can_read = may(fd, R_OK),
            .can_write = may(fd, W_OK),
        };
    close(fd);
    return found;
}

bool
host_root_stat(const HostRoot *root, const char *path, HostNode *ret)
{
    return root->tree != NULL ? host_tree_stat(root->tree, path, ret)
                              : stat_beneath(root, path, ret);
}

bool
host_root_exists(const HostRoot *root, const char *path)
{
    HostNode node;
    return host_root_stat(root, path, &node);
}

bool
host_root_is_hidden(const HostRoot *root, const char *path)
{
    if (root->tree != NULL) /* a recording has what could be read */
        return false;
    int fd = host_root_openat(root, path, O_PATH);
    bool hidden = fd < 0 && (errno == EACCES || errno == EPERM);
    if (fd >= 0)
        close(fd);
    return hidden;
}

static char *
fail_read(GError **error, const char *path, int err)
{
    int code = err == ENOENT || err == ENOTDIR ? CARREL_HOST_ERROR_MISSING
               : err == EACCES || err == EPERM ? CARREL_HOST_ERROR_DENIED
                                               : CARREL_HOST_ERROR_READ;

    g_set_error(error, CARREL_HOST_ERROR, code, "cannot read %s: %s", path,
                err == EFBIG ? "it is longer than it may be" : g_strerror(err));
    return NULL;
}

static char *
read_beneath(const HostRoot *root, const char *path, gsize max, gsize *ret_len,
             GError **error)
{
    struct stat st;
    int fd = host_root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return fail_read(error, path, errno);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return fail_read(error, path, EINVAL);
    }
    GByteArray *out = g_byte_array_new();
    int err = read_all(fd, out, max);
    close(fd);
    if (err != 0) {
        g_byte_array_free(out, TRUE);
        return fail_read(error, path, err);
    }
    if (ret_len != NULL)
        *ret_len = out->len;
    g_byte_array_append(out, (const guint8 *) "", 1);
    return (char *) g_byte_array_free(out, FALSE);
}

static char *
read_tree(const HostRoot *root, const char *path, gsize max, gsize *ret_len,
          GError **error)
{
    gsize len = 0;
    const char *data = host_tree_data(root->tree, path, &len);

    if (data == NULL)
        return fail_read(error, path, errno);
    if (len > max)
        return fail_read(error, path, EFBIG);
    char *copy = g_malloc(len + 1);
    memcpy(copy, data, len);
    copy[len] = '\0';
    if (ret_len != NULL)
        *ret_len = len;
    return copy;
}

char *
host_root_read(const HostRoot *root, const char *path, gsize max,
               gsize *ret_len, GError **error)
{
    max = MIN(max, HOST_ROOT_MAX_FILE);
    return root->tree != NULL ? read_tree(root, path, max, ret_len, error)
                              : read_beneath(root, path, max, ret_len, error);
}

static char *
line_of(const HostRoot *root, const char *path)
{
    char *text = host_root_read(root, path, 65536, NULL, NULL);

    if (text == NULL)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    return g_strstrip(text);
}

char *
host_root_line(const HostRoot *root, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *path = g_strdup_vprintf(fmt, args);
    va_end(args);
    return line_of(root, path);
}

gint64
host_root_int(const HostRoot *root, gint64 fallback, const char *fmt, ...)
{
    char *end;
    va_list args;

    va_start(args, fmt);
    g_autofree char *path = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_autofree char *line = line_of(root, path);
    if (line == NULL || *line == '\0')
        return fallback;
    errno = 0;
    gint64 value =
        g_ascii_strtoll(line, &end, g_str_has_prefix(line, "0x") ? 16 : 10);
    return errno != 0 || *end != '\0' ? fallback : value;
}

/* The link itself must not be followed, its directory must. */
static char *
link_beneath(const HostRoot *root, const char *path)
{
    char target[4096];
    int fd = host_root_openat(root, path, O_PATH | O_NOFOLLOW);

    if (fd < 0)
        return NULL;
    ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
    close(fd);
    return n < 0 ? NULL : g_strndup(target, (gsize) n);
}

static char *
link_of(const HostRoot *root, const char *path)
{
    return root->tree != NULL ? g_strdup(host_tree_link(root->tree, path))
                              : link_beneath(root, path);
}

char *
host_root_link(const HostRoot *root, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *path = g_strdup_vprintf(fmt, args);
    va_end(args);
    return link_of(root, path);
}

char *
host_root_link_name(const HostRoot *root, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *path = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_autofree char *target = link_of(root, path);
    return target != NULL ? g_path_get_basename(target) : NULL;
}

static GPtrArray *
names_beneath(const HostRoot *root, const char *path)
{
    GPtrArray *names = g_ptr_array_new();
    int fd = host_root_openat(root, path, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return names;
    }
    while (names->len < HOST_ROOT_MAX_NAMES && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(dir);
    return names;
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

char **
host_root_names(const HostRoot *root, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *path = g_strdup_vprintf(fmt, args);
    va_end(args);
    GPtrArray *names = root->tree != NULL ? host_tree_names(root->tree, path)
                                          : names_beneath(root, path);
    g_ptr_array_sort(names, by_name);
    g_ptr_array_add(names, NULL);
    return (char **) g_ptr_array_free(names, FALSE);
}
