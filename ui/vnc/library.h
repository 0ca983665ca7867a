/* ui/vnc/library.h - libvncserver, loaded when the first viewer comes.
 *
 * It brings 13 libraries (TLS and what that needs), 3 MiB and a third of a
 * machine's start, for something that most machines never use. */
#pragma once

#include <rfb/rfb.h>

#include "vmm/types.h"

typedef struct {
    __typeof__(rfbClientConnectionGone) *client_connection_gone;
    __typeof__(rfbCloseClient) *close_client;
    __typeof__(rfbEncryptBytes) *encrypt_bytes;
    __typeof__(rfbGetScreen) *get_screen;
    __typeof__(rfbMarkRectAsModified) *mark_rect_as_modified;
    __typeof__(rfbNewClient) *new_client;
    __typeof__(rfbNewFramebuffer) *new_framebuffer;
    __typeof__(rfbProcessClientMessage) *process_client_message;
    __typeof__(rfbScreenCleanup) *screen_cleanup;
    __typeof__(rfbSetTranslateFunction) *set_translate_function;
    __typeof__(rfbUpdateClient) *update_client;
    __typeof__(rfbWriteExact) *write_exact;
} VncLibrary;

/* Loads it at the first call, which blocks for some milliseconds; NULL when
 * that failed, with the reason in *ret_why (static) unless that is NULL. Any
 * thread; stays loaded. */
const VncLibrary *vnc_library(const char **ret_why);
