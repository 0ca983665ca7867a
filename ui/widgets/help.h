/* ui/widgets/help.h - the keys of the screen, from its own key table. */
#pragma once

#include "ui/tui/app-loop.h"

void help_open(Tui *tui);
