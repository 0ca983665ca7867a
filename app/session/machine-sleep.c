/* app/session/machine-sleep.c - see machine-sleep.h. */
#include "app/session/machine-sleep.h"

#include <string.h>

#include "app/session/host-sleep.h"
#include "app/session/machine-host-internal.h"

#define MAX_DEVICES 8

struct MachineSleep {
    MachineHost *host;
    HostSleep *bus; /* NULL: not connected */
    bool block;
    bool asleep;   /* the host is, or is about to be */
    bool pausing;  /* asked for, not answered yet: may outlast the sleep */
    bool paused;   /* by us: it goes on when the host wakes */
    bool resuming; /* asked for: a machine that still says it is paused runs */
    char *devices; /* "pci0 (0000:01:00.0)"; NULL: none */
};

static char *
devices_of(const Profile *p)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < MAX_DEVICES; i++) {
        g_autofree char *section = g_strdup_printf("pci%u", i);
        g_autofree char *key = g_strconcat(section, ".host", NULL);
        if (profile_has_section(p, section))
            g_string_append_printf(text, "%s%s (%s)", text->len > 0 ? ", " : "",
                                   section, profile_get_string(p, key));
    }
    return text->len > 0 ? g_strdup(text->str) : NULL;
}

static void
resumed(void *data, GError *error)
{
    MachineSleep *s = data;

    s->resuming = false;
    if (error != NULL) {
        g_autofree char *line = g_strdup_printf(
            "the host is awake, and the machine stays paused: %s; 'carrel "
            "resume' tries again",
            error->message);
        machine_host_say(s->host, line);
    }
    g_clear_error(&error);
}

static void
go_on(MachineSleep *s)
{
    if (s->paused) {
        s->resuming = true;
        machine_host_ops.resume(s->host, resumed, s);
    }
    s->paused = false;
}

/* Perhaps only after the host has slept and is awake again: logind waits for
 * some seconds and no longer. */
static void
paused(void *data, GError *error)
{
    MachineSleep *s = data;

    s->pausing = false;
    s->paused = error == NULL;
    if (error != NULL) {
        g_autofree char *line = g_strdup_printf(
            "the host sleeps, and the machine could not be paused before: %s",
            error->message);
        machine_host_say(s->host, line);
    }
    g_clear_error(&error);
    if (s->bus == NULL) /* stopped: the machine ends */
        return;
    if (s->asleep)
        host_sleep_ready(s->bus);
    else
        go_on(s); /* the lock is that of the next sleep */
}

/* One that its guest suspended cannot be paused and runs nothing. */
static bool
stands_still(const MachineSleep *s)
{
    const char *state = machine_host_ops.state(s->host);

    return strcmp(state, "paused") == 0 || strcmp(state, "suspended") == 0;
}

static void
sleeping(void *data)
{
    MachineSleep *s = data;
    bool runs = s->pausing || s->resuming || !stands_still(s);

    s->asleep = true;
    if (s->devices != NULL) {
        g_autofree char *line = g_strdup_printf(
            "the host goes to sleep with %s: such a device loses its state, "
            "and the guest's driver may not find it again. If it fails after "
            "waking, restart the machine; machine.host-sleep=block keeps the "
            "host awake instead",
            s->devices);
        machine_host_say(s->host, line);
    }
    machine_host_say(s->host, runs ? "the host goes to sleep: pausing"
                                   : "the host goes to sleep");
    if (!runs) {
        host_sleep_ready(s->bus);
    } else if (!s->pausing) { /* or the answer to come is for this sleep */
        s->pausing = true;
        machine_host_ops.pause(s->host, paused, s);
    }
}

static void
woke(void *data)
{
    MachineSleep *s = data;

    s->asleep = false;
    machine_host_say(s->host, "the host is awake");
    go_on(s);
}

static void
on_line(void *data, const char *line)
{
    machine_host_say(((MachineSleep *) data)->host, line);
}

MachineSleep *
machine_sleep_new(MachineHost *host, const Profile *profile)
{
    const char *word = profile_get_string(profile, "machine.host-sleep");

    if (strcmp(word, "ignore") == 0)
        return NULL;
    MachineSleep *s = g_new0(MachineSleep, 1);
    s->host = host;
    s->block = strcmp(word, "block") == 0;
    s->devices = devices_of(profile);
    return s;
}

void
machine_sleep_start(MachineSleep *s)
{
    if (s == NULL)
        return;
    g_autofree char *who = g_strdup_printf("Carrel: %s", s->host->name);
    const HostSleepConfig config = {.who = who,
                                    .block = s->block,
                                    .fd = -1,
                                    .sleeping = sleeping,
                                    .woke = woke,
                                    .say = on_line,
                                    .data = s};
    const char *why;
    s->bus = host_sleep_new(&config, &why);
    if (s->bus != NULL)
        return;
    g_autofree char *line = g_strdup_printf(
        "%s: the machine %s when the host sleeps%s", why,
        s->block ? "cannot keep the host awake, nor is it paused"
                 : "is not paused",
        s->devices != NULL ? ", and its PCI devices may fail afterwards" : "");
    machine_host_say(s->host, line);
}

void
machine_sleep_stop(MachineSleep *s)
{
    if (s != NULL)
        host_sleep_free(g_steal_pointer(&s->bus));
}

void
machine_sleep_free(MachineSleep *s)
{
    if (s == NULL)
        return;
    g_free(s->devices);
    g_free(s);
}
