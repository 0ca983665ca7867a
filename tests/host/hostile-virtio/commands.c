/* tests/host/hostile-virtio/commands.c - "attack DEVICE" runs every attack on
 * it, and says of each "good NAME OUTCOME" or "bad NAME WHY"; the last line is
 * that of every command. */
#include "tests/host/hostile-virtio/victim.h"

static const char *
outcome_name(u32 outcome)
{
    return outcome == RESET     ? "reset"
           : outcome == USED    ? "answered"
           : outcome == REFUSED ? "refused"
                                : "ignored";
}

static void
tell(const Victim *v, const Attack *a, u32 outcome, const char *wrong)
{
    serial_print(wrong == NULL ? "good " : "bad ");
    serial_print(v->name);
    serial_put(' ');
    serial_print(a->name);
    serial_put(' ');
    serial_print(outcome_name(outcome));
    if (wrong != NULL) {
        serial_put(' ');
        serial_print(wrong);
    }
    serial_put('\n');
}

static void
attack(const Victim *v, const Attack *a)
{
    Target t;
    u32 outcome;
    const char *wrong = NULL;

    if (!target_open(&t, v, a->features)) {
        tell(v, a, REFUSED, "cannot be set up");
        return;
    }
    if ((a->allowed & IGNORED) != 0)
        t.patience = PATIENCE_SHORT;
    if (a->started)
        target_start(&t);
    outcome = a->run(&t);
    if ((outcome & a->allowed) == 0)
        wrong = "is not what should happen";
    const char *after = target_works(v);
    tell(v, a, outcome, wrong != NULL ? wrong : after);
}

static void
attack_all(const Victim *v, const Attack *a)
{
    for (; a->name != NULL; a++)
        if (a->only == NULL || text_is(a->only, v->name))
            attack(v, a);
}

static const char *
command_attack(const Args *args)
{
    for (const Victim *v = victims; v->name != NULL; v++) {
        if (!text_is(v->name, args_word(args, 1)))
            continue;
        attack_all(v, ring_attacks);
        attack_all(v, packed_attacks);
        attack_all(v, transport_attacks);
        attack_all(v, device_attacks);
        attack_all(v, scsi_attacks);
        return NULL;
    }
    return "no such device";
}

/* A good request to a device that nobody harmed. */
static const char *
command_works(const Args *args)
{
    for (const Victim *v = victims; v->name != NULL; v++)
        if (text_is(v->name, args_word(args, 1)))
            return target_works(v);
    return "no such device";
}

const Command guest_commands[] = {
    {"attack", command_attack}, {"works", command_works}, {NULL, NULL}};
