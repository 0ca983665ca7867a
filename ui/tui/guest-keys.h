/* ui/tui/guest-keys.h - terminal keys and text as key presses of a guest.
 *
 * A terminal sends characters, not keys, and never a release: each becomes a
 * press and a release on a US keyboard. Pure functions. */
#pragma once

#include "ui/tui/keys.h"
#include "vmm/input/input.h"

/* Longest batch any of these makes: five keys down, up, and two syncs. */
#define GUEST_KEYS_MAX 16

/* Each returns the number of events, the last an INPUT_SYNC; 0 when a US
 * keyboard has no such key. */
unsigned guest_keys_from_key(const Key *key, InputEvent *ret_events);
unsigned guest_keys_from_char(gunichar c, InputEvent *ret_events);
/* "ctrl-alt-delete", "alt+f4", "shift-a", "printscreen": names joined by - or
 * +, the last one is the key. */
unsigned guest_keys_from_combo(const char *combo, InputEvent *ret_events);

/* A mouse report: dx, dy is the movement in the guest's pixels since the last
 * one. Also at most GUEST_KEYS_MAX events. */
unsigned guest_mouse_relative(const Key *key, int dx, int dy,
                              InputEvent *ret_events);
/* The same for a tablet: x, y are 0..32767 of the guest's screen. */
unsigned guest_mouse_absolute(const Key *key, int x, int y,
                              InputEvent *ret_events);
