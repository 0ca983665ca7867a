/* tests/unit/virtio-card.h - a virtio model that does nothing by itself: tests
 * of queues and transports take its buffers, and look at what it was told. */
#pragma once

#include "tests/unit/virtio-rig.h"

#define CARD_FEATURE VIRTIO_BIT(3)
#define CARD_CONFIG  12u /* bytes */
#define CARD_QUEUES  3u
#define CARD_MAX_IOV 24u

typedef struct {
    VirtioState virtio;
    guint8 config[CARD_CONFIG];
} VirtioCardState;

typedef struct {
    VirtioDevice virtio;
    VirtioCardState s;
    unsigned notified[CARD_QUEUES];
    unsigned n_started, n_stopped;
} VirtioCard;

extern const DeviceClass virtio_card_class; /* a network card by its id */

/* A card on its transport, not negotiated. */
VirtioCard *virtio_card_begin(VirtioRig *r, VirtioRigHow how);
/* A buffer with memory for its pieces; take with virtq_pop(). */
typedef struct {
    VirtqElem e;
    struct iovec iov[CARD_MAX_IOV];
} CardElem;
/* Locked pop of queue i. */
bool virtio_card_pop(VirtioCard *card, unsigned i, CardElem *e);
/* Locked push and flush. */
void virtio_card_give(VirtioCard *card, unsigned i, CardElem *e, gsize len);
