/* devices/legacy/i8237.c - two Intel 8237A with the PC's page registers.
 *
 * Intel 8237A data sheet; ports and wiring as in the 82371SB (PIIX3), section
 * "DMA registers". Single, demand and block mode are one thing here: a device
 * asks for what it has and gets it at once. Left out on purpose: memory to
 * memory transfers (the PC never wired them usefully; the temporary register
 * reads 0), transfers started by a software request (the bit is kept and
 * shown), rotating priority, and the EISA high page registers, which the PIIX3
 * does not have. */
#include "devices/legacy/i8237.h"

#include <string.h>

#include "vmm/io/io.h"
#include "vmm/mem/dma.h"

enum {
    CHIP_CHANNELS = 4,
    N_CHIPS = 2,
    N_PAGES = 16 /* ports 0x80..0x8f; 0x80 itself is the POST port */
};

/* Register numbers of one chip, 8237A figure 6 */
enum {
    REG_STATUS = 8, /* write: command */
    REG_REQUEST = 9,
    REG_SINGLE_MASK = 10,
    REG_MODE = 11,
    REG_CLEAR_FLIP_FLOP = 12,
    REG_TEMPORARY = 13, /* write: master clear */
    REG_CLEAR_MASK = 14,
    REG_ALL_MASK = 15
};

#define COMMAND_DISABLE 0x04
#define MODE_TYPE(m)    ((m) >> 2 & 3) /* 0 verify, 1 write, 2 read */
#define MODE_TYPE_WRITE 1
#define MODE_TYPE_READ  2
#define MODE_AUTO_INIT  0x10
#define MODE_DECREMENT  0x20
#define MODE_CASCADE    0xc0

typedef struct {
    guint16 base_address, base_count; /* count: transfers less one */
    guint16 address, count;           /* current */
    guint8 mode;
} I8237Channel;

typedef struct {
    I8237Channel channel[CHIP_CHANNELS];
    guint8 command, mask, request, terminal_count, dreq; /* bit per channel */
    guint8 flip_flop; /* 0: the next access is to the low byte */
} I8237Chip;

typedef struct {
    I8237Chip chip[N_CHIPS];
    guint8 page[N_PAGES];
} I8237State;

typedef struct {
    Device dev;
    I8237State s; /* under dev.lock */
    Dma *dma;
    IoRegion *low, *high, *pages;
} I8237;

/* Index into page[] of each channel; 4 is the refresh page. */
static const guint8 channel_page[I8237_CHANNELS] = {
    0x7, 0x3, 0x1, 0x2, 0xf, 0xb, 0x9, 0xa,
};

/* clang-format off */
static const StateField channel_fields[] = {
    STATE_FIELD(I8237Channel, base_address, STATE_U16),
    STATE_FIELD(I8237Channel, base_count, STATE_U16),
    STATE_FIELD(I8237Channel, address, STATE_U16),
    STATE_FIELD(I8237Channel, count, STATE_U16),
    STATE_FIELD(I8237Channel, mode, STATE_U8),
    STATE_FIELDS_END,
};
static const StateDesc channel_state = {
    .name = "i8237-channel", .version = 1, .min_version = 1,
    .size = sizeof(I8237Channel), .fields = channel_fields,
};
static const StateField chip_fields[] = {
    STATE_SUB_ARRAY(I8237Chip, channel, &channel_state),
    STATE_FIELD(I8237Chip, command, STATE_U8),
    STATE_FIELD(I8237Chip, mask, STATE_U8),
    STATE_FIELD(I8237Chip, request, STATE_U8),
    STATE_FIELD(I8237Chip, terminal_count, STATE_U8),
    STATE_FIELD(I8237Chip, dreq, STATE_U8),
    STATE_FIELD(I8237Chip, flip_flop, STATE_U8),
    STATE_FIELDS_END,
};
static const StateDesc chip_state = {
    .name = "i8237-chip", .version = 1, .min_version = 1,
    .size = sizeof(I8237Chip), .fields = chip_fields,
};
static const StateField i8237_fields[] = {
    STATE_SUB_ARRAY(I8237State, chip, &chip_state),
    STATE_BLOB(I8237State, page),
    STATE_FIELDS_END,
};
/* clang-format on */

static bool
i8237_check(const void *state, GError **error)
{
    const I8237State *s = state;

    for (unsigned i = 0; i < N_CHIPS; i++) {
        const I8237Chip *c = &s->chip[i];
        if (c->flip_flop <= 1 &&
            (c->mask | c->request | c->terminal_count | c->dreq) <= 0x0f)
            continue;
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "i8237: chip[%u]: a per-channel field has unknown bits; "
                    "the saved state is damaged, start the machine afresh",
                    i);
        return false;
    }
    return true;
}

static const StateDesc i8237_state = {
    .name = "i8237",
    .version = 1,
    .min_version = 1,
    .size = sizeof(I8237State),
    .fields = i8237_fields,
    .check = i8237_check,
};

/* Replaces the byte the flip-flop points at and toggles it. */
static guint16
merge_byte(I8237Chip *chip, guint16 old, guint8 value)
{
    bool high = chip->flip_flop;

    chip->flip_flop ^= 1;
    return high ? (guint16) ((old & 0x00ff) | value << 8)
                : (guint16) ((old & 0xff00) | value);
}

static guint8
chip_read(I8237Chip *chip, unsigned reg)
{
    if (reg < REG_STATUS) {
        const I8237Channel *ch = &chip->channel[reg >> 1];
        guint16 word = reg & 1 ? ch->count : ch->address;
        bool high = chip->flip_flop;
        chip->flip_flop ^= 1;
        return (guint8) (high ? word >> 8 : word);
    }
    if (reg == REG_STATUS) {
        guint8 value =
            (guint8) ((chip->dreq | chip->request) << 4 | chip->terminal_count);
        chip->terminal_count = 0; /* reading clears these, not the requests */
        return value;
    }
    if (reg == REG_TEMPORARY)
        return 0;
    if (reg == REG_ALL_MASK)
        return (guint8) (0xf0 | chip->mask);
    return 0xff; /* write-only registers */
}

/* REQUEST and SINGLE_MASK share a format: channel in bits 0-1, value bit 2. */
static guint8
set_channel_bit(guint8 bits, guint8 value)
{
    guint8 bit = (guint8) (1u << (value & 3));

    return (guint8) (value & 4 ? bits | bit : bits & ~bit);
}

static void
chip_master_clear(I8237Chip *chip)
{
    chip->command = 0;
    chip->request = 0;
    chip->terminal_count = 0;
    chip->flip_flop = 0;
    chip->mask = 0x0f;
}

static void
chip_write_word(I8237Chip *chip, unsigned reg, guint8 value)
{
    I8237Channel *ch = &chip->channel[reg >> 1];

    /* Base and current are written together, 8237A "software commands". */
    if (reg & 1) {
        ch->base_count = merge_byte(chip, ch->base_count, value);
        ch->count = ch->base_count;
    } else {
        ch->base_address = merge_byte(chip, ch->base_address, value);
        ch->address = ch->base_address;
    }
}

static void
chip_write(I8237Chip *chip, unsigned reg, guint8 value)
{
    switch (reg) {
    case REG_STATUS: chip->command = value; break;
    case REG_REQUEST:
        chip->request = set_channel_bit(chip->request, value);
        break;
    case REG_SINGLE_MASK:
        chip->mask = set_channel_bit(chip->mask, value);
        break;
    case REG_MODE: chip->channel[value & 3].mode = value & 0xfc; break;
    case REG_CLEAR_FLIP_FLOP: chip->flip_flop = 0; break;
    case REG_TEMPORARY: chip_master_clear(chip); break;
    case REG_CLEAR_MASK: chip->mask = 0; break;
    case REG_ALL_MASK: chip->mask = value & 0x0f; break;
    default: chip_write_word(chip, reg, value); break;
    }
}

static guint64
low_read(void *dev, guint64 offset, unsigned size)
{
    I8237 *d = dev;

    return chip_read(&d->s.chip[0], (unsigned) offset);
}

static void
low_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    I8237 *d = dev;

    chip_write(&d->s.chip[0], (unsigned) offset, (guint8) value);
}

/* The second chip's A0 is the bus's A1: each register answers at two ports. */
static guint64
high_read(void *dev, guint64 offset, unsigned size)
{
    I8237 *d = dev;

    return chip_read(&d->s.chip[1], (unsigned) offset >> 1);
}

static void
high_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    I8237 *d = dev;

    chip_write(&d->s.chip[1], (unsigned) offset >> 1, (guint8) value);
}

static guint64
pages_read(void *dev, guint64 offset, unsigned size)
{
    I8237 *d = dev;

    return d->s.page[offset + 1];
}

static void
pages_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    I8237 *d = dev;

    d->s.page[offset + 1] = (guint8) value;
}

static bool
channel_ready(const I8237 *d, unsigned channel)
{
    const I8237Chip *chip = &d->s.chip[channel / CHIP_CHANNELS];
    unsigned n = channel % CHIP_CHANNELS;

    if (chip->mask & (1u << n) || chip->command & COMMAND_DISABLE ||
        (chip->channel[n].mode & MODE_CASCADE) == MODE_CASCADE)
        return false;
    if (channel >= CHIP_CHANNELS)
        return true;
    /* The first chip's HRQ goes through channel 4 of the second. */
    const I8237Chip *second = &d->s.chip[1];
    return !(second->mask & 1) && !(second->command & COMMAND_DISABLE);
}

/* One run of bytes that is contiguous in guest memory. */
static void
move_run(I8237 *d, Gpa gpa, guint8 *buf, unsigned len, unsigned type)
{
    if (type == MODE_TYPE_WRITE)
        (void) dma_write(d->dma, gpa, buf, len); /* no RAM: bits are lost */
    else if (type == MODE_TYPE_READ && dma_read(d->dma, gpa, buf, len) < 0)
        memset(buf, 0xff, len);
}

/* Moves n units upwards or downwards from the current address; the 16-bit
 * address wraps inside its page and never carries into the page register. */
static void
move_units(I8237 *d, unsigned channel, I8237Channel *ch, guint8 *buf,
           unsigned n, unsigned type)
{
    unsigned shift = channel >= CHIP_CHANNELS ? 1 : 0;
    guint8 page = d->s.page[channel_page[channel]];
    Gpa base = (Gpa) (shift ? page & 0xfe : page) << 16;
    bool down = ch->mode & MODE_DECREMENT;

    while (n > 0) {
        unsigned run = down ? 1 : MIN(n, 0x10000u - ch->address);
        move_run(d, base + ((Gpa) ch->address << shift), buf, run << shift,
                 type);
        ch->address = (guint16) (down ? ch->address - 1u : ch->address + run);
        buf += run << shift;
        n -= run;
    }
}

/* The type the chip performs for a device that wants dir; 0 (verify) also
 * stands for "programmed the other way round". */
static unsigned
transfer_type(const I8237Channel *ch, I8237Dir dir)
{
    unsigned type = MODE_TYPE(ch->mode);
    unsigned wanted = dir == I8237_TO_MEMORY ? MODE_TYPE_WRITE : MODE_TYPE_READ;

    return type == wanted ? type : 0;
}

static void
terminal_count(I8237Chip *chip, unsigned n)
{
    I8237Channel *ch = &chip->channel[n];
    guint8 bit = (guint8) (1u << n);

    chip->terminal_count |= bit;
    chip->request &= (guint8) ~bit;
    if (ch->mode & MODE_AUTO_INIT) {
        ch->address = ch->base_address;
        ch->count = ch->base_count;
    } else {
        chip->mask |= bit;
    }
}

unsigned
i8237_transfer(Device *dma, unsigned channel, guint8 *buf, unsigned len,
               I8237Dir dir, bool *ret_tc)
{
    I8237 *d = DEVICE_OF(I8237, dma);
    unsigned shift = channel >= CHIP_CHANNELS ? 1 : 0;
    unsigned moved = 0;

    g_return_val_if_fail(channel < I8237_CHANNELS, 0);
    *ret_tc = false;
    g_mutex_lock(&dma->lock);
    if (channel_ready(d, channel) && len >> shift > 0) {
        I8237Chip *chip = &d->s.chip[channel / CHIP_CHANNELS];
        I8237Channel *ch = &chip->channel[channel % CHIP_CHANNELS];
        unsigned units = MIN(len >> shift, ch->count + 1u);
        unsigned type = transfer_type(ch, dir);

        if (type == 0 && dir == I8237_FROM_MEMORY)
            memset(buf, 0xff, (gsize) units << shift);
        move_units(d, channel, ch, buf, units, type);
        moved = units << shift;
        *ret_tc = units == ch->count + 1u;
        ch->count = (guint16) (ch->count - units); /* 0xffff at the end */
        if (*ret_tc)
            terminal_count(chip, channel % CHIP_CHANNELS);
    }
    g_mutex_unlock(&dma->lock);
    return moved;
}

void
i8237_set_dreq(Device *dma, unsigned channel, bool level)
{
    I8237 *d = DEVICE_OF(I8237, dma);

    g_return_if_fail(channel < I8237_CHANNELS);
    g_mutex_lock(&dma->lock);
    I8237Chip *chip = &d->s.chip[channel / CHIP_CHANNELS];
    guint8 bit = (guint8) (1u << channel % CHIP_CHANNELS);
    chip->dreq = (guint8) (level ? chip->dreq | bit : chip->dreq & ~bit);
    g_mutex_unlock(&dma->lock);
}

bool
i8237_is_ready(Device *dma, unsigned channel)
{
    I8237 *d = DEVICE_OF(I8237, dma);

    g_return_val_if_fail(channel < I8237_CHANNELS, false);
    g_mutex_lock(&dma->lock);
    bool ready = channel_ready(d, channel);
    g_mutex_unlock(&dma->lock);
    return ready;
}

static const IoOps low_ops = {
    .read = low_read, .write = low_write, .max_size = 1};
static const IoOps high_ops = {
    .read = high_read, .write = high_write, .max_size = 1};
static const IoOps pages_ops = {
    .read = pages_read, .write = pages_write, .max_size = 1};

static bool
map_ports(Device *dev, IoRegion **region, const char *name, const IoOps *ops,
          guint16 base, guint16 len, GError **error)
{
    *region = io_region_new(name, ops, dev, &dev->lock, len);
    int ret = io_map(dev->env->ports, *region, base, 0);
    if (ret == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "i8237: ports 0x%x: another device is there already", base);
    return false;
}

static bool
i8237_realize(Device *dev, DeviceEnv *env, GError **error)
{
    I8237 *d = DEVICE_OF(I8237, dev);

    d->dma = dma_new(env->mem);
    return map_ports(dev, &d->low, "dma1", &low_ops, 0x00, 16, error) &&
           map_ports(dev, &d->high, "dma2", &high_ops, 0xc0, 32, error) &&
           map_ports(dev, &d->pages, "dma-page", &pages_ops, 0x81, 15, error);
}

static void
i8237_unrealize(Device *dev)
{
    I8237 *d = DEVICE_OF(I8237, dev);

    g_clear_pointer(&d->pages, io_region_free);
    g_clear_pointer(&d->high, io_region_free);
    g_clear_pointer(&d->low, io_region_free);
    g_clear_pointer(&d->dma, dma_free);
}

static void
i8237_reset(Device *dev, ResetKind kind)
{
    I8237 *d = DEVICE_OF(I8237, dev);

    d->s = (I8237State){0};
    for (unsigned i = 0; i < N_CHIPS; i++)
        chip_master_clear(&d->s.chip[i]);
}

const DeviceClass i8237_class = {
    .name = "i8237",
    .summary = "ISA DMA controllers (two 8237A)",
    .size = sizeof(I8237),
    .state = &i8237_state,
    .state_offset = G_STRUCT_OFFSET(I8237, s),
    .realize = i8237_realize,
    .unrealize = i8237_unrealize,
    .reset = i8237_reset,
};
