/* devices/sound/sb16.c - Creative Sound Blaster 16 (CT1740 family, not plug and
 * play): DSP 4.05, CT1745 mixer, MPU-401 in UART mode. Its OPL3 is a device of
 * its own.
 *
 * Creative Labs, Sound Blaster Series Hardware Programming Guide; ports in
 * chapter 2. Left out: ADPCM is played as silence, recordings are silence, and
 * nothing listens to MIDI. The joystick and CD-ROM ports are not there. */
#include <string.h>

#include "devices/sound/sb16-internal.h"
#include "vmm/io/io.h"
#include "vmm/irq/irq.h"
#include "vmm/loop/loop.h"

/* Offsets from the base */
#define PORT_MIXER_INDEX 0x4
#define PORT_RESET       0x6
#define PORT_DSP         0xa /* and up */
#define PORT_READ        0xa
#define PORT_WRITE       0xc
#define PORT_STATUS_8    0xe
#define PORT_STATUS_16   0xf

#define READY            0x80
#define RESET_DONE       0xaa
#define MPU_NO_DATA      0x80
#define MPU_ACK          0xfe
#define MPU_RESET        0xff
#define MPU_UART         0x3f
#define MPU_MAX_ACKS     4

static const guint8 irq_pins[SB16_IRQS] = {9, 5, 7, 10}; /* bits of 80h */

gint64
sb16_now_ns(const Sb16 *d)
{
    return loop_now_ns(d->dev.env->loop, CLOCK_GUEST);
}

static bool
irq_wanted(const Sb16 *d, unsigned i)
{
    return d->s.irq != 0 && (d->s.mixer[SB16_MIX_IRQ] >> i & 1) != 0;
}

void
sb16_update_irq(Sb16 *d)
{
    for (unsigned i = 0; i < SB16_IRQS; i++)
        irq_line_set(d->irqs[i], irq_wanted(d, i));
}

static guint8
acknowledge(Sb16 *d, guint8 irq)
{
    d->s.irq &= (guint8) ~irq;
    sb16_update_irq(d);
    return 0xff;
}

static guint8
read_data(Sb16 *d)
{
    Sb16State *s = &d->s;

    if (s->out_len > 0) {
        s->last_out = s->out[s->out_head];
        s->out_head = (guint8) ((s->out_head + 1) % SB16_OUT_LEN);
        s->out_len--;
    }
    return s->last_out;
}

static void
write_reset(Sb16 *d, guint8 value)
{
    bool released = d->s.in_reset && (value & 1) == 0;

    d->s.in_reset = value & 1;
    if (!released)
        return;
    sb16_dsp_reset(d);
    sb16_dsp_say(d, RESET_DONE);
}

static guint64
mixer_read(void *dev, guint64 offset, unsigned size)
{
    Sb16 *d = dev;

    if (offset == 0)
        return d->s.mixer_index;
    return offset == 1 ? sb16_mixer_read(d) : 0xff;
}

static void
mixer_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Sb16 *d = dev;

    if (offset == 0)
        d->s.mixer_index = (guint8) value;
    else if (offset == 1)
        sb16_mixer_write(d, (guint8) value);
    else
        write_reset(d, (guint8) value);
}

static guint64
dsp_read(void *dev, guint64 offset, unsigned size)
{
    Sb16 *d = dev;

    switch (offset + PORT_DSP) {
    case PORT_READ: return read_data(d);
    case PORT_WRITE: return (guint8) ~READY; /* never busy */
    case PORT_STATUS_8:
        acknowledge(d, SB16_IRQ_8);
        return d->s.out_len > 0 ? 0xff : (guint8) ~READY;
    case PORT_STATUS_16: return acknowledge(d, SB16_IRQ_16);
    default: return 0xff;
    }
}

static void
dsp_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    if (offset + PORT_DSP == PORT_WRITE)
        sb16_dsp_write(dev, (guint8) value);
}

static guint64
mpu_read(void *dev, guint64 offset, unsigned size)
{
    Sb16 *d = dev;

    if (offset == 1)
        return d->s.mpu_acks > 0 ? 0x00 : MPU_NO_DATA;
    if (d->s.mpu_acks > 0)
        d->s.mpu_acks--;
    return MPU_ACK;
}

/* Data goes to a synthesizer that is not there. In UART mode only the reset is a
 * command, and it is not acknowledged. */
static void
mpu_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Sb16 *d = dev;
    bool was_uart = d->s.mpu_uart;

    if (offset == 0 || (was_uart && value != MPU_RESET))
        return;
    d->s.mpu_uart = value == MPU_UART;
    if (!was_uart && d->s.mpu_acks < MPU_MAX_ACKS)
        d->s.mpu_acks++;
}

static const IoOps mixer_ops = {
    .read = mixer_read, .write = mixer_write, .max_size = 1};
static const IoOps dsp_ops = {
    .read = dsp_read, .write = dsp_write, .max_size = 1};
static const IoOps mpu_ops = {
    .read = mpu_read, .write = mpu_write, .max_size = 1};

/* ---- life ---- */

static bool
map_ports(Sb16 *d, IoRegion **region, const IoOps *ops, guint32 base,
          guint16 len, GError **error)
{
    *region = io_region_new(d->dev.id, ops, d, &d->dev.lock, len);
    if (io_map(d->dev.env->ports, *region, base, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: ports 0x%x are taken by another device", d->dev.id, base);
    return false;
}

static bool
sb16_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Sb16 *d = DEVICE_OF(Sb16, dev);

    for (unsigned i = 0; i < SB16_IRQS; i++)
        d->irqs[i] = irq_line_new(env, irq_pins[i]);
    d->voice = audio_voice_new(d->audio);
    d->direct = audio_voice_new(d->audio);
    d->tick = timer_new(env->loop, CLOCK_GUEST, sb16_run, d);
    return map_ports(d, &d->mixer_ports, &mixer_ops,
                     d->iobase + PORT_MIXER_INDEX, 3, error) &&
           map_ports(d, &d->dsp_ports, &dsp_ops, d->iobase + PORT_DSP, 6,
                     error) &&
           map_ports(d, &d->mpu_ports, &mpu_ops, d->mpu_base, 2, error);
}

static void
sb16_unrealize(Device *dev)
{
    Sb16 *d = DEVICE_OF(Sb16, dev);

    g_clear_pointer(&d->mpu_ports, io_region_free);
    g_clear_pointer(&d->dsp_ports, io_region_free);
    g_clear_pointer(&d->mixer_ports, io_region_free);
    g_clear_pointer(&d->tick, timer_free);
    g_clear_pointer(&d->direct, audio_voice_free);
    g_clear_pointer(&d->voice, audio_voice_free);
    for (unsigned i = 0; i < SB16_IRQS; i++)
        g_clear_pointer(&d->irqs[i], irq_line_free);
}

static void
sb16_reset(Device *dev, ResetKind kind)
{
    Sb16 *d = DEVICE_OF(Sb16, dev);

    g_mutex_lock(&dev->lock);
    d->s = (Sb16State){.rate = SB16_MIN_RATE, .units_per_byte = 1};
    sb16_mixer_power_on(d);
    sb16_mixer_reset(d);
    sb16_frame_clock_start(d);
    sb16_dsp_reset(d);
    d->direct_ns = 0;
    d->direct_done = 0;
    g_mutex_unlock(&dev->lock);
}

static void
sb16_restored(Device *dev)
{
    Sb16 *d = DEVICE_OF(Sb16, dev);

    g_mutex_lock(&dev->lock);
    for (unsigned i = 0; i < SB16_IRQS; i++)
        irq_line_adopt(d->irqs[i], irq_wanted(d, i));
    sb16_mixer_apply(d);
    d->direct_ns = 0;
    d->direct_done = 0;
    sb16_dma_begin(d);
    g_mutex_unlock(&dev->lock);
}

/* What is saved is the state of now. */
static void
sb16_quiesce(Device *dev)
{
    if (device_is_realized(dev))
        sb16_run(dev);
}

static bool
check_run(const Sb16State *s)
{
    return s->run < SB16_RUNS && s->is_16 <= 1 && s->stereo <= 1 &&
           s->is_signed <= 1 && s->auto_init <= 1 && s->paused <= 1 &&
           s->units_per_byte >= 1 && s->units_per_byte <= 4 &&
           s->n_partial < (s->is_16 ? 2u : 1u) << s->stereo &&
           s->run_block <= SB16_MAX_BLOCK && s->left <= s->run_block &&
           (s->run == SB16_IDLE || s->left > 0);
}

static bool
sb16_check(const void *state, GError **error)
{
    const Sb16State *s = state;
    bool ok = s->out_head < SB16_OUT_LEN && s->out_len <= SB16_OUT_LEN &&
              s->params_wanted <= sizeof s->params &&
              (s->params_wanted == 0 || s->n_params < s->params_wanted) &&
              s->irq <= (SB16_IRQ_8 | SB16_IRQ_16) &&
              s->mpu_acks <= MPU_MAX_ACKS && s->rate >= SB16_MIN_RATE &&
              s->rate <= SB16_MAX_RATE && s->block >= 1 &&
              s->block <= SB16_MAX_BLOCK && check_run(s) &&
              sb16_dsp_knows(s->command);

    if (!ok)
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "sb16: a transfer, queue or rate is in a state that there "
                    "is not");
    return ok;
}

/* clang-format off */
static const PropDesc sb16_props[] = {
    PROP_DEF_U32(Sb16, iobase, "iobase", 0x220, 0x220, 0x280, NULL,
                 "first of its I/O ports"),
    PROP_DEF_U32(Sb16, mpu_base, "mpu-iobase", 0x330, 0x300, 0x330, NULL,
                 "I/O ports of the MPU-401"),
    PROP_DEF_LINK(Sb16, dma, "dma", true, "DMA controllers (i8237)"),
    PROP_DEF_LINK(Sb16, opl, "opl", false,
                  "its FM synthesizer, whose volume it sets"),
    PROP_DEF_LINK(Sb16, audio, "audio", false, "where it is heard"),
    PROP_END
};

static const StateField sb16_fields[] = {
    STATE_BLOB(Sb16State, mixer),
    STATE_FIELD(Sb16State, mixer_index, STATE_U8),
    STATE_FIELD(Sb16State, in_reset, STATE_U8),
    STATE_BLOB(Sb16State, out),
    STATE_FIELD(Sb16State, out_head, STATE_U8),
    STATE_FIELD(Sb16State, out_len, STATE_U8),
    STATE_FIELD(Sb16State, last_out, STATE_U8),
    STATE_FIELD(Sb16State, command, STATE_U8),
    STATE_FIELD(Sb16State, n_params, STATE_U8),
    STATE_FIELD(Sb16State, params_wanted, STATE_U8),
    STATE_BLOB(Sb16State, params),
    STATE_FIELD(Sb16State, speaker, STATE_U8),
    STATE_FIELD(Sb16State, test, STATE_U8),
    STATE_FIELD(Sb16State, irq, STATE_U8),
    STATE_FIELD(Sb16State, dac, STATE_U8),
    STATE_FIELD(Sb16State, mpu_uart, STATE_U8),
    STATE_FIELD(Sb16State, mpu_acks, STATE_U8),
    STATE_FIELD(Sb16State, rate, STATE_U32),
    STATE_FIELD(Sb16State, block, STATE_U32),
    STATE_FIELD(Sb16State, run, STATE_U8),
    STATE_FIELD(Sb16State, is_16, STATE_U8),
    STATE_FIELD(Sb16State, stereo, STATE_U8),
    STATE_FIELD(Sb16State, is_signed, STATE_U8),
    STATE_FIELD(Sb16State, auto_init, STATE_U8),
    STATE_FIELD(Sb16State, paused, STATE_U8),
    STATE_FIELD(Sb16State, units_per_byte, STATE_U8),
    STATE_FIELD(Sb16State, n_partial, STATE_U8),
    STATE_BLOB(Sb16State, partial),
    STATE_FIELD(Sb16State, run_block, STATE_U32),
    STATE_FIELD(Sb16State, left, STATE_U32),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc sb16_state = {
    .name = "sb16",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Sb16State),
    .fields = sb16_fields,
    .check = sb16_check,
};

const DeviceClass sb16_class = {
    .name = "sb16",
    .summary = "Sound Blaster 16 (DSP 4.05)",
    .size = sizeof(Sb16),
    .props = sb16_props,
    .state = &sb16_state,
    .state_offset = G_STRUCT_OFFSET(Sb16, s),
    .realize = sb16_realize,
    .unrealize = sb16_unrealize,
    .reset = sb16_reset,
    .restored = sb16_restored,
    .quiesce = sb16_quiesce,
};
