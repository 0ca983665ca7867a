/* devices/storage/cd-frame.c - the 2352 bytes of a mode 1 sector.
 *
 * ECMA-130 chapter 14 (layout), annexes A (error correction) and B (scrambling,
 * which a host never sees). Reed-Solomon over GF(2^8), polynomial 11Dh. */
#include "devices/storage/ide-internal.h"

#include <string.h>

enum {
    OFF_HEADER = 12,
    OFF_DATA = 16,
    OFF_EDC = 2064,
    OFF_ZERO = 2068,
    OFF_P = 2076,
    OFF_Q = 2248,
    N_P = 86, /* columns of P: 43 words of 2 bytes */
    N_Q = 52  /* diagonals of Q: 26 words of 2 bytes */
};

#define EDC_POLYNOMIAL                                                         \
    0xd8018001u /* x^32+x^31+x^16+x^15+x^4+x^3+x+1, mirrored */
#define GF_POLYNOMIAL 0x1d

static guint8
bcd(guint32 value)
{
    return (guint8) (value / 10 % 10 << 4 | value % 10);
}

static guint32
edc(const guint8 *data, gsize len)
{
    guint32 crc = 0;

    for (gsize i = 0; i < len; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? EDC_POLYNOMIAL : 0);
    }
    return crc;
}

static guint8
gf_times_2(guint8 value)
{
    return (guint8) (value << 1 ^ (value & 0x80 ? GF_POLYNOMIAL : 0));
}

/* In this field 1/3 is F4h; multiplies by it. */
static guint8
gf_divided_by_3(guint8 value)
{
    guint8 result = 0, power = value;

    for (unsigned bit = 0; bit < 8; bit++) {
        if (0xf4 >> bit & 1)
            result ^= power;
        power = gf_times_2(power);
    }
    return result;
}

/* Two parity bytes over len bytes that are `step` apart, wrapping at size. */
static void
parity(const guint8 *base, unsigned first, unsigned step, unsigned len,
       unsigned size, guint8 *out_a, guint8 *out_b)
{
    guint8 weighted = 0, sum = 0;
    unsigned at = first;

    for (unsigned i = 0; i < len; i++) {
        weighted = gf_times_2((guint8) (weighted ^ base[at]));
        sum ^= base[at];
        at += step;
        if (at >= size)
            at -= size;
    }
    weighted = gf_divided_by_3((guint8) (gf_times_2(weighted) ^ sum));
    *out_a = weighted;
    *out_b = weighted ^ sum;
}

void
cd_frame_build(guint8 frame[CD_FRAME_SIZE], guint32 lba, const guint8 *data)
{
    guint32 at = lba + 150; /* block 0 is at 00:02:00 */
    guint32 sum;

    memmove(frame + OFF_DATA, data, IDE_CD_SECTOR);
    memset(frame, 0xff, OFF_HEADER);
    frame[0] = frame[OFF_HEADER - 1] = 0;
    frame[OFF_HEADER] = bcd(at / (75 * 60));
    frame[OFF_HEADER + 1] = bcd(at / 75 % 60);
    frame[OFF_HEADER + 2] = bcd(at % 75);
    frame[OFF_HEADER + 3] = 1; /* mode */
    sum = edc(frame, OFF_EDC);
    for (unsigned i = 0; i < 4; i++)
        frame[OFF_EDC + i] = (guint8) (sum >> (8 * i));
    memset(frame + OFF_ZERO, 0, OFF_P - OFF_ZERO);

    guint8 *base = frame + OFF_HEADER; /* ECC covers header to P */
    for (unsigned i = 0; i < N_P; i++)
        parity(base, i, N_P, 24, N_P * 24, frame + OFF_P + i,
               frame + OFF_P + N_P + i);
    for (unsigned i = 0; i < N_Q; i++)
        parity(base, i / 2 * N_P + i % 2, 88, 43, N_Q * 43, frame + OFF_Q + i,
               frame + OFF_Q + N_Q + i);
}
