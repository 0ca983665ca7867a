/* vmm/char/ring.c - the last 256 KiB of a stream, addressed by how many bytes
 * came before. */
#include "vmm/char/char-internal.h"

#include <string.h>

void
char_ring_init(CharRing *ring)
{
    g_mutex_init(&ring->lock);
    ring->head = 0;
    ring->data = g_malloc(CHAR_RING_BYTES);
}

void
char_ring_done(CharRing *ring)
{
    g_mutex_clear(&ring->lock);
    g_clear_pointer(&ring->data, g_free);
}

void
char_ring_put(CharRing *ring, const guint8 *data, gsize len)
{
    g_mutex_lock(&ring->lock);
    if (len > CHAR_RING_BYTES) {
        ring->head += len - CHAR_RING_BYTES;
        data += len - CHAR_RING_BYTES;
        len = CHAR_RING_BYTES;
    }
    while (len > 0) {
        gsize at = (gsize) (ring->head % CHAR_RING_BYTES);
        gsize n = MIN(len, CHAR_RING_BYTES - at);
        memcpy(ring->data + at, data, n);
        ring->head += n;
        data += n;
        len -= n;
    }
    g_mutex_unlock(&ring->lock);
}

guint64
char_ring_head(CharRing *ring)
{
    g_mutex_lock(&ring->lock);
    guint64 head = ring->head;
    g_mutex_unlock(&ring->lock);
    return head;
}

gsize
char_ring_copy(CharRing *ring, guint64 *pos, guint8 *dst, gsize cap)
{
    gsize copied = 0;

    g_mutex_lock(&ring->lock);
    if (ring->head - *pos > CHAR_RING_BYTES)
        *pos = ring->head - CHAR_RING_BYTES;
    gsize len = MIN(cap, (gsize) (ring->head - *pos));
    while (copied < len) {
        gsize at = (gsize) ((*pos + copied) % CHAR_RING_BYTES);
        gsize n = MIN(len - copied, CHAR_RING_BYTES - at);
        memcpy(dst + copied, ring->data + at, n);
        copied += n;
    }
    g_mutex_unlock(&ring->lock);
    return copied;
}
