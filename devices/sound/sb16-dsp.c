/* devices/sound/sb16-dsp.c - see sb16-internal.h: the commands of DSP 4.05,
 * chapter 6. One row each. Left out: MIDI over the DSP's port, the advanced
 * signal processor, and the DMA identification E2h. */
#include <string.h>

#include "devices/sound/sb16-internal.h"

#define VERSION_MAJOR 4
#define VERSION_MINOR 5

static const char copyright[] = "COPYRIGHT (C) CREATIVE TECHNOLOGY LTD, 1992.";

void
sb16_dsp_say(Sb16 *d, guint8 value)
{
    Sb16State *s = &d->s;

    if (s->out_len == SB16_OUT_LEN)
        return; /* nobody reads */
    s->out[(s->out_head + s->out_len) % SB16_OUT_LEN] = value;
    s->out_len++;
}

static guint32
word(const Sb16State *s, unsigned i)
{
    return (guint32) (s->params[i] | s->params[i + 1] << 8);
}

/* ---- transfers ---- */

static void
begin(Sb16 *d, Sb16Run run, guint32 bytes, bool auto_init)
{
    Sb16State *s = &d->s;

    s->run = (guint8) run;
    s->run_block = s->left = bytes;
    s->auto_init = auto_init;
    s->paused = 0;
    s->n_partial = 0;
    sb16_dma_begin(d);
}

/* What all commands before DSP 4 have: 8 bits, mono, unsigned. */
static void
begin_old(Sb16 *d, Sb16Run run, guint32 bytes, bool auto_init)
{
    d->s.is_16 = d->s.stereo = d->s.is_signed = 0;
    d->s.units_per_byte = 1;
    begin(d, run, bytes, auto_init);
}

static void
cmd_direct(Sb16 *d)
{
    sb16_direct(d, d->s.params[0]);
}

static void
cmd_play_single(Sb16 *d)
{
    begin_old(d, SB16_PLAYS, word(&d->s, 0) + 1, false);
}

static void
cmd_play_auto(Sb16 *d)
{
    begin_old(d, SB16_PLAYS, d->s.block, true);
}

static void
cmd_play_block(Sb16 *d) /* 91h: single, length of 48h */
{
    begin_old(d, SB16_PLAYS, d->s.block, false);
}

static void
cmd_record_single(Sb16 *d)
{
    begin_old(d, SB16_RECORDS, word(&d->s, 0) + 1, false);
}

static void
cmd_record_auto(Sb16 *d)
{
    begin_old(d, SB16_RECORDS, d->s.block, true);
}

static void
cmd_record_block(Sb16 *d)
{
    begin_old(d, SB16_RECORDS, d->s.block, false);
}

static void
cmd_silence(Sb16 *d)
{
    begin_old(d, SB16_PAUSES, word(&d->s, 0) + 1, false);
}

/* Bits 1 and 2 of 1xh and 7xh say how many samples share a byte. */
static void
cmd_adpcm(Sb16 *d)
{
    guint8 c = d->s.command;
    bool auto_init = (c & 0x08) != 0;
    guint32 bytes = auto_init ? d->s.block : word(&d->s, 0) + 1;

    d->s.is_16 = d->s.stereo = d->s.is_signed = 0;
    d->s.units_per_byte = (c & 0xf0) == 0x10 ? 4 : (c & 2) != 0 ? 3 : 2;
    begin(d, SB16_SKIPS, bytes, auto_init);
}

/* Bxh: 16 bits, Cxh: 8; a mode byte, then the samples less one. */
static void
cmd_dsp4(Sb16 *d)
{
    Sb16State *s = &d->s;
    guint8 mode = s->params[0];

    s->is_16 = (s->command & 0xf0) == 0xb0;
    s->stereo = (mode & 0x20) != 0;
    s->is_signed = (mode & 0x10) != 0;
    s->units_per_byte = 1;
    begin(d, (s->command & 0x08) != 0 ? SB16_RECORDS : SB16_PLAYS,
          (word(s, 1) + 1) << (s->is_16 ? 1 : 0), (s->command & 0x04) != 0);
}

static void
cmd_pause(Sb16 *d)
{
    bool is_16 = d->s.command == 0xd5;

    if (d->s.run == SB16_IDLE || is_16 != d->s.is_16)
        return;
    d->s.paused = 1;
    sb16_dma_begin(d);
}

static void
cmd_continue(Sb16 *d)
{
    if (d->s.run == SB16_IDLE || !d->s.paused)
        return;
    d->s.paused = 0;
    sb16_dma_begin(d);
}

/* D9h, DAh: the present block is the last. */
static void
cmd_exit_auto(Sb16 *d)
{
    d->s.auto_init = 0;
}

/* 45h, 47h: auto-init again. */
static void
cmd_enter_auto(Sb16 *d)
{
    d->s.auto_init = d->s.run != SB16_IDLE;
}

/* ---- settings and questions ---- */

static void
cmd_time_constant(Sb16 *d)
{
    sb16_set_rate(d, 1000000u / (256u - d->s.params[0]));
}

static void
cmd_rate(Sb16 *d)
{
    sb16_set_rate(d, (guint32) (d->s.params[0] << 8 | d->s.params[1]));
}

static void
cmd_block(Sb16 *d)
{
    d->s.block = word(&d->s, 0) + 1;
}

static void
cmd_speaker(Sb16 *d)
{
    d->s.speaker = d->s.command == 0xd1;
}

static void
cmd_speaker_status(Sb16 *d)
{
    sb16_dsp_say(d, d->s.speaker ? 0xff : 0x00);
}

static void
cmd_identify(Sb16 *d)
{
    sb16_dsp_say(d, (guint8) ~d->s.params[0]);
}

static void
cmd_version(Sb16 *d)
{
    sb16_dsp_say(d, VERSION_MAJOR);
    sb16_dsp_say(d, VERSION_MINOR);
}

static void
cmd_copyright(Sb16 *d)
{
    d->s.out_len = 0;
    for (gsize i = 0; i < sizeof copyright; i++)
        sb16_dsp_say(d, (guint8) copyright[i]);
}

static void
cmd_test_write(Sb16 *d)
{
    d->s.test = d->s.params[0];
}

static void
cmd_test_read(Sb16 *d)
{
    sb16_dsp_say(d, d->s.test);
}

static void
cmd_irq(Sb16 *d)
{
    d->s.irq |= d->s.command == 0xf3 ? SB16_IRQ_16 : SB16_IRQ_8;
    sb16_update_irq(d);
}

static void
cmd_zero(Sb16 *d)
{
    sb16_dsp_say(d, 0x00);
}

static void
cmd_record_direct(Sb16 *d)
{
    sb16_dsp_say(d, 0x80);
}

/* No signal processor: what asks for it gets no sensible answer. */
static void
cmd_no_asp(Sb16 *d)
{
    sb16_dsp_say(d, 0xff);
}

static void
cmd_nothing(Sb16 *d)
{
}

/* clang-format off */
static const struct {
    guint8 first, last, n_params;
    void (*run)(Sb16 *d);
} commands[] = {
    { 0x04, 0x04, 1, cmd_nothing },        /* ASP: set mode */
    { 0x05, 0x05, 2, cmd_nothing },
    { 0x08, 0x08, 1, cmd_no_asp },         /* ASP: version */
    { 0x0e, 0x0e, 2, cmd_nothing },        /* ASP: set register */
    { 0x0f, 0x0f, 1, cmd_no_asp },         /* ASP: get register */
    { 0x10, 0x10, 1, cmd_direct },
    { 0x14, 0x15, 2, cmd_play_single },
    { 0x16, 0x17, 2, cmd_adpcm },
    { 0x1c, 0x1c, 0, cmd_play_auto },
    { 0x1f, 0x1f, 0, cmd_adpcm },
    { 0x20, 0x20, 0, cmd_record_direct },
    { 0x24, 0x24, 2, cmd_record_single },
    { 0x2c, 0x2c, 0, cmd_record_auto },
    { 0x38, 0x38, 1, cmd_nothing },        /* MIDI byte */
    { 0x40, 0x40, 1, cmd_time_constant },
    { 0x41, 0x42, 2, cmd_rate },
    { 0x45, 0x45, 0, cmd_enter_auto },
    { 0x47, 0x47, 0, cmd_enter_auto },
    { 0x48, 0x48, 2, cmd_block },
    { 0x74, 0x77, 2, cmd_adpcm },
    { 0x7d, 0x7d, 0, cmd_adpcm },
    { 0x7f, 0x7f, 0, cmd_adpcm },
    { 0x80, 0x80, 2, cmd_silence },
    { 0x90, 0x90, 0, cmd_play_auto },
    { 0x91, 0x91, 0, cmd_play_block },
    { 0x98, 0x98, 0, cmd_record_auto },
    { 0x99, 0x99, 0, cmd_record_block },
    { 0xb0, 0xcf, 3, cmd_dsp4 },
    { 0xd0, 0xd0, 0, cmd_pause },
    { 0xd1, 0xd1, 0, cmd_speaker },
    { 0xd3, 0xd3, 0, cmd_speaker },
    { 0xd4, 0xd4, 0, cmd_continue },
    { 0xd5, 0xd5, 0, cmd_pause },
    { 0xd6, 0xd6, 0, cmd_continue },
    { 0xd8, 0xd8, 0, cmd_speaker_status },
    { 0xd9, 0xda, 0, cmd_exit_auto },
    { 0xe0, 0xe0, 1, cmd_identify },
    { 0xe1, 0xe1, 0, cmd_version },
    { 0xe2, 0xe2, 1, cmd_nothing },
    { 0xe3, 0xe3, 0, cmd_copyright },
    { 0xe4, 0xe4, 1, cmd_test_write },
    { 0xe8, 0xe8, 0, cmd_test_read },
    { 0xf2, 0xf3, 0, cmd_irq },
    { 0xf8, 0xf8, 0, cmd_zero },
    { 0xf9, 0xf9, 1, cmd_zero },
    { 0xfa, 0xfa, 2, cmd_nothing },
};
/* clang-format on */

static int
find(guint8 command)
{
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (command >= commands[i].first && command <= commands[i].last)
            return (int) i;
    return -1;
}

bool
sb16_dsp_knows(guint8 command)
{
    return command == 0 || find(command) >= 0;
}

void
sb16_dsp_write(Sb16 *d, guint8 value)
{
    Sb16State *s = &d->s;

    if (s->params_wanted == 0) {
        int row = find(value);
        if (row < 0) {
            device_guest_error(&d->dev, "unknown DSP command 0x%02x", value);
            return;
        }
        s->command = value;
        s->n_params = 0;
        s->params_wanted = commands[row].n_params;
    } else {
        s->params[s->n_params++] = value;
    }
    if (s->n_params < s->params_wanted)
        return;
    s->params_wanted = 0;
    int row = find(s->command);
    if (row >= 0)
        commands[row].run(d);
}

/* Ends all but the mixer's settings. */
void
sb16_dsp_reset(Sb16 *d)
{
    Sb16State *s = &d->s;

    s->out_head = s->out_len = 0;
    s->n_params = s->params_wanted = 0;
    s->speaker = 0;
    s->irq = 0;
    s->auto_init = s->paused = 0;
    s->block = 0x800; /* until command 48h */
    s->units_per_byte = 1;
    s->is_16 = s->stereo = s->is_signed = 0;
    s->dac = 0x80;
    sb16_dma_stop(d);
    sb16_set_rate(d, 22050);
    sb16_update_irq(d);
}
