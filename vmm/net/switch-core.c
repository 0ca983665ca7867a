/* vmm/net/switch-core.c - see switch-core.h: a learning bridge without
 * spanning tree (a member is a guest's NIC, so loops are the guests' own). */
#include "vmm/net/switch-core.h"

#include <string.h>

void
switch_core_init(SwitchCore *core)
{
    memset(core, 0, sizeof *core);
}

int
switch_core_join(SwitchCore *core)
{
    for (unsigned i = 0; i < SWITCH_MEMBERS; i++) {
        if (core->members & G_GUINT64_CONSTANT(1) << i)
            continue;
        core->members |= G_GUINT64_CONSTANT(1) << i;
        core->held[i] = 0;
        return (int) i;
    }
    return -1;
}

static void
forget(SwitchCore *core, SwitchAddress *a)
{
    a->used = false;
    core->held[a->member]--;
}

void
switch_core_leave(SwitchCore *core, unsigned member)
{
    core->members &= ~(G_GUINT64_CONSTANT(1) << member);
    for (unsigned i = 0; i < SWITCH_ADDRESSES; i++)
        if (core->table[i].used && core->table[i].member == member)
            forget(core, &core->table[i]);
}

static guint32
place_of(const guint8 *mac, unsigned try)
{
    guint32 h = 2166136261u; /* FNV-1a */

    for (unsigned i = 0; i < 6; i++)
        h = (h ^ mac[i]) * 16777619u;
    return (h + try) % SWITCH_ADDRESSES;
}

static SwitchAddress *
find(SwitchCore *core, const guint8 *mac)
{
    for (unsigned i = 0; i < SWITCH_TRIES; i++) {
        SwitchAddress *a = &core->table[place_of(mac, i)];
        if (a->used && memcmp(a->mac, mac, 6) == 0)
            return a;
    }
    return NULL;
}

/* A free or outdated place; NULL: that part of the table is taken, and the
 * address is flooded to. */
static SwitchAddress *
find_place(SwitchCore *core, const guint8 *mac, gint64 now_ms)
{
    for (unsigned i = 0; i < SWITCH_TRIES; i++) {
        SwitchAddress *a = &core->table[place_of(mac, i)];
        if (a->used && now_ms - a->seen_ms > SWITCH_AGE_MS)
            forget(core, a);
        if (!a->used)
            return a;
    }
    return NULL;
}

/* False: the address belongs to somebody else. */
static bool
learn(SwitchCore *core, unsigned from, const guint8 *mac, gint64 now_ms)
{
    SwitchAddress *a = find(core, mac);

    if (a != NULL && a->member != from) {
        if (now_ms - a->seen_ms <= SWITCH_AGE_MS)
            return false;
        forget(core, a);
        a = NULL;
    }
    if (a == NULL) {
        if (core->held[from] >= SWITCH_PER_MEMBER)
            return true;
        a = find_place(core, mac, now_ms);
        if (a == NULL)
            return true;
        *a = (SwitchAddress){.member = (guint8) from, .used = true};
        memcpy(a->mac, mac, 6);
        core->held[from]++;
    }
    a->seen_ms = now_ms;
    return true;
}

guint64
switch_core_route(SwitchCore *core, unsigned from, const guint8 *frame,
                  gsize len, gint64 now_ms)
{
    guint64 self = G_GUINT64_CONSTANT(1) << from;
    guint64 others = core->members & ~self;

    /* a group address cannot be a sender (IEEE 802.3, 3.2.3) */
    if (len < 14 || !(core->members & self) || (frame[6] & 1) ||
        !learn(core, from, frame + 6, now_ms))
        return 0;
    if (frame[0] & 1)
        return others;
    SwitchAddress *to = find(core, frame);
    if (to == NULL || now_ms - to->seen_ms > SWITCH_AGE_MS)
        return others;
    return others & G_GUINT64_CONSTANT(1) << to->member;
}
