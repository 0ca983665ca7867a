/* devices/virtio/virtio-net.c - network card, Virtio 1.2 section 5.1: several
 * queue pairs, mergeable buffers, offloads both ways, control queue. Its cable
 * is a NetLink; the kernel may move the frames instead (vhost). Left out: RSS
 * and hash reports, interrupt coalescing, standby. */
#include <string.h>

#include "devices/virtio/virtio-net-internal.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define CONFIG_SIZE 12u

/* 5.1.4 */
#define STATUS_LINK_UP  0x01u
#define STATUS_ANNOUNCE 0x02u

#define TAG_AND_HEADER  18u /* Ethernet with a VLAN tag, bytes */

/* ---- the link, as the driver wants it ---- */

void
virtio_net_apply_offloads(VirtioNet *d, guint64 offloads)
{
    static const struct {
        guint64 feature;
        unsigned offload;
    } rows[] = {
        {NET_F_GUEST_CSUM, NET_OFFLOAD_CSUM},
        {NET_F_GUEST_TSO4, NET_OFFLOAD_TSO4},
        {NET_F_GUEST_TSO6, NET_OFFLOAD_TSO6},
        {NET_F_GUEST_ECN, NET_OFFLOAD_ECN},
        {NET_F_GUEST_USO4 | NET_F_GUEST_USO6, NET_OFFLOAD_USO},
    };
    unsigned wanted = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if ((offloads & rows[i].feature) == rows[i].feature)
            wanted |= rows[i].offload;
    unsigned granted = net_set_offloads(d->link, wanted);
    d->usual = d->header + TAG_AND_HEADER + net_mtu(d->link);
    d->need = (granted & ~(unsigned) NET_OFFLOAD_CSUM) != 0
                  ? d->header + NET_FRAME_MAX
                  : d->usual;
    for (unsigned i = 0; i < d->max_pairs; i++)
        d->pairs[i].expect = d->usual;
}

int
virtio_net_apply_pairs(VirtioNet *d, unsigned pairs)
{
    virtio_net_vhost_stop(d);
    for (unsigned i = pairs; i < d->active; i++) {
        virtio_net_set_receiving(d, i, false);
        d->pairs[i].held = 0;
    }
    int result = net_set_queues(d->link, pairs);
    if (result == 0)
        d->active = pairs;
    virtio_net_vhost_start(d);
    return result;
}

/* Lock held. The driver is asked to tell the network where it is, 5.1.6.5.4. */
static void
ask_to_announce(VirtioNet *d)
{
    if (virtio_has_feature(&d->virtio,
                           NET_F_STATUS | NET_F_CTRL_VQ | NET_F_GUEST_ANNOUNCE))
        d->s.announce = 1;
}

/* Loop. */
static void
tell_link(VirtioNet *d, bool up)
{
    virtio_lock(&d->virtio);
    bool changed = up != d->told_up;
    if (up && (changed || d->restored))
        ask_to_announce(d);
    if ((changed || d->restored) &&
        virtio_has_feature(&d->virtio, NET_F_STATUS))
        virtio_config_changed(&d->virtio);
    d->told_up = up;
    d->restored = false;
    virtio_unlock(&d->virtio);
}

static void
link_changed(void *nic, bool up)
{
    tell_link(nic, up);
}

static void
bypass_changed(void *nic, bool allowed)
{
    VirtioNet *d = nic;

    if (!d->serving)
        return;
    if (allowed)
        virtio_net_vhost_start(d);
    else
        virtio_net_vhost_stop(d);
    virtio_net_serve_all(d);
}

static void
readable(void *nic, unsigned queue)
{
    VirtioNet *d = nic;

    if (d->serving && !d->vhost_on && queue < d->active)
        virtio_net_serve_rx(d, queue);
}

static void
writable(void *nic, unsigned queue)
{
    VirtioNet *d = nic;

    d->pairs[queue].tx_blocked = false;
    if (d->serving && !d->vhost_on && queue < d->active)
        virtio_net_serve_tx(d, queue);
}

static const NetOps net_ops = {
    .readable = readable,
    .writable = writable,
    .link_changed = link_changed,
    .bypass_changed = bypass_changed,
};

static void
attach(VirtioNet *d, guint64 features, guint64 offloads, unsigned pairs)
{
    d->mergeable = (features & NET_F_MRG_RXBUF) != 0;
    d->header = features & (NET_F_MRG_RXBUF | VIRTIO_F_VERSION_1)
                    ? NET_HDR_V1
                    : NET_HDR_LEGACY;
    net_set_header(d->link, (NetHdr) d->header);
    virtio_net_apply_offloads(d, offloads);
    /* a driver that does not know several has one, whatever the state says */
    d->active = features & NET_F_MQ ? MIN(pairs, d->max_pairs) : 1;
    if (net_set_queues(d->link, d->active) < 0)
        d->active = 1;
    d->serving = true;
    net_set_ops(d->link, &net_ops, d);
    tell_link(d, net_is_up(d->link));
    virtio_net_vhost_start(d);
    virtio_net_serve_all(d);
}

void
virtio_net_detach(VirtioNet *d)
{
    if (!d->serving)
        return;
    virtio_net_vhost_stop(d);
    for (unsigned i = 0; i < d->max_pairs; i++) {
        virtio_net_set_receiving(d, i, false);
        d->pairs[i].tx_blocked = false;
        d->pairs[i].held = 0;
    }
    net_set_ops(d->link, NULL, NULL);
    d->serving = false;
}

void
virtio_net_sync(VirtioNet *d)
{
    virtio_lock(&d->virtio);
    bool running = virtio_is_running(&d->virtio);
    bool stale = d->stale;
    guint64 features = d->virtio.s->driver_features;
    guint64 offloads = d->s.offloads;
    unsigned pairs = d->s.pairs;
    d->stale = false;
    virtio_unlock(&d->virtio);

    if (stale || !running)
        virtio_net_detach(d);
    if (running && !d->serving)
        attach(d, features, offloads, pairs);
}

static void
woken(int fd, GIOCondition ev, void *data)
{
    (void) sys_eventfd_drain(fd);
    virtio_net_sync(data);
}

/* ---- the model ---- */

/* 5.1.2: it comes after the pairs that the driver knows of. */
static unsigned
control_queue(const VirtioNet *d)
{
    return virtio_has_feature(&d->virtio, NET_F_MQ) ? 2 * d->max_pairs : 2;
}

static void
notify(VirtioDevice *v, unsigned queue)
{
    VirtioNet *d = VIRTIO_OF(VirtioNet, v);

    virtio_net_sync(d);
    if (!d->serving)
        return;
    if (queue == control_queue(d) && virtio_has_feature(v, NET_F_CTRL_VQ)) {
        virtio_net_serve_ctrl(d, queue);
        return;
    }
    if (d->vhost_on || queue / 2 >= d->active)
        return;
    if (queue == virtio_net_rx_index(queue / 2))
        virtio_net_serve_rx(d, queue / 2);
    else
        virtio_net_serve_tx(d, queue / 2);
}

static void
get_config(VirtioDevice *v, guint8 *config)
{
    VirtioNet *d = VIRTIO_OF(VirtioNet, v);
    guint16 status = net_is_up(d->link) ? STATUS_LINK_UP : 0;

    if (d->s.announce)
        status |= STATUS_ANNOUNCE;
    memcpy(config, d->s.mac, NET_MAC_BYTES);
    pci_put16(config, 6, status);
    pci_put16(config, 8, (guint16) d->max_pairs);
    pci_put16(config, 10, (guint16) net_mtu(d->link));
}

/* 5.1.4.1: how drivers of old set the address, before there was a command. */
static void
set_config(VirtioDevice *v, unsigned offset, const guint8 *data, unsigned len)
{
    VirtioNet *d = VIRTIO_OF(VirtioNet, v);

    if (virtio_has_feature(v, NET_F_CTRL_MAC_ADDR) ||
        virtio_has_feature(v, VIRTIO_F_VERSION_1))
        return;
    for (unsigned i = 0; i < len && offset + i < NET_MAC_BYTES; i++)
        d->s.mac[offset + i] = data[i];
}

/* The rest is the loop's: the link is not to be touched here. */
static void
started(VirtioDevice *v)
{
    VirtioNet *d = VIRTIO_OF(VirtioNet, v);

    if (!d->restoring)
        d->s.offloads = v->s->driver_features & NET_F_GUEST_OFFLOADS;
    d->stale = true;
    sys_eventfd_signal(d->wake_fd);
}

static void
stopped(VirtioDevice *v)
{
    VirtioNet *d = VIRTIO_OF(VirtioNet, v);

    virtio_net_vhost_let_go(d);
    if (!d->restoring)
        virtio_net_reset_state(d);
    d->stale = true;
    sys_eventfd_signal(d->wake_fd);
}

static const VirtioModel virtio_net_model = {
    .id = VIRTIO_ID_NET,
    .pci_class = 0x0200, /* Ethernet, as firmware expects it */
    .notify = notify,
    .get_config = get_config,
    .set_config = set_config,
    .started = started,
    .stopped = stopped,
};

/* ---- life ---- */

static bool
parse_mac(VirtioNet *d, GError **error)
{
    const char *text = d->mac_text != NULL ? d->mac_text : "";
    bool ok = strlen(text) == 17;

    for (unsigned i = 0; ok && i < 17; i++)
        ok = i % 3 == 2 ? text[i] == ':' : g_ascii_isxdigit(text[i]);
    for (unsigned i = 0; ok && i < NET_MAC_BYTES; i++)
        d->mac[i] = (guint8) (g_ascii_xdigit_value(text[3 * i]) << 4 |
                              g_ascii_xdigit_value(text[3 * i + 1]));
    if (ok && (d->mac[0] & 1) == 0)
        return true;
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX,
                "%s: '%s' is no address of a card; it has six bytes such as "
                "52:54:00:12:34:56, the first one even",
                d->virtio.pci.dev.id, text);
    return false;
}

static bool
check_queues(VirtioNet *d, GError **error)
{
    unsigned most = MIN(net_max_queues(d->link), NET_MAX_QUEUES);

    if (d->max_pairs <= most && (d->queue_size & (d->queue_size - 1)) == 0)
        return true;
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX,
                "%s: %u queue pairs of %u entries; its network has %u, and "
                "entries are a power of two",
                d->virtio.pci.dev.id, d->max_pairs, d->queue_size, most);
    return false;
}

static guint64
own_features(const VirtioNet *d)
{
    guint64 features =
        NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_CTRL_GUEST_OFFLOADS | NET_F_MTU |
        NET_F_MAC | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN |
        NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN | NET_F_MRG_RXBUF |
        NET_F_STATUS | NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_VLAN |
        NET_F_CTRL_RX_EXTRA | NET_F_GUEST_ANNOUNCE | NET_F_CTRL_MAC_ADDR;

    if (d->max_pairs > 1)
        features |= NET_F_MQ;
    if (net_tx_offloads(d->link) & NET_OFFLOAD_USO)
        features |= NET_F_HOST_USO | NET_F_GUEST_USO4 | NET_F_GUEST_USO6;
    return features;
}

static bool
prepare(VirtioNet *d, DeviceEnv *env, GError **error)
{
    d->wake_fd = sys_eventfd(error);
    if (d->wake_fd < 0)
        return false;
    d->wake_watch = loop_watch_fd(env->loop, d->wake_fd, G_IO_IN, woken, d);
    d->bounce = g_malloc(NET_HDR_MAX + NET_FRAME_MAX);
    for (unsigned i = 0; i < d->max_pairs; i++)
        d->pairs[i].hold = g_malloc(NET_HDR_MAX + NET_FRAME_MAX);
    for (unsigned i = 0; i < 2 * NET_MAX_QUEUES; i++)
        d->calls[i] = (NetCall){d, i};
    d->told_up = net_is_up(d->link);
    return virtio_net_vhost_realize(d, error);
}

static bool
virtio_net_realize(Device *dev, DeviceEnv *env, GError **error)
{
    VirtioNet *d = VIRTIO_OF(VirtioNet, dev);

    d->wake_fd = d->error_fd = -1;
    if (!parse_mac(d, error) || !check_queues(d, error) ||
        !prepare(d, env, error))
        return false;
    const VirtioSetup setup = {
        .features = own_features(d),
        .n_queues = 2 * d->max_pairs + 1,
        .queue_size = (guint16) d->queue_size,
        .config_size = CONFIG_SIZE,
    };
    return virtio_realize(&d->virtio, env, &virtio_net_model, &setup,
                          &d->s.virtio, error) &&
           (d->rom == NULL || d->virtio.pci.bus == NULL ||
            pci_add_rom(&d->virtio.pci, d->rom, error));
}

static void
virtio_net_unrealize(Device *dev)
{
    VirtioNet *d = VIRTIO_OF(VirtioNet, dev);

    virtio_net_detach(d);
    if (d->wake_watch != 0)
        loop_unwatch(dev->env->loop, d->wake_watch);
    d->wake_watch = 0;
    virtio_class_unrealize(dev);
    virtio_net_vhost_unrealize(d);
    sys_close(&d->wake_fd);
    g_clear_pointer(&d->bounce, g_free);
    for (unsigned i = 0; i < NET_MAX_QUEUES; i++)
        g_clear_pointer(&d->pairs[i].hold, g_free);
}

static void
virtio_net_reset(Device *dev, ResetKind kind)
{
    VirtioNet *d = VIRTIO_OF(VirtioNet, dev);

    virtio_class_reset(dev, kind);
    virtio_lock(&d->virtio);
    virtio_net_reset_state(d);
    virtio_unlock(&d->virtio);
    virtio_net_sync(d);
}

static void
virtio_net_restored(Device *dev)
{
    VirtioNet *d = VIRTIO_OF(VirtioNet, dev);

    d->restoring = d->restored = true;
    virtio_class_restored(dev);
    d->restoring = false;
    virtio_net_sync(d);
}

static void
virtio_net_quiesce(Device *dev)
{
    virtio_class_quiesce(dev);
    virtio_net_sync(VIRTIO_OF(VirtioNet, dev));
}

static void
virtio_net_resume(Device *dev)
{
    virtio_class_resume(dev);
    virtio_net_sync(VIRTIO_OF(VirtioNet, dev));
}

static const char *const vhost_modes[] = {"off", "auto", "on", NULL};

/* clang-format off */
static const StateField virtio_net_fields[] = {
    STATE_SUB(VirtioNetState, virtio, &virtio_state_desc),
    STATE_ARRAY(VirtioNetState, mac, STATE_U8),
    STATE_FIELD(VirtioNetState, announce, STATE_U8),
    STATE_FIELD(VirtioNetState, rx_modes, STATE_U8),
    STATE_FIELD(VirtioNetState, n_uni, STATE_U8),
    STATE_FIELD(VirtioNetState, n_multi, STATE_U8),
    STATE_FIELD(VirtioNetState, uni_overflow, STATE_U8),
    STATE_FIELD(VirtioNetState, multi_overflow, STATE_U8),
    STATE_ARRAY(VirtioNetState, macs, STATE_U8),
    STATE_ARRAY(VirtioNetState, vlans, STATE_U32),
    STATE_FIELD(VirtioNetState, pairs, STATE_U16),
    STATE_FIELD(VirtioNetState, offloads, STATE_U64),
    STATE_FIELDS_END
};

static const PropDesc virtio_net_props[] = {
    VIRTIO_PROPS(VirtioNet, virtio),
    PROP_DEF_LINK(VirtioNet, link, "net", true, "where its cable leads"),
    PROP_DEF_LINK(VirtioNet, rom, "rom", false,
                  "PCI: GBytes of the ROM that boots from it"),
    PROP_DEF_STRING(VirtioNet, mac_text, "mac", "52:54:00:12:34:56",
                    "address of the card"),
    PROP_DEF_U32(VirtioNet, max_pairs, "queues", 1, 1, NET_MAX_QUEUES, NULL,
                 "queue pairs, best one a processor"),
    PROP_DEF_U32(VirtioNet, queue_size, "queue-size", 256, 64, VIRTQ_MAX_SIZE,
                 NULL, "entries of a queue, a power of two"),
    PROP_DEF_ENUM(VirtioNet, vhost_mode, "vhost", vhost_modes, NET_VHOST_AUTO,
                  "tap: let the host's kernel move the frames"),
    PROP_DEF_U32(VirtioNet, busy_us, "busy-poll", 0, 0, NET_MAX_BUSY_US, "us",
                 "vhost: how long the kernel looks for more before it sleeps"),
    PROP_END
};
/* clang-format on */

static const StateDesc virtio_net_state = {
    .name = "virtio-net",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioNetState),
    .fields = virtio_net_fields,
    .check = virtio_net_check_state,
};

const DeviceClass virtio_net_class = {
    .name = "virtio-net",
    .summary = "network card (virtio)",
    .size = sizeof(VirtioNet),
    .props = virtio_net_props,
    .state = &virtio_net_state,
    .state_offset = G_STRUCT_OFFSET(VirtioNet, s),
    .realize = virtio_net_realize,
    .unrealize = virtio_net_unrealize,
    .reset = virtio_net_reset,
    .restored = virtio_net_restored,
    .quiesce = virtio_net_quiesce,
    .is_quiet = virtio_class_is_quiet,
    .resume = virtio_net_resume,
};
