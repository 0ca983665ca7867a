/* tests/unit/virtio-card.c - see virtio-card.h. */
#include "tests/unit/virtio-card.h"

#include <string.h>

static void
notify(VirtioDevice *v, unsigned queue)
{
    VIRTIO_OF(VirtioCard, v)->notified[queue]++;
}

static void
get_config(VirtioDevice *v, guint8 *config)
{
    memcpy(config, VIRTIO_OF(VirtioCard, v)->s.config, CARD_CONFIG);
}

static void
set_config(VirtioDevice *v, unsigned offset, const guint8 *data, unsigned len)
{
    memcpy(VIRTIO_OF(VirtioCard, v)->s.config + offset, data, len);
}

static void
started(VirtioDevice *v)
{
    VIRTIO_OF(VirtioCard, v)->n_started++;
}

static void
stopped(VirtioDevice *v)
{
    VIRTIO_OF(VirtioCard, v)->n_stopped++;
}

static const VirtioModel card_model = {
    .id = VIRTIO_ID_NET,
    .pci_class = 0x0200,
    .notify = notify,
    .get_config = get_config,
    .set_config = set_config,
    .started = started,
    .stopped = stopped,
};

static bool
card_realize(Device *dev, DeviceEnv *env, GError **error)
{
    VirtioCard *card = VIRTIO_OF(VirtioCard, dev);
    const VirtioSetup setup = {
        .features = CARD_FEATURE,
        .n_queues = CARD_QUEUES,
        .queue_size = 64,
        .config_size = CARD_CONFIG,
    };

    return virtio_realize(&card->virtio, env, &card_model, &setup,
                          &card->s.virtio, error);
}

/* clang-format off */
static const StateField card_fields[] = {
    STATE_SUB(VirtioCardState, virtio, &virtio_state_desc),
    STATE_BLOB(VirtioCardState, config),
    STATE_FIELDS_END
};

static const PropDesc card_props[] = {
    VIRTIO_PROPS(VirtioCard, virtio),
    PROP_END
};
/* clang-format on */

static const StateDesc card_state = {
    .name = "virtio-card",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioCardState),
    .fields = card_fields,
};

const DeviceClass virtio_card_class = {
    .name = "virtio-card",
    .summary = "test card",
    .size = sizeof(VirtioCard),
    .props = card_props,
    .state = &card_state,
    .state_offset = G_STRUCT_OFFSET(VirtioCard, s),
    .realize = card_realize,
    .unrealize = virtio_class_unrealize,
    .reset = virtio_class_reset,
    .restored = virtio_class_restored,
    .quiesce = virtio_class_quiesce,
    .is_quiet = virtio_class_is_quiet,
    .resume = virtio_class_resume,
};

VirtioCard *
virtio_card_begin(VirtioRig *r, VirtioRigHow how)
{
    Device *dev = device_new(&virtio_card_class, "card0");

    virtio_rig_init(r, how);
    virtio_rig_add_device(r, dev);
    return VIRTIO_OF(VirtioCard, dev);
}

bool
virtio_card_pop(VirtioCard *card, unsigned i, CardElem *e)
{
    e->e.iov = e->iov;
    e->e.cap = CARD_MAX_IOV;
    virtio_lock(&card->virtio);
    bool got = virtq_pop(virtio_queue(&card->virtio, i), &e->e);
    virtio_unlock(&card->virtio);
    return got;
}

void
virtio_card_give(VirtioCard *card, unsigned i, CardElem *e, gsize len)
{
    Virtq *q = virtio_queue(&card->virtio, i);

    virtio_lock(&card->virtio);
    virtq_push(q, &e->e, len);
    virtq_flush(q);
    virtio_unlock(&card->virtio);
}
