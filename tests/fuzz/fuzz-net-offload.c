/* tests/fuzz/fuzz-net-offload.c - a virtio header and a frame, as a guest or a
 * member of a switch sends them: what passes the check is cut and summed
 * without a byte outside, and each piece is a frame. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/net/offload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
cut_up(const NetVnetHdr *hdr, const guint8 *frame, gsize len)
{
    g_autofree guint8 *piece = g_malloc(NET_FRAME_MAX);
    NetCut cut;
    gsize total = 0;

    if (!offload_cut_begin(&cut, hdr, frame, len))
        abort(); /* the check has said that it can */
    for (gsize n; (n = offload_cut_next(&cut, piece)) > 0;) {
        if (n < cut.headers || n > len)
            abort();
        total += n - cut.headers;
    }
    if (total != len - cut.headers)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    NetVnetHdr hdr, again;

    if (size <= sizeof hdr)
        return 0;
    memcpy(&hdr, data, sizeof hdr);
    gsize len = size - sizeof hdr;
    /* exactly as long as it says, so that a sanitizer sees one byte more */
    g_autofree guint8 *frame = g_memdup2(data + sizeof hdr, len);
    offload_raise_mss(frame, len, 1500, 16384);
    (void) offload_as_gso(&again, frame, len, 1500);
    if (!offload_check(&hdr, frame, len, NET_OFFLOAD_ALL))
        return 0;
    if (hdr.gso_type != 0)
        cut_up(&hdr, frame, len);
    again = hdr;
    if (hdr.gso_type != 0)
        (void) offload_finish_whole(&again, frame, len);
    offload_finish_checksum(&hdr, frame, len);
    return 0;
}
