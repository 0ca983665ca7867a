/* app/assemble-eject.c - cards that go because the guest lets them go, or
 * because the host wants its device back: jobs of the pool. */
#include "app/assemble-internal.h"
#include "vmm/loop/loop.h"

/* ---- what the guest lets go ---- */

/* Slots to see to; 0: none, and whoever waits is told. */
static guint32
next_ejected(Machine *m)
{
    g_mutex_lock(&m->eject_lock);
    guint32 slots = m->ejected;
    m->ejected = 0;
    m->ejecting = slots != 0;
    if (slots == 0)
        g_cond_broadcast(&m->eject_idle);
    g_mutex_unlock(&m->eject_lock);
    return slots;
}

/* A port is told that it has no card any more, unless there is another by now.
 * ACPI's registers would tell the guest what it knows. */
static void
let_go(Machine *m, unsigned slot)
{
    machine_take_out(m, slot, "detached: the guest let it go");
    if (m->pc.hotplug == NULL && machine_slots_in_use(m, 1u << slot) == 0)
        pc_slot_removed(&m->pc, slot);
}

/* The pool's thread. m may be gone when there are no more. */
static int
eject_work(void *data)
{
    Machine *m = data;
    guint32 slots;

    while ((slots = next_ejected(m)) != 0)
        for (unsigned slot = 1; slot < 32; slot++)
            if ((slots & 1u << slot) != 0)
                let_go(m, slot);
    return 0;
}

/* Loop thread. One job, however often the guest does it: the pool has few
 * threads, and disks may need them to become quiet. */
static void
on_eject(void *data, unsigned slot)
{
    Machine *m = data;

    g_mutex_lock(&m->eject_lock);
    m->ejected |= 1u << slot;
    bool start = !m->ejecting;
    m->ejecting = true;
    g_mutex_unlock(&m->eject_lock);
    if (start)
        loop_offload(vm_loop(m->vm), eject_work, NULL, m);
}

/* ---- what the host wants back ---- */

/* For the guest's answers. The host's `remove` is to be over in five seconds, of
 * which closing the device can take almost two. Linux waits as long as that whether
 * a slot's button is pressed again: on a Q35 only a guest that is quicker lets the
 * card go by itself. */
#define RETURN_WAIT_MS 2000
#define RETURN_STEP_MS 50

/* The guest is asked for all before any is waited for: the host waits for each
 * of them. What is left. */
static guint32
ask_for_cards(Machine *m, guint32 slots)
{
    gint64 end =
        g_get_monotonic_time() + RETURN_WAIT_MS * G_GINT64_CONSTANT(1000);
    bool asked = false;

    for (unsigned slot = 1; slot < 32; slot++) {
        if ((slots & 1u << slot) == 0 || !pc_slot_is_hot(&m->pc, slot))
            continue;
        pc_slot_request_removal(&m->pc, slot);
        asked = true;
    }
    while (asked && g_get_monotonic_time() < end &&
           (slots = machine_slots_in_use(m, slots)) != 0)
        g_usleep(RETURN_STEP_MS * 1000);
    return machine_slots_in_use(m, slots);
}

static void
return_card(Machine *m, unsigned slot)
{
    machine_take_out(m, slot,
                     "given back to the host, which asked for it; the "
                     "guest did not let go");
    pc_slot_removed(&m->pc, slot);
}

static guint32
next_wanted(Machine *m)
{
    g_mutex_lock(&m->eject_lock);
    guint32 slots = m->wanted;
    m->wanted = 0;
    m->returning = slots != 0;
    if (slots == 0)
        g_cond_broadcast(&m->eject_idle);
    g_mutex_unlock(&m->eject_lock);
    return slots;
}

/* The pool's thread, as eject_work(). */
static int
return_work(void *data)
{
    Machine *m = data;
    guint32 slots;

    while ((slots = next_wanted(m)) != 0) {
        slots = ask_for_cards(m, machine_slots_in_use(m, slots));
        for (unsigned slot = 1; slot < 32; slot++)
            if ((slots & 1u << slot) != 0)
                return_card(m, slot);
    }
    return 0;
}

void
machine_return_card(Machine *m, unsigned slot)
{
    g_mutex_lock(&m->eject_lock);
    m->wanted |= 1u << slot;
    bool start = !m->returning;
    m->returning = true;
    g_mutex_unlock(&m->eject_lock);
    if (start)
        loop_offload(vm_loop(m->vm), return_work, NULL, m);
}

void
machine_watch_ejects(Machine *m)
{
    pc_slots_set_owner(&m->pc, on_eject, m);
}

void
machine_plug_init(Machine *m)
{
    g_mutex_init(&m->eject_lock);
    g_cond_init(&m->eject_idle);
}

void
machine_plug_settle(Machine *m)
{
    g_mutex_lock(&m->eject_lock);
    while (m->ejecting || m->returning)
        g_cond_wait(&m->eject_idle, &m->eject_lock);
    g_mutex_unlock(&m->eject_lock);
}

void
machine_plug_done(Machine *m)
{
    g_mutex_clear(&m->eject_lock);
    g_cond_clear(&m->eject_idle);
}
