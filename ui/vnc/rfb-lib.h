/* ui/vnc/rfb-lib.h - libvncserver, loaded when the first VNC server starts: it
 * brings a dozen libraries, and linking them took a machine without viewers
 * more time than all the rest of its start. Call the functions by their own
 * names; rfb_lib_load() has succeeded before. */
#pragma once

#include <rfb/rfb.h>

#include "vmm/types.h"

/* clang-format off */
#define RFB_LIB_FUNCTIONS(X) \
    X(rfbClientConnectionGone) \
    X(rfbCloseClient) \
    X(rfbEncryptBytes) \
    X(rfbGetScreen) \
    X(rfbMarkRectAsModified) \
    X(rfbNewClient) \
    X(rfbNewFramebuffer) \
    X(rfbProcessClientMessage) \
    X(rfbScreenCleanup) \
    X(rfbSetTranslateFunction) \
    X(rfbUpdateClient) \
    X(rfbWriteExact)
/* clang-format on */

typedef struct {
#define RFB_LIB_FIELD(name) __typeof__(name) *name##_;
    RFB_LIB_FUNCTIONS(RFB_LIB_FIELD)
#undef RFB_LIB_FIELD
    rfbLogProc *log_, *err_; /* the library's variables */
} RfbLib;

/* Any thread; once and for all. False and error set (G_FILE_ERROR): it is not
 * installed, or too old. */
bool rfb_lib_load(GError **error);
/* After rfb_lib_load(). */
const RfbLib *rfb_lib(void);

#ifndef RFB_LIB_NO_NAMES
#define rfbClientConnectionGone rfb_lib()->rfbClientConnectionGone_
#define rfbCloseClient          rfb_lib()->rfbCloseClient_
#define rfbEncryptBytes         rfb_lib()->rfbEncryptBytes_
#define rfbGetScreen            rfb_lib()->rfbGetScreen_
#define rfbMarkRectAsModified   rfb_lib()->rfbMarkRectAsModified_
#define rfbNewClient            rfb_lib()->rfbNewClient_
#define rfbNewFramebuffer       rfb_lib()->rfbNewFramebuffer_
#define rfbProcessClientMessage rfb_lib()->rfbProcessClientMessage_
#define rfbScreenCleanup        rfb_lib()->rfbScreenCleanup_
#define rfbSetTranslateFunction rfb_lib()->rfbSetTranslateFunction_
#define rfbUpdateClient         rfb_lib()->rfbUpdateClient_
#define rfbWriteExact           rfb_lib()->rfbWriteExact_
#endif
