/* ui/widgets/palette.h - every command by name, and the verbs of carrel. */
#pragma once

#include "ui/tui/app-loop.h"

void palette_open(Tui *tui);
