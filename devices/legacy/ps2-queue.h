/* devices/legacy/ps2-queue.h - bytes a PS/2 device wants to send. Plain data,
 * part of a model's saved state; the caller holds the model's lock. */
#pragma once

#include "vmm/core/state.h"

#define PS2_QUEUE_LEN 64

typedef struct {
    guint8 data[PS2_QUEUE_LEN]; /* ring */
    guint8 head, len;
} Ps2Queue;
extern const StateDesc ps2_queue_state_desc;

static inline unsigned
ps2_queue_room(const Ps2Queue *q)
{
    return PS2_QUEUE_LEN - q->len;
}

/* Dropped when full; callers that must not lose bytes ask for room first. */
static inline void
ps2_queue_push(Ps2Queue *q, guint8 byte)
{
    if (q->len == PS2_QUEUE_LEN)
        return;
    q->data[(q->head + q->len) % PS2_QUEUE_LEN] = byte;
    q->len++;
}

/* Not empty. */
static inline guint8
ps2_queue_pop(Ps2Queue *q)
{
    guint8 byte = q->data[q->head];

    q->head = (guint8) ((q->head + 1) % PS2_QUEUE_LEN);
    q->len--;
    return byte;
}

static inline void
ps2_queue_clear(Ps2Queue *q)
{
    q->head = q->len = 0;
}
