/* vmm/char/char.h - byte streams: serial ports, consoles, monitors. */
#pragma once

#include "vmm/types.h"

/* All three run on the loop thread. */
typedef struct {
    gsize (*can_receive)(void *dev); /* bytes the model can take now */
    void (*receive)(void *dev, const guint8 *data, gsize len);
    void (*writable)(void *dev); /* after a short char_send() */
} CharOps;

#define CARREL_CHAR_ERROR (carrel_char_error_quark())
GQuark carrel_char_error_quark(void);
typedef enum { CARREL_CHAR_ERROR_SYNTAX } CarrelCharError;

/* kind: "pty" (arg: NULL, or a path for a symbolic link to the slave),
 * "socket" (arg: path of a Unix socket to listen on), "file" (arg: path,
 * appended to; no input), "pane" (a console in the TUI; attached by
 * descriptor), "null". Every kind keeps the scrollback ring.
 * NULL and error set: G_FILE_ERROR_* or CARREL_CHAR_ERROR_SYNTAX. */
CharLink *char_open(const char *kind, const char *arg, Loop *loop,
                    GError **error);
/* Before or after the end of the loop, not inside a callback of link. Writes
 * what a file still lacks; blocks as long. NULL is fine. */
void char_close(CharLink *link);

/* The model at the guest's end; NULL ops detaches: then input is dropped.
 * Loop or set-up thread. */
void char_set_ops(CharLink *link, const CharOps *ops, void *dev);

/* Loop thread. Returns the bytes taken, 0..len; if short, ops->writable
 * follows once. Whatever is taken also enters the scrollback ring, so a
 * viewer that attaches later sees what it missed. Bytes for nobody are
 * dropped after the ring: a guest never blocks on an absent reader. */
gsize char_send(CharLink *link, const guint8 *data, gsize len);
void char_poll_rx(CharLink *link); /* the model has room again; any thread */

/* Adds one more peer: fd is a connected, bidirectional stream (socketpair or
 * accepted socket), owned by link from now on. With replay it first gets the
 * ring's content. Any number of peers; each receives all output. Any thread. */
void char_attach_fd(CharLink *link, int fd, bool replay);

/* Bytes typed by something that is no peer (`carrel send --serial`). Loop. */
void char_inject(CharLink *link, const guint8 *data, gsize len);

/* Copies the scrollback, oldest byte first (at most 256 KiB). Any thread. */
GBytes *char_scrollback(CharLink *link);
/* "pty:/dev/pts/7", "socket:/run/…": where people connect; never NULL. */
const char *char_describe(const CharLink *link);
/* Runs on the loop after each batch of output, for `carrel expect --serial`;
 * one watcher, NULL removes it. */
void char_set_watcher(CharLink *link, void (*output)(void *data), void *data);
