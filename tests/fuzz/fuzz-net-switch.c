/* tests/fuzz/fuzz-net-switch.c - members that come, go and send what they
 * like: a frame never goes to its sender, to nobody's place or from one who is
 * not there, and no member holds more addresses than it may. Each step: what,
 * who, time that passes, then a frame's length and bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/net/switch-core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_counts(const SwitchCore *core)
{
    unsigned held[SWITCH_MEMBERS] = {0};

    for (unsigned i = 0; i < SWITCH_ADDRESSES; i++) {
        const SwitchAddress *a = &core->table[i];
        if (!a->used)
            continue;
        if (a->member >= SWITCH_MEMBERS ||
            !(core->members & G_GUINT64_CONSTANT(1) << a->member))
            abort();
        held[a->member]++;
    }
    for (unsigned i = 0; i < SWITCH_MEMBERS; i++)
        if (held[i] != core->held[i] || held[i] > SWITCH_PER_MEMBER)
            abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree SwitchCore *core = g_new(SwitchCore, 1);
    gint64 now = 0;

    switch_core_init(core);
    while (size >= 4) {
        unsigned who = data[1] % SWITCH_MEMBERS;
        guint64 self = G_GUINT64_CONSTANT(1) << who;
        unsigned what = data[0] % 8;
        gsize len = MIN((gsize) data[3] % 32, size - 4);
        now += (gint64) data[2] * data[2] * 16;
        if (what == 0) {
            (void) switch_core_join(core);
        } else if (what == 1) {
            if (core->members & self)
                switch_core_leave(core, who);
        } else {
            guint64 to = switch_core_route(core, who, data + 4, len, now);
            if ((to & self) || (to & ~core->members) ||
                (to != 0 && !(core->members & self)))
                abort();
        }
        data += 4 + len;
        size -= 4 + len;
    }
    check_counts(core);
    return 0;
}
