/* tests/fuzz/fuzz-serial-tap.c - what a guest prints, cut anywhere, while a
 * reader takes parts of it: the text is valid UTF-8 and bounded. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/session/serial-tap.h"

#define KEPT_MAX (256 * 1024)

typedef struct {
    SerialTap *tap;
    GMainContext *context;
    int guest;
    guint watch;
    unsigned calls;
} Rig;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Watches once: the next batch of output finds it gone. */
static void
seen(void *data)
{
    Rig *rig = data;

    serial_tap_unwatch(rig->tap, rig->watch);
    rig->calls++;
}

static void
run(Rig *rig)
{
    while (g_main_context_iteration(rig->context, FALSE))
        ;
}

static void
check_text(Rig *rig)
{
    g_autofree char *text = serial_tap_unmatched(rig->tap);
    gsize len = strlen(text);

    if (len > KEPT_MAX || !g_utf8_validate(text, -1, NULL))
        abort();
}

/* A matcher consumes whole characters. */
static void
consume(Rig *rig, unsigned chars)
{
    g_autofree char *text = serial_tap_unmatched(rig->tap);
    const char *p = text;

    while (chars-- > 0 && *p != '\0')
        p = g_utf8_next_char(p);
    serial_tap_consume(rig->tap, (gsize) (p - text));
}

static void
print(Rig *rig, const uint8_t *data, size_t len, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        if (len > 0 && write(rig->guest, data, len) != (ssize_t) len)
            abort();
        run(rig);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];
    Rig rig = {.context = g_main_context_new()};

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        abort();
    rig.guest = fds[1];
    rig.tap = serial_tap_new(fds[0], NULL, rig.context);
    for (size_t i = 0; i + 2 <= size;) {
        unsigned what = data[i], n = data[i + 1];
        size_t len = MIN(size - i - 2, (size_t) (what & 0x3f));
        rig.watch = serial_tap_watch(rig.tap, seen, &rig);
        print(&rig, data + i + 2, len, what & 0x40 ? n + 1 : 1);
        serial_tap_unwatch(rig.tap, rig.watch);
        if ((what & 0x80) != 0)
            consume(&rig, n);
        (void) serial_tap_send(rig.tap, data + i, MIN(n, size - i));
        i += 2 + len;
    }
    run(&rig);
    check_text(&rig);
    close(rig.guest);
    run(&rig);
    serial_tap_free(rig.tap);
    g_main_context_unref(rig.context);
    return 0;
}
