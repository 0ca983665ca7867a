/* devices/net/eeprom-93c46.c - see eeprom-93c46.h. */
#include "devices/net/eeprom-93c46.h"

enum {
    PHASE_IDLE,    /* zeros before the start bit */
    PHASE_COMMAND, /* two bits of operation, six of address */
    PHASE_READ,
    PHASE_DONE, /* until it is deselected */
    N_PHASES
};

#define COMMAND_BITS 8u
#define OP_READ      2u

void
eeprom_93c46_reset(Eeprom93c46State *s)
{
    *s = (Eeprom93c46State){.phase = PHASE_IDLE, .out = 1};
}

static void
end_of_command(Eeprom93c46State *s, const guint16 words[EEPROM_WORDS])
{
    s->phase = PHASE_DONE;
    if (s->shift >> 6 != OP_READ)
        return;
    s->shift = words[s->shift & (EEPROM_WORDS - 1)];
    s->phase = PHASE_READ;
    s->count = 0;
    s->out = 0; /* the dummy bit before the data */
}

static void
rising_edge(Eeprom93c46State *s, const guint16 words[EEPROM_WORDS], bool in)
{
    switch (s->phase) {
    case PHASE_IDLE:
        if (in) {
            s->phase = PHASE_COMMAND;
            s->count = 0;
            s->shift = 0;
        }
        break;
    case PHASE_COMMAND:
        s->shift = (guint16) (s->shift << 1 | in);
        if (++s->count == COMMAND_BITS)
            end_of_command(s, words);
        break;
    case PHASE_READ:
        s->out = (guint8) (s->shift >> 15);
        s->shift = (guint16) (s->shift << 1);
        if (++s->count == 16)
            s->phase = PHASE_DONE;
        break;
    default: break;
    }
}

void
eeprom_93c46_lines(Eeprom93c46State *s, const guint16 words[EEPROM_WORDS],
                   bool select, bool clock, bool in)
{
    bool edge = clock && !s->clock;

    if (!select)
        eeprom_93c46_reset(s);
    else if (edge)
        rising_edge(s, words, in);
    s->clock = clock;
}

bool
eeprom_93c46_check(const Eeprom93c46State *s, GError **error)
{
    if (s->phase < N_PHASES && s->clock <= 1 && s->out <= 1 && s->count <= 16)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "eeprom: phase %u, clock %u, out %u, count %u", s->phase,
                s->clock, s->out, s->count);
    return false;
}

/* clang-format off */
static const StateField eeprom_93c46_fields[] = {
    STATE_FIELD(Eeprom93c46State, clock, STATE_U8),
    STATE_FIELD(Eeprom93c46State, phase, STATE_U8),
    STATE_FIELD(Eeprom93c46State, count, STATE_U8),
    STATE_FIELD(Eeprom93c46State, out, STATE_U8),
    STATE_FIELD(Eeprom93c46State, shift, STATE_U16),
    STATE_FIELDS_END
};
/* clang-format on */

const StateDesc eeprom_93c46_state_desc = {
    .name = "eeprom-93c46",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Eeprom93c46State),
    .fields = eeprom_93c46_fields,
};
