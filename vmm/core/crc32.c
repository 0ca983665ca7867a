/* vmm/core/crc32.c - see crc32.h. Bit by bit over nibbles: a table of sixteen
 * entries is fast enough for state of a few hundred kilobytes. */
#include "vmm/core/crc32.h"

/* remainders of the sixteen nibbles for the reflected polynomial 0xEDB88320 */
static const guint32 nibble_crc[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
    0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
    0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

guint32
crc32_of(const void *data, gsize len)
{
    const guint8 *p = data;
    guint32 crc = 0xffffffffu;

    for (gsize i = 0; i < len; i++) {
        crc = nibble_crc[(crc ^ p[i]) & 15] ^ (crc >> 4);
        crc = nibble_crc[(crc ^ (p[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}
