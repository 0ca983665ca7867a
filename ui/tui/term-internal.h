/* ui/tui/term-internal.h - what term.c and term-input.c share. */
#pragma once

#include "ui/tui/term.h"

struct Term {
    SCREEN *screen;
    Theme *theme;
    TermOptions options;
    bool utf8, xterm_like, mouse, motion;
    /* Keys are read through a pad, so that reading never draws. */
    WINDOW *input;
    GString *paste;
    bool pasting;
    gsize paste_match; /* characters of the closing bracket seen */
};
