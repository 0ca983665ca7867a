/* passthrough-wizard/host-root.h - where everything about the host is read.
 *
 * A root is a directory ("/" by default) or a recording (host-record.h): every
 * path is resolved beneath it, symbolic links too, so that the recorded tree of
 * another machine answers like the machine did. Reads are bounded and a file
 * that is no regular file is not read. Paths may begin with "/", which means
 * the root. Nothing here writes.
 *
 * Errors: a missing file is a value (NULL, false), not an error; whoever needs
 * the reason uses host_root_read(). Thread: any one at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct HostRoot HostRoot;

/* Nothing in /sys or /proc that is read here is longer. */
enum { HOST_ROOT_MAX_FILE = 4 * 1024 * 1024, HOST_ROOT_MAX_NAMES = 65536 };

#define CARREL_HOST_ERROR (carrel_host_error_quark())
GQuark carrel_host_error_quark(void);
typedef enum {
    CARREL_HOST_ERROR_ROOT,    /* the root itself cannot be used */
    CARREL_HOST_ERROR_MISSING, /* no such file, or no such device */
    CARREL_HOST_ERROR_DENIED,  /* this user may not read it */
    CARREL_HOST_ERROR_READ,    /* anything else, also: longer than allowed */
    CARREL_HOST_ERROR_FORMAT   /* a recording or an address is malformed */
} CarrelHostError;

/* dir: a directory, or a file that `carrel doctor --record` wrote; NULL: "/".
 * The caller frees. */
HostRoot *host_root_open(const char *dir, GError **error);
void host_root_free(HostRoot *root);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostRoot, host_root_free)

/* True for "/" itself: what is read is this machine, now. */
bool host_root_is_live(const HostRoot *root);
/* The name it was opened by; borrowed. */
const char *host_root_name(const HostRoot *root);

typedef enum { HOST_NODE_FILE, HOST_NODE_DIR, HOST_NODE_DEVICE } HostNodeKind;

typedef struct {
    HostNodeKind kind;
    guint mode;  /* permission bits */
    guint32 uid; /* owner and group, as numbers */
    guint32 gid;
    guint64 rdev;             /* device nodes of a directory; 0 in recordings */
    bool can_read, can_write; /* by the user who looks, or who recorded */
} HostNode;

/* False: there is nothing at path. Follows links. */
bool host_root_stat(const HostRoot *root, const char *path, HostNode *ret);
bool host_root_exists(const HostRoot *root, const char *path);
/* True when this user may not even know: a directory above path is closed. */
bool host_root_is_hidden(const HostRoot *root, const char *path);

/* A descriptor of path beneath the root (O_CLOEXEC is added), or -1 with errno
 * set; ENOSYS for a recording, which has no files. The caller closes it. The
 * steps of a plan write through it. */
int host_root_openat(const HostRoot *root, const char *path, int flags);

/* The whole file, NUL-terminated behind *ret_len bytes (may be NULL), at most
 * max bytes; g_free. */
char *host_root_read(const HostRoot *root, const char *path, gsize max,
                     gsize *ret_len, GError **error);
/* First line without blanks at its ends, or NULL when there is no such file.
 * g_free. The path is printf's. */
char *host_root_line(const HostRoot *root, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);
/* The number that the file is (decimal, or hexadecimal with 0x), or fallback.
 */
gint64 host_root_int(const HostRoot *root, gint64 fallback, const char *fmt,
                     ...) G_GNUC_PRINTF(3, 4);
/* Where a symbolic link points, as it is written; NULL: it is none. g_free. */
char *host_root_link(const HostRoot *root, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);
/* The last component of that. g_free. */
char *host_root_link_name(const HostRoot *root, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);
/* Names in a directory without . and .., sorted; empty when there is none.
 * g_strfreev. */
char **host_root_names(const HostRoot *root, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);
