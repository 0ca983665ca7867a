/* app/tui-host-internal.h - shared by tui-host.c and tui-console.c. */
#pragma once

#include "app/session/control-client.h"
#include "ui/host.h"

/* Runs done(data, error) from the main loop, not from inside the caller, who
 * may not expect it; takes error over. */
void tui_host_later(UiDone done, void *data, GError *error);

/* tui-console.c: the console part of UiHostOps. */
UiConsole *tui_console_open(void *host, const char *name,
                            const UiConsoleEvents *events, void *data,
                            GError **error);
void tui_console_close(UiConsole *console);
const ScreenHeader *tui_console_screen(UiConsole *console, gsize *ret_len);
void tui_console_input(UiConsole *console, const InputEvent *events,
                       unsigned n);
guint tui_console_leds(UiConsole *console);
void tui_console_media(UiConsole *console, const char *drive, const char *path,
                       UiDone done, void *data);
void tui_console_screenshot(UiConsole *console, const char *path, UiDone done,
                            void *data);
const char *const *tui_console_parts(UiConsole *console);
int tui_console_serial(UiConsole *console, unsigned n, GError **error);

/* tui-host-usb.c: UiHostOps.usb. */
void tui_host_usb(void *host, const char *name, const char *device, bool in,
                  UiDone done, void *data);

/* tui-host-plug.c: `carrel WORD...` on a thread of its own (words end with NULL
 * and are copied); an error is what it said. Also UiHostOps.plug_models, .plug,
 * .cards and .unplug. */
void tui_host_verb(const char *const *words, UiDone done, void *data);
const char *tui_host_plug_models(void *host, const char *kind);
void tui_host_plug(void *host, const char *name, const char *kind,
                   const char *const *settings, bool keep, UiDone done,
                   void *data);
void tui_host_cards(void *host, const char *name, UiCards done, void *data);
void tui_host_unplug(void *host, const char *name, const char *section,
                     bool keep, UiDone done, void *data);

/* tui-host-pci.c: UiHostOps.pci, .start_asks and .notice. */
void tui_host_pci(void *host, const char *name, const char *section,
                  const char *device, bool console, UiDone done, void *data);
bool tui_host_start_asks(void *host, const char *name);
char *tui_host_notice(void *host);

/* tui-host-look.c. wants is copied; machine may be NULL. */
void tui_host_look(const char *machine, guint64 memory, UiLooked done,
                   void *data);
