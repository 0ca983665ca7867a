/* app/bench/protocol.h - what the bench guest says on its serial port.
 *
 *   X          its first instruction, when it is the firmware
 *   Y          its entry
 *   ready\n    it reads commands
 *   <...>ok\n or <...>error TEXT\n or error TEXT\n   the answer to one
 *
 * The clock is read where < and > arrive; what is between them is nothing.
 * Thread: any one at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum { BENCH_LINE_MAX = 128 };

typedef enum {
    BENCH_MORE,  /* the answer is not whole yet */
    BENCH_READY, /* or: ready */
    BENCH_OK,
    BENCH_FAILED /* text says why */
} BenchAnswer;

typedef struct {
    gint64 first_ns, entry_ns, ready_ns; /* of the start; 0: not yet */
    gint64 begin_ns, end_ns;             /* of the last command */
    bool inside;
    char text[BENCH_LINE_MAX]; /* behind "error " */
    gsize len;
} BenchProtocol;

/* Before each command. */
void bench_protocol_begin(BenchProtocol *p);
/* Bytes that came at now_ns. Stops behind the end of an answer; what follows
 * before the next command is dropped, as a guest that says more is broken. */
BenchAnswer bench_protocol_feed(BenchProtocol *p, const char *bytes, gsize len,
                                gint64 now_ns);
