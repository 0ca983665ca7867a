/* vmm/net/offload.h - checksums and segmentation in software, for the side of
 * a link that cannot do them. Headers and frames are hostile input. Thread:
 * any; no allocation. */
#pragma once

#include "vmm/net/net-internal.h"

/* Whether hdr describes this frame: known type, offsets inside, sizes that
 * make sense. What is asked for beyond allowed (NetOffloads) fails too.
 * Clears what a receiver is not to see (num_buffers becomes 1). */
bool offload_check(NetVnetHdr *hdr, const guint8 *frame, gsize len,
                   unsigned allowed);
/* The same without a look at the frame, of len bytes: for a receiver that
 * checks the frame itself. */
bool offload_check_header(NetVnetHdr *hdr, gsize len, unsigned allowed);
/* The offloads that hdr asks for. */
unsigned offload_needs(const NetVnetHdr *hdr);

/* The Internet checksum over len bytes, folded, not inverted, on top of sum. */
guint16 offload_sum(const guint8 *data, gsize len, guint32 sum);

/* Fills the checksum that hdr (checked) leaves open; clears the request. */
void offload_finish_checksum(NetVnetHdr *hdr, guint8 *frame, gsize len);

/* Cuts a TSO frame (hdr checked, with a gso_type) into frames of an MTU. The
 * cut borrows frame. False: not a frame that can be cut. */
bool offload_cut_begin(NetCut *cut, const NetVnetHdr *hdr, const guint8 *frame,
                       gsize len);
/* Next piece with all its checksums, to out (NET_FRAME_MAX bytes); its length,
 * 0 when there is none left. */
gsize offload_cut_next(NetCut *cut, guint8 *out);
/* Makes one large packet with right lengths and checksums of a TCP frame that
 * was to be cut (hdr checked). False: it is none. */
bool offload_finish_whole(NetVnetHdr *hdr, guint8 *frame, gsize len);
/* The reverse: a TCP packet longer than mtu as a frame to be cut to that, its
 * checksum left open. False: no TCP. */
bool offload_as_gso(NetVnetHdr *ret_hdr, guint8 *frame, gsize len, guint mtu);
/* In a SYN whose sender offers the segments of an interface of mtu: offers mss
 * instead, because it takes large ones by TSO. The checksum, which is filled,
 * follows. Anything else is left alone. */
void offload_raise_mss(guint8 *frame, gsize len, guint mtu, guint mss);
