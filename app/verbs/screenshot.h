/* app/verbs/screenshot.h - a frame as a PNG, for the verb and the TUI. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Appends the frame that the descriptor holds (borrowed). Any thread. */
bool screenshot_png(int frame_fd, GByteArray *out, GError **error);
