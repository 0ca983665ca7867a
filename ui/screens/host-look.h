/* ui/screens/host-look.h - asks the program for a look at the host and gives
 * the answer to a screen, if it is still there then. Main thread. */
#pragma once

#include "ui/screens/screens.h"

typedef struct HostLook HostLook;

/* changed(data) runs when there is an answer. The screen frees it. */
HostLook *host_look_new(Tui *tui, void (*changed)(void *data), void *data);
void host_look_free(HostLook *look);
/* Looks again; what is there stays until the answer. */
void host_look_again(HostLook *look);

/* Asks, then takes back the last change that was made on this host, in the
 * terminal, where root's password can be typed, and looks again. The button
 * says yes. */
void host_look_ask_undo(HostLook *look, const char *title, const char *button,
                        const char *text);

bool host_look_busy(const HostLook *look);
/* Borrowed until the next changed(); NULL: no answer yet, or an error. */
const UiHostLook *host_look_found(const HostLook *look);
const char *host_look_error(const HostLook *look); /* NULL: none */
