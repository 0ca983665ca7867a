/* app/bench/protocol.c - see protocol.h. */
#include "app/bench/protocol.h"

#include <string.h>

void
bench_protocol_begin(BenchProtocol *p)
{
    p->begin_ns = p->end_ns = 0;
    p->inside = false;
    p->len = 0;
}

static BenchAnswer
end_line(BenchProtocol *p, gint64 now_ns)
{
    static const char error[] = "error ";

    p->text[p->len] = '\0';
    p->len = 0;
    if (strcmp(p->text, "ready") == 0) {
        p->ready_ns = now_ns;
        return BENCH_READY;
    }
    bool timed = p->begin_ns != 0 && p->end_ns != 0;
    if (strcmp(p->text, "ok") == 0 && timed)
        return BENCH_OK;
    if (g_str_has_prefix(p->text, error))
        memmove(p->text, p->text + strlen(error),
                strlen(p->text + strlen(error)) + 1);
    else
        g_strlcpy(p->text, "its answer is not understood", sizeof p->text);
    return BENCH_FAILED;
}

/* True: the byte was a mark. */
static bool
take_mark(BenchProtocol *p, char c, gint64 now_ns)
{
    if (p->inside) {
        p->inside = c != '>';
        if (c == '>')
            p->end_ns = now_ns;
        return true;
    }
    switch (p->len == 0 ? c : 0) {
    case 'X': p->first_ns = now_ns; return true;
    case 'Y': p->entry_ns = now_ns; return true;
    case '<':
        p->begin_ns = now_ns;
        p->inside = true;
        return true;
    default: return false;
    }
}

BenchAnswer
bench_protocol_feed(BenchProtocol *p, const char *bytes, gsize len,
                    gint64 now_ns)
{
    for (gsize i = 0; i < len; i++) {
        if (take_mark(p, bytes[i], now_ns))
            continue;
        if (bytes[i] == '\n')
            return end_line(p, now_ns);
        if (p->len + 1 < sizeof p->text)
            p->text[p->len++] = bytes[i];
    }
    return BENCH_MORE;
}
