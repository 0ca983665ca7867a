/* tests/unit/test-machine-sleep.c - a machine while its host sleeps, with a
 * made-up machine whose answers come late and a made-up logind. */
#include "app/session/machine-sleep.h"

#include <string.h>

#include "app/session/host-sleep.h"
#include "app/session/machine-host-internal.h"
#include "tests/unit/cu-main.h"

/* The functions that machine-sleep.c calls have no data of a test's: one at a
 * time, here. */
static struct {
    HostSleepConfig logind;
    GString *seen;
    bool paused, suspended;
    MachineDone done[4]; /* what was asked for and is not answered, in order */
    bool pauses[4];
    void *data;
    unsigned n;
} fake;

HostSleep *
host_sleep_new(const HostSleepConfig *config, const char **ret_why)
{
    fake.logind = *config;
    *ret_why = NULL;
    return (HostSleep *) &fake;
}

void
host_sleep_ready(HostSleep *sleep)
{
    g_string_append(fake.seen, "ready; ");
}

void
host_sleep_free(HostSleep *sleep)
{
}

void
machine_host_say(MachineHost *host, const char *line)
{
}

static const char *
fake_state(void *m)
{
    if (fake.suspended)
        return "suspended";
    return fake.paused ? "paused" : "running";
}

static void
ask(bool pauses, MachineDone done, void *data)
{
    g_string_append(fake.seen, pauses ? "pause; " : "resume; ");
    CU_ASSERT_TRUE_FATAL(fake.n < G_N_ELEMENTS(fake.done));
    fake.done[fake.n] = done;
    fake.pauses[fake.n++] = pauses;
    fake.data = data;
}

static void
fake_pause(void *m, MachineDone done, void *data)
{
    ask(true, done, data);
}

static void
fake_resume(void *m, MachineDone done, void *data)
{
    ask(false, done, data);
}

const MachineOps machine_host_ops = {
    .state = fake_state, .pause = fake_pause, .resume = fake_resume};

/* The oldest request is done. */
static void
answer(GError *error)
{
    CU_ASSERT_TRUE_FATAL(fake.n > 0);
    MachineDone done = fake.done[0];
    if (error == NULL)
        fake.paused = fake.pauses[0];
    fake.n--;
    memmove(fake.done, fake.done + 1, fake.n * sizeof *fake.done);
    memmove(fake.pauses, fake.pauses + 1, fake.n * sizeof *fake.pauses);
    done(fake.data, error);
}

typedef struct {
    MachineHost host;
    MachineSleep *sleep;
} Fixture;

static void
begin(Fixture *f)
{
    g_autoptr(Profile) profile = profile_new();

    *f = (Fixture){.host.name = (char *) "test"};
    memset(&fake, 0, sizeof fake);
    fake.seen = g_string_new(NULL);
    f->sleep = machine_sleep_new(&f->host, profile);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->sleep);
    machine_sleep_start(f->sleep);
}

static void
end(Fixture *f, const char *want)
{
    CU_ASSERT_STRING_EQUAL(fake.seen->str, want);
    CU_ASSERT_EQUAL(fake.n, 0);
    machine_sleep_stop(f->sleep);
    machine_sleep_free(f->sleep);
    g_string_free(fake.seen, TRUE);
}

static void
fall_asleep(void)
{
    fake.logind.sleeping(fake.logind.data);
}

static void
wake(void)
{
    fake.logind.woke(fake.logind.data);
}

static void
it_is_paused_and_goes_on(void)
{
    Fixture f;

    begin(&f);
    fall_asleep();
    answer(NULL);
    CU_ASSERT_TRUE(fake.paused);
    wake();
    answer(NULL);
    CU_ASSERT_FALSE(fake.paused);
    end(&f, "pause; ready; resume; ");
}

static void
a_machine_that_was_paused_stays_so(void)
{
    Fixture f;

    begin(&f);
    fake.paused = true;
    fall_asleep();
    wake();
    CU_ASSERT_TRUE(fake.paused);
    end(&f, "ready; ");
}

static void
a_machine_that_sleeps_is_left_alone(void)
{
    Fixture f;

    begin(&f);
    fake.suspended = true;
    fall_asleep();
    wake();
    end(&f, "ready; ");
}

static void
one_that_cannot_be_paused_holds_nothing_up(void)
{
    Fixture f;

    begin(&f);
    fall_asleep();
    answer(g_error_new(G_FILE_ERROR, G_FILE_ERROR_IO, "a disk hangs"));
    wake();
    end(&f, "pause; ready; ");
}

/* logind waits for five seconds and no longer. */
static void
a_pause_that_outlasts_the_sleep_is_undone(void)
{
    Fixture f;

    begin(&f);
    fall_asleep();
    wake();
    answer(NULL);
    CU_ASSERT_TRUE(fake.paused);
    answer(NULL);
    CU_ASSERT_FALSE(fake.paused);
    /* and the lock of the next sleep was not given back */
    end(&f, "pause; resume; ");
}

static void
a_late_pause_is_that_of_the_next_sleep(void)
{
    Fixture f;

    begin(&f);
    fall_asleep();
    wake();
    fall_asleep();
    answer(NULL);
    CU_ASSERT_TRUE(fake.paused);
    wake();
    answer(NULL);
    CU_ASSERT_FALSE(fake.paused);
    end(&f, "pause; ready; resume; ");
}

/* It says that it is paused, but not for long. */
static void
a_sleep_while_it_goes_on_pauses_it_again(void)
{
    Fixture f;

    begin(&f);
    fall_asleep();
    answer(NULL);
    wake();
    fall_asleep();
    answer(NULL);
    answer(NULL);
    CU_ASSERT_TRUE(fake.paused);
    wake();
    answer(NULL);
    CU_ASSERT_FALSE(fake.paused);
    end(&f, "pause; ready; resume; pause; ready; resume; ");
}

static void
a_machine_that_ends_is_left_alone(void)
{
    Fixture f;

    begin(&f);
    fall_asleep();
    wake();
    machine_sleep_stop(f.sleep);
    answer(NULL);
    end(&f, "pause; ");
}

CU_MAIN("machine-sleep", {"it_is_paused_and_goes_on", it_is_paused_and_goes_on},
        {"a_machine_that_was_paused_stays_so",
         a_machine_that_was_paused_stays_so},
        {"a_machine_that_sleeps_is_left_alone",
         a_machine_that_sleeps_is_left_alone},
        {"one_that_cannot_be_paused_holds_nothing_up",
         one_that_cannot_be_paused_holds_nothing_up},
        {"a_pause_that_outlasts_the_sleep_is_undone",
         a_pause_that_outlasts_the_sleep_is_undone},
        {"a_late_pause_is_that_of_the_next_sleep",
         a_late_pause_is_that_of_the_next_sleep},
        {"a_sleep_while_it_goes_on_pauses_it_again",
         a_sleep_while_it_goes_on_pauses_it_again},
        {"a_machine_that_ends_is_left_alone",
         a_machine_that_ends_is_left_alone})
