/* devices/net/eeprom-93c46.h - the serial EEPROM behind a network card, 64
 * words of 16 bits, driven line by line (National NM93C46 data sheet).
 *
 * What is stored is the card's; only READ does anything, so a guest cannot
 * change the address that the profile gives. */
#pragma once

#include "vmm/core/state.h"

#define EEPROM_WORDS 64u

typedef struct {
    guint8 clock, phase, count, out; /* lines and place in a command */
    guint16 shift;
} Eeprom93c46State;
extern const StateDesc eeprom_93c46_state_desc;

void eeprom_93c46_reset(Eeprom93c46State *s);
/* The lines CS, SK and DI as they are now; s->out is DO. */
void eeprom_93c46_lines(Eeprom93c46State *s, const guint16 words[EEPROM_WORDS],
                        bool select, bool clock, bool in);
bool eeprom_93c46_check(const Eeprom93c46State *s, GError **error);
