/* vmm/net/packet.h - what is common to all that looks into packets: their numbers,
 * which are big-endian, and the sizes of headers without options. */
#pragma once

#include <glib.h>

#define ETH_IPV4  0x0800
#define ETH_IPV6  0x86dd
#define IPV4_MIN  20u
#define IPV6_LEN  40u
#define TCP_MIN   20u
#define PROTO_TCP 6

static inline guint16
get16(const guint8 *p)
{
    return (guint16) (p[0] << 8 | p[1]);
}

static inline guint32
get32(const guint8 *p)
{
    return (guint32) get16(p) << 16 | get16(p + 2);
}

static inline void
put16(guint8 *p, guint32 v)
{
    p[0] = (guint8) (v >> 8);
    p[1] = (guint8) v;
}

static inline void
put32(guint8 *p, guint32 v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}
