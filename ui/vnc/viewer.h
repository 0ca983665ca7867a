/* ui/vnc/viewer.h - one seat for a viewer: the VNC library on its own thread.
 *
 * The library encodes pixels and talks RFB over one end of a socket pair; the
 * other end belongs to the gate, which hands it whole messages only. So
 * whatever a viewer does, it can stall nothing but its own thread. */
#pragma once

#include "vmm/display/display.h"
#include "vmm/input/input.h"

typedef struct VncViewer VncViewer;

/* A free seat. done_fd: an eventfd, signalled when a viewer's thread is about
 * to end. input NULL: view only. Error: no descriptor below 1024 is left. */
VncViewer *vnc_viewer_new(unsigned number, const char *desktop_name,
                          Display *display, Input *input, int done_fd,
                          GError **error);
void vnc_viewer_free(VncViewer *viewer); /* joins; NULL is fine */

/* The functions below: the gate's thread. */

/* Before the first start of any seat, for all of them: loads the library and
 * lets it set up state that all share, which it does again for each screen and
 * without regard to viewers that run. Does nothing the second time. False:
 * *ret_why says why (static). */
bool vnc_viewer_prepare(VncViewer *viewer, const char **ret_why);

/* Starts the thread; *ret_fd is our end, non-blocking, which the caller owns.
 * The viewer leaves when that is closed. False: *ret_why says why (static), no
 * descriptors are left. */
bool vnc_viewer_start(VncViewer *viewer, int *ret_fd, const char **ret_why);
bool vnc_viewer_is_free(VncViewer *viewer);
/* Joins the thread when it has ended; true when the seat is free. */
bool vnc_viewer_reap(VncViewer *viewer);

/* RFB_FEATURE_* that the viewer asked for. */
void vnc_viewer_set_features(VncViewer *viewer, guint features);
void vnc_viewer_size(VncViewer *viewer, int *ret_width, int *ret_height);
/* The viewer was told that the pointer is relative. */
bool vnc_viewer_is_relative(VncViewer *viewer);
