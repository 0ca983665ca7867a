/* vmm/display/screen.h - checking a ScreenHeader that another process owns. */
#pragma once

#include "vmm/display/display.h"

/* True when everything the header points at lies inside a mapping of len
 * bytes and all counts are within the limits of display.h. Any thread. The
 * owner may change the header at any time: use screen_snapshot(). */
bool screen_validate(const ScreenHeader *header, gsize len);

/* Copies the header once and validates the copy; what a reader goes by from
 * then on. False: not a screen, or it does not fit. Any thread. */
bool screen_snapshot(const ScreenHeader *map, gsize len,
                     ScreenHeader *ret_header);
