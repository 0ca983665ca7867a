/* vmm/net/pcap.c - see pcap.h.
 *
 * Format: pcap of libpcap, magic A1B23C4D (nanoseconds), in this host's byte
 * order, which readers learn from the magic. Frames that use offloads are
 * written as the guest handed them over: long, their checksums not yet
 * filled. */
#include "vmm/net/pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "vmm/core/iov.h"
#include "vmm/core/sysutil.h"
#include "vmm/net/net-internal.h"

#define PCAP_MAGIC_NS 0xa1b23c4du
#define PCAP_MAJOR    2
#define PCAP_MINOR    4
#define PCAP_ETHERNET 1
#define PCAP_SNAP     262144 /* what readers accept without a question */
#define PCAP_BUFFER   (128u << 10)

typedef struct {
    guint32 magic;
    guint16 major, minor;
    gint32 zone;
    guint32 accuracy, snap, link_type;
} PcapHeader;

typedef struct {
    guint32 seconds, nanoseconds, stored, original;
} PcapRecord;

struct NetPcap {
    int fd;
    char *path;
    guint64 written, max; /* bytes; buffered ones are written already */
    bool ended;
    gsize used;
    guint8 buffer[PCAP_BUFFER];
};

static void
flush(NetPcap *pcap)
{
    if (pcap->used > 0 && !sys_write_all(pcap->fd, pcap->buffer, pcap->used))
        pcap->ended = true;
    pcap->used = 0;
}

NetPcap *
pcap_new(const char *path, guint64 max_bytes, GError **error)
{
    const PcapHeader header = {PCAP_MAGIC_NS, PCAP_MAJOR,   PCAP_MINOR, 0, 0,
                               PCAP_SNAP,     PCAP_ETHERNET};
    CARREL_AUTO_FD int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        sys_error(error, errno, "capture '%s' cannot be made", path);
        return NULL;
    }
    if (!sys_write_all(fd, &header, sizeof header)) {
        sys_error(error, errno, "capture '%s' cannot be written", path);
        (void) unlink(path); /* ours, and empty */
        return NULL;
    }
    NetPcap *pcap = g_new0(NetPcap, 1);
    pcap->fd = sys_steal_fd(&fd);
    pcap->path = g_strdup(path);
    pcap->written = sizeof header;
    pcap->max = max_bytes;
    return pcap;
}

void
pcap_free(NetPcap *pcap)
{
    if (pcap == NULL)
        return;
    flush(pcap);
    sys_close(&pcap->fd);
    g_free(pcap->path);
    g_free(pcap);
}

const char *
pcap_path(const NetPcap *pcap)
{
    return pcap->path;
}

bool
pcap_add(NetPcap *pcap, const struct iovec *iov, unsigned n_iov, gsize skip,
         gsize len)
{
    struct timespec now;
    gsize total = sizeof(PcapRecord) + len;

    if (pcap->ended || len > NET_FRAME_MAX ||
        (pcap->max != 0 && pcap->written + total > pcap->max)) {
        flush(pcap);
        pcap->ended = true;
        return false;
    }
    (void) clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
    PcapRecord record = {(guint32) now.tv_sec, (guint32) now.tv_nsec,
                         (guint32) len, (guint32) len};
    if (pcap->used + total > PCAP_BUFFER)
        flush(pcap);
    memcpy(pcap->buffer + pcap->used, &record, sizeof record);
    /* guest memory may change meanwhile: the length was taken before */
    gsize got = iov_read(iov, n_iov, skip,
                         pcap->buffer + pcap->used + sizeof record, len);
    memset(pcap->buffer + pcap->used + sizeof record + got, 0, len - got);
    pcap->used += total;
    pcap->written += total;
    return !pcap->ended;
}
