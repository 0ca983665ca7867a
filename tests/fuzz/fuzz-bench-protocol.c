/* tests/fuzz/fuzz-bench-protocol.c - anything on the serial port of the
 * bench's guest: its text stays within its room, and times are those given. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/bench/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BenchProtocol p = {0};
    gint64 now = 1;

    bench_protocol_begin(&p);
    while (size > 0) {
        size_t len = MIN(size, (size_t) data[0] % 16 + 1);
        BenchAnswer answer =
            bench_protocol_feed(&p, (const char *) data, len, now++);
        if (p.len >= sizeof p.text || p.end_ns >= now || p.begin_ns >= now)
            abort();
        if (answer == BENCH_OK && (p.begin_ns == 0 || p.end_ns < p.begin_ns))
            abort();
        if (answer == BENCH_FAILED &&
            memchr(p.text, '\0', sizeof p.text) == NULL)
            abort();
        if (answer != BENCH_MORE)
            bench_protocol_begin(&p);
        data += len;
        size -= len;
    }
    return 0;
}
