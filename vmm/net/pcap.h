/* vmm/net/pcap.h - a capture file in the classic pcap format (link type
 * Ethernet, times in nanoseconds), for the tools everybody has. */
#pragma once

#include <sys/uio.h>

#include "vmm/types.h"

typedef struct NetPcap NetPcap;

/* Makes a new file of mode 0600; G_FILE_ERROR_* (_EXIST: there is one of that
 * name). max_bytes 0: no limit. Any thread; may block on the disk. */
NetPcap *pcap_new(const char *path, guint64 max_bytes, GError **error);
/* Writes what is buffered. NULL is fine. */
void pcap_free(NetPcap *pcap);
const char *pcap_path(const NetPcap *pcap); /* borrowed */

/* Adds the frame that starts skip bytes into iov; len is its length without
 * those. One caller at a time. False: the limit is reached or the disk is
 * full; nothing more is written then. */
bool pcap_add(NetPcap *pcap, const struct iovec *iov, unsigned n_iov,
              gsize skip, gsize len);
