/* devices/sound/ac97.c - Intel 82801AA (ICH) AC'97 audio (8086:2415).
 *
 * Documents in ac97-internal.h. PCM out at any rate, PCM and microphone in,
 * which are silence; one codec. Left out: the modem, the second codec, and
 * interrupts by GPIO and wake-up. */
#include <string.h>

#include "devices/sound/ac97-internal.h"
#include "vmm/io/io.h"
#include "vmm/loop/loop.h"

#define BAR_MIXER    0
#define BAR_MASTER   1
#define MIXER_SIZE   256 /* 80h and up: the second codec */
#define MIXER_SECOND 0x80
#define MASTER_SIZE  64

/* Offsets in the bus master's registers, 13.2 */
#define STREAM_SIZE     0x10
#define S_BDBAR         0x0
#define S_CIV           0x4
#define S_LVI           0x5
#define S_SR            0x6
#define S_PICB          0x8
#define S_PIV           0xa
#define S_CR            0xb
#define GLOB_CNT        0x2c
#define GLOB_STA        0x30
#define CAS             0x34

#define CNT_COLD        0x02 /* 0: the link is in reset */
#define CNT_WARM        0x04 /* clears itself */
#define CNT_BITS        0x3f
#define STA_READY       0x00000100u /* the codec is */
#define STA_READ_FAILED 0x00008000u
#define STA_W1C         0x00008c03u
/* Interrupts of PI, PO and MC: bits 5 to 7 */
#define STA_STREAM(i) (0x20u << (i))

static const PciIds ac97_ids = {
    .vendor = 0x8086,
    .device = 0x2415,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_device = 0x0401,
    .revision = 0x01,
    .interrupt_pin = 1,
};

static guint32
interrupts(const Ac97 *d)
{
    guint32 bits = 0;

    for (unsigned i = 0; i < AC97_STREAMS; i++)
        if (ac97_stream_interrupts(&d->s.streams[i]))
            bits |= STA_STREAM(i);
    return bits;
}

void
ac97_update_irq(Ac97 *d)
{
    pci_set_intx(&d->pci, interrupts(d) != 0);
}

/* ---- the codec's registers ---- */

static guint64
mixer_read(void *dev, guint64 offset, unsigned size)
{
    Ac97 *d = dev;

    d->s.cas = 0;
    if (offset < MIXER_SECOND)
        return ac97_codec_read(d, (unsigned) offset);
    d->s.glob_sta |= STA_READ_FAILED;
    return 0xffff;
}

static void
mixer_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Ac97 *d = dev;

    d->s.cas = 0;
    ac97_streams_run(d); /* up to now with the old settings */
    if (offset < MIXER_SECOND)
        ac97_codec_write(d, (unsigned) offset, (guint16) value);
    ac97_streams_run(d);
}

/* ---- the bus master's ---- */

static guint8
byte_of(guint32 value, unsigned i)
{
    return (guint8) (value >> 8 * i);
}

static guint8
read_stream(const Ac97Stream *s, unsigned offset)
{
    switch (offset) {
    case S_CIV: return s->civ;
    case S_LVI: return s->lvi;
    case S_SR: return s->sr;
    case S_PICB:
    case S_PICB + 1: return byte_of(s->picb, offset - S_PICB);
    case S_PIV: return s->piv;
    case S_CR: return s->cr;
    default: return offset < 4 ? byte_of(s->bdbar, offset) : 0;
    }
}

static guint8
read_byte(Ac97 *d, unsigned offset)
{
    guint8 cas = d->s.cas;

    if (offset < AC97_STREAMS * STREAM_SIZE && offset % STREAM_SIZE <= S_CR)
        return read_stream(&d->s.streams[offset / STREAM_SIZE],
                           offset % STREAM_SIZE);
    if (offset >= GLOB_CNT && offset < GLOB_CNT + 4)
        return byte_of(d->s.glob_cnt, offset - GLOB_CNT);
    if (offset >= GLOB_STA && offset < GLOB_STA + 4)
        return byte_of(d->s.glob_sta | STA_READY | interrupts(d),
                       offset - GLOB_STA);
    if (offset == CAS) { /* who reads 0 has it */
        d->s.cas = 1;
        return cas;
    }
    return 0;
}

static guint64
master_read(void *dev, guint64 offset, unsigned size)
{
    Ac97 *d = dev;
    guint64 value = 0;

    ac97_streams_run(d); /* the position is that of now */
    for (unsigned i = 0; i < size; i++)
        value |= (guint64) read_byte(d, (unsigned) offset + i) << 8 * i;
    return value;
}

static void
write_stream(Ac97 *d, unsigned stream, unsigned offset, guint8 value)
{
    Ac97Stream *s = &d->s.streams[stream];

    switch (offset) {
    case S_LVI: ac97_stream_set_lvi(d, stream, value); break;
    case S_SR: s->sr &= (guint8) ~(value & AC97_SR_W1C); break;
    case S_CR: ac97_stream_control(d, stream, value); break;
    default:
        if (offset < 4) {
            guint32 mask = 0xffu << 8 * offset;
            s->bdbar =
                ((s->bdbar & ~mask) | (guint32) value << 8 * offset) & ~7u;
        }
    }
}

static void
write_global_control(Ac97 *d, guint8 value)
{
    bool was_cold = (d->s.glob_cnt & CNT_COLD) == 0;

    d->s.glob_cnt = value & CNT_BITS & ~CNT_WARM;
    if (!was_cold && (value & CNT_COLD) == 0) {
        ac97_codec_reset(d);
        for (unsigned i = 0; i < AC97_STREAMS; i++)
            ac97_stream_reset(&d->s.streams[i]);
    }
}

static void
write_byte(Ac97 *d, unsigned offset, guint8 value)
{
    if (offset < AC97_STREAMS * STREAM_SIZE && offset % STREAM_SIZE <= S_CR)
        write_stream(d, offset / STREAM_SIZE, offset % STREAM_SIZE, value);
    else if (offset == GLOB_CNT)
        write_global_control(d, value);
    else if (offset >= GLOB_STA && offset < GLOB_STA + 4)
        d->s.glob_sta &=
            ~((guint32) value << 8 * (offset - GLOB_STA) & STA_W1C);
}

static void
master_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Ac97 *d = dev;

    ac97_streams_run(d);
    for (unsigned i = 0; i < size; i++)
        write_byte(d, (unsigned) offset + i, (guint8) (value >> 8 * i));
    ac97_update_irq(d);
    ac97_streams_run(d);
}

static const IoOps mixer_ops = {
    .read = mixer_read, .write = mixer_write, .min_size = 2, .max_size = 2};
static const IoOps master_ops = {
    .read = master_read, .write = master_write, .max_size = 4};

static void
ticked(void *data)
{
    Ac97 *d = data;

    g_mutex_lock(&d->pci.dev.lock);
    ac97_streams_run(d);
    g_mutex_unlock(&d->pci.dev.lock);
}

/* ---- life ---- */

static bool
ac97_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Ac97 *d = DEVICE_OF(Ac97, dev);

    if (!pci_device_realize(&d->pci, env, &ac97_ids, &d->s.pci, error))
        return false;
    d->voice = audio_voice_new(d->audio);
    d->tick = timer_new(env->loop, CLOCK_GUEST, ticked, d);
    d->mixer = io_region_new(dev->id, &mixer_ops, d, &dev->lock, MIXER_SIZE);
    d->master = io_region_new(dev->id, &master_ops, d, &dev->lock, MASTER_SIZE);
    pci_add_bar(&d->pci, BAR_MIXER, PCI_BAR_IO, false, MIXER_SIZE, d->mixer,
                NULL);
    pci_add_bar(&d->pci, BAR_MASTER, PCI_BAR_IO, false, MASTER_SIZE, d->master,
                NULL);
    return true;
}

static void
ac97_unrealize(Device *dev)
{
    Ac97 *d = DEVICE_OF(Ac97, dev);

    pci_device_unrealize(&d->pci);
    g_clear_pointer(&d->master, io_region_free);
    g_clear_pointer(&d->mixer, io_region_free);
    g_clear_pointer(&d->tick, timer_free);
    g_clear_pointer(&d->voice, audio_voice_free);
}

static void
ac97_reset(Device *dev, ResetKind kind)
{
    Ac97 *d = DEVICE_OF(Ac97, dev);

    pci_device_reset(&d->pci);
    g_mutex_lock(&dev->lock);
    for (unsigned i = 0; i < AC97_STREAMS; i++)
        ac97_stream_reset(&d->s.streams[i]);
    d->s.glob_cnt = d->s.glob_sta = 0;
    d->s.cas = 0;
    ac97_clocks_start(d);
    ac97_codec_reset(d);
    timer_arm(d->tick, -1);
    g_mutex_unlock(&dev->lock);
}

static void
ac97_restored(Device *dev)
{
    Ac97 *d = DEVICE_OF(Ac97, dev);

    pci_device_restored(&d->pci);
    g_mutex_lock(&dev->lock);
    ac97_codec_apply(d);
    ac97_clocks_start(d);
    timer_arm(d->tick, 0); /* it finds out what runs */
    g_mutex_unlock(&dev->lock);
}

/* What is saved is the state of now. */
static void
ac97_quiesce(Device *dev)
{
    if (device_is_realized(dev))
        ticked(DEVICE_OF(Ac97, dev));
}

static bool
ac97_check(const void *state, GError **error)
{
    const Ac97State *s = state;
    bool ok = s->cas <= 1 && (s->glob_cnt & ~(guint32) CNT_BITS) == 0 &&
              (s->glob_sta & ~STA_W1C) == 0;

    for (unsigned i = 0; i < AC97_STREAMS; i++) {
        const Ac97Stream *t = &s->streams[i];
        ok = ok && t->civ < AC97_BUFFERS && t->lvi < AC97_BUFFERS &&
             t->piv < AC97_BUFFERS && t->cr <= AC97_CR_BITS &&
             (t->sr & ~0x1f) == 0 && t->loaded <= 1 && t->ioc <= 1 &&
             (t->bdbar & 7) == 0 && (t->addr & 1) == 0;
    }
    if (!ok)
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "ac97: a stream or register is in a state that there is "
                    "not");
    return ok;
}

/* clang-format off */
static const PropDesc ac97_props[] = {
    PCI_PROPS(Ac97, pci),
    PROP_DEF_LINK(Ac97, audio, "audio", false, "where it is heard"),
    PROP_END
};

static const StateField stream_fields[] = {
    STATE_FIELD(Ac97Stream, bdbar, STATE_U32),
    STATE_FIELD(Ac97Stream, civ, STATE_U8),
    STATE_FIELD(Ac97Stream, lvi, STATE_U8),
    STATE_FIELD(Ac97Stream, piv, STATE_U8),
    STATE_FIELD(Ac97Stream, cr, STATE_U8),
    STATE_FIELD(Ac97Stream, sr, STATE_U8),
    STATE_FIELD(Ac97Stream, loaded, STATE_U8),
    STATE_FIELD(Ac97Stream, picb, STATE_U16),
    STATE_FIELD(Ac97Stream, addr, STATE_U32),
    STATE_FIELD(Ac97Stream, ioc, STATE_U8),
    STATE_FIELDS_END
};
static const StateDesc stream_desc = {
    .name = "ac97-stream", .version = 1, .min_version = 1,
    .size = sizeof(Ac97Stream), .fields = stream_fields,
};
static const StateField ac97_fields[] = {
    STATE_SUB(Ac97State, pci, &pci_state_desc),
    STATE_ARRAY(Ac97State, codec, STATE_U16),
    STATE_SUB_ARRAY(Ac97State, streams, &stream_desc),
    STATE_FIELD(Ac97State, glob_cnt, STATE_U32),
    STATE_FIELD(Ac97State, glob_sta, STATE_U32),
    STATE_FIELD(Ac97State, cas, STATE_U8),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc ac97_state = {
    .name = "ac97",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Ac97State),
    .fields = ac97_fields,
    .check = ac97_check,
};

const DeviceClass ac97_class = {
    .name = "ac97",
    .summary = "AC'97 audio (Intel 82801AA)",
    .size = sizeof(Ac97),
    .props = ac97_props,
    .state = &ac97_state,
    .state_offset = G_STRUCT_OFFSET(Ac97, s),
    .realize = ac97_realize,
    .unrealize = ac97_unrealize,
    .reset = ac97_reset,
    .restored = ac97_restored,
    .quiesce = ac97_quiesce,
};
