/* tests/host/test-machine-host.c - a machine with its control server in this
 * process, on the host's KVM: how it ends, whatever clients and signals ask
 * for. Its firmware finds nothing to boot and never reacts to a power button,
 * which is what these cases need. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/session/machine-host-internal.h"
#include "app/session/session-dir.h"
#include "app/store.h"
#include "tests/unit/cu-main.h"
#include "vmm/core/sysutil.h"

#define NAME   "host-test"
#define WAIT_S 20

typedef struct {
    char *home;
    MachineHost *host;
    int fd; /* a client's connection */
} Rig;

/* False, with a skipped or failed case, when the machine cannot start. */
static bool
set_up(Rig *rig)
{
    g_autoptr(GError) error = NULL;

    *rig = (Rig){.home = g_dir_make_tmp("carrel-host-XXXXXX", NULL), .fd = -1};
    g_autofree char *run = g_build_filename(rig->home, "run", NULL);
    g_autofree char *state = g_build_filename(rig->home, "state", NULL);
    g_setenv("CARREL_RUNTIME_DIR", run, TRUE);
    g_setenv("CARREL_STATE_DIR", state, TRUE);
    g_assert_true(session_dirs_make(NAME, NULL));
    g_autofree char *profile = session_throw_away_profile(NAME);
    g_file_set_contents(profile,
                        "[machine]\nmemory=16M\n[floppy0]\nsnapshot=true\n"
                        "[serial0]\nkind=pty\n",
                        -1, NULL);
    MachineHostOptions options = {.name = NAME,
                                  .listen_fd = session_listen(NAME, NULL)};
    rig->host = machine_host_new(&options, &error);
    if (rig->host == NULL) {
        if (access("/dev/kvm", R_OK | W_OK) != 0)
            cu_skip(error->message);
        else
            CU_FAIL("the machine cannot be built");
        printf("# %s\n", error->message);
        return false;
    }
    rig->fd = session_connect(NAME, NULL);
    return true;
}

static void
tear_down(Rig *rig)
{
    machine_host_free(rig->host);
    if (rig->fd >= 0)
        close(rig->fd);
    store_remove_tree(rig->home, NULL);
    g_free(rig->home);
}

static void
ask(Rig *rig, const char *text)
{
    CU_ASSERT_EQUAL(send(rig->fd, text, strlen(text), MSG_NOSIGNAL),
                    (ssize_t) strlen(text));
}

static bool
has_ended(const Rig *rig)
{
    return *machine_host_end_reason(rig->host) != '\0';
}

/* Serves for at most seconds or until the machine has ended. */
static void
serve(Rig *rig, double seconds)
{
    gint64 end = g_get_monotonic_time() + (gint64) (seconds * G_USEC_PER_SEC);

    while (!has_ended(rig) && g_get_monotonic_time() < end) {
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(1000); /* a machine with its own clock is under test */
    }
}

/* Serves until an answer or event with part in it came; NULL: not in time. */
static char *
await(Rig *rig, const char *part)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gint64 end = g_get_monotonic_time() + WAIT_S * G_USEC_PER_SEC;

    while (g_get_monotonic_time() < end) {
        char c;
        ssize_t n = recv(rig->fd, &c, 1, MSG_DONTWAIT);
        if (n == 1 && c != '\n') {
            g_string_append_c(text, c);
        } else if (n == 1) {
            if (strstr(text->str, part) != NULL)
                return g_string_free(g_steal_pointer(&text), FALSE);
            g_string_truncate(text, 0);
        } else if (!g_main_context_iteration(NULL, FALSE)) {
            g_usleep(1000);
        }
    }
    return NULL;
}

static void
termination_during_a_stop_gives_the_guest_its_time(void)
{
    Rig rig;

    if (set_up(&rig)) {
        ask(&rig, "{\"id\":1,\"op\":\"stop\",\"timeout\":60}\n");
        g_autofree char *answer = await(&rig, "\"id\":1");
        CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"ok\":true"));
        machine_host_terminate(rig.host, 2);
        serve(&rig, 0.5);
        CU_ASSERT_FALSE(has_ended(&rig));
        serve(&rig, WAIT_S);
        CU_ASSERT_STRING_EQUAL(machine_host_end_reason(rig.host),
                               "forced off after the timeout");
    }
    tear_down(&rig);
}

static void
count_press(void *data)
{
    ++*(unsigned *) data; /* loop thread, whose end comes before the look */
}

static void
termination_of_a_sleeping_machine_wakes_it_and_waits(void)
{
    Rig rig;

    if (set_up(&rig)) {
        Vm *vm = machine_vm(rig.host->machine);
        DeviceEnv *env = vm_env(vm);
        unsigned presses = 0;
        vm_set_power_button(vm, count_press, &presses);
        ask(&rig, "{\"op\":\"subscribe\"}\n");
        env->request(env, MACHINE_SUSPEND, "test");
        g_autofree char *asleep = await(&rig, "\"state\":\"suspended\"");
        CU_ASSERT_PTR_NOT_NULL(asleep);
        machine_host_terminate(rig.host, 8);
        g_autofree char *stopping = await(&rig, "\"state\":\"stopping\"");
        g_autofree char *awake = await(&rig, "\"state\":\"running\"");
        CU_ASSERT_PTR_NOT_NULL(stopping);
        CU_ASSERT_PTR_NOT_NULL(awake);
        CU_ASSERT_FALSE(has_ended(&rig));
        serve(&rig, WAIT_S);
        CU_ASSERT_EQUAL(presses, 1); /* after 5 s */
        CU_ASSERT_STRING_EQUAL(machine_host_end_reason(rig.host),
                               "forced off after the timeout");
    }
    tear_down(&rig);
}

static void
a_second_termination_switches_off_at_once(void)
{
    Rig rig;

    if (set_up(&rig)) {
        machine_host_terminate(rig.host, 3600);
        machine_host_terminate(rig.host, 3600);
        serve(&rig, WAIT_S);
        CU_ASSERT_STRING_EQUAL(machine_host_end_reason(rig.host), "terminated");
    }
    tear_down(&rig);
}

static void
a_later_stop_does_not_overrule_a_forced_one(void)
{
    Rig rig;

    if (set_up(&rig)) {
        ask(&rig, "{\"op\":\"stop\",\"timeout\":1,\"force\":true}\n"
                  "{\"op\":\"stop\",\"timeout\":3600}\n");
        serve(&rig, WAIT_S);
        CU_ASSERT_STRING_EQUAL(machine_host_end_reason(rig.host),
                               "forced off after the timeout");
    }
    tear_down(&rig);
}

static void
a_stop_without_time_and_force_is_refused(void)
{
    Rig rig;

    if (set_up(&rig)) {
        ask(&rig, "{\"id\":1,\"op\":\"stop\",\"timeout\":0}\n"
                  "{\"id\":2,\"op\":\"status\"}\n");
        g_autofree char *answer = await(&rig, "\"id\":1");
        g_autofree char *status = await(&rig, "\"id\":2");
        CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"code\":2"));
        CU_ASSERT_PTR_NOT_NULL(strstr(status, "\"state\":\"running\""));
        CU_ASSERT_PTR_NOT_NULL(strstr(status, "\"serial0\":\"pty:/dev/"));
    }
    tear_down(&rig);
}

static void
a_reset_forgets_a_stop_that_would_let_it_go_on(void)
{
    Rig rig;

    if (set_up(&rig)) {
        ask(&rig, "{\"op\":\"subscribe\"}\n"
                  "{\"op\":\"stop\",\"timeout\":3600}\n");
        g_autofree char *stopping = await(&rig, "\"state\":\"stopping\"");
        ask(&rig, "{\"op\":\"reset\"}\n");
        g_autofree char *running = await(&rig, "was reset instead");
        CU_ASSERT_PTR_NOT_NULL(stopping);
        CU_ASSERT_PTR_NOT_NULL(strstr(running, "\"state\":\"running\""));
    }
    tear_down(&rig);
}

/* As another process would be refused (vmm/block/block.h says which bytes). */
static bool
somebody_may_write(const char *file)
{
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    CARREL_AUTO_FD int fd = open(file, O_RDWR | O_CLOEXEC);

    CU_ASSERT_EQUAL(fcntl(fd, F_OFD_GETLK, &whole), 0);
    return whole.l_type != F_UNLCK;
}

static void
a_change_of_media_keeps_the_drives_throw_away_mode(void)
{
    Rig rig;

    if (set_up(&rig)) {
        g_autofree char *file = g_build_filename(rig.home, "b.img", NULL);
        g_autofree char *request =
            g_strdup_printf("{\"id\":1,\"op\":\"media\",\"drive\":\"floppy0\","
                            "\"path\":\"%s\"}\n",
                            file);
        CU_ASSERT_TRUE(g_file_set_contents(file, "x", -1, NULL));
        CU_ASSERT_EQUAL(truncate(file, 1440 * 1024), 0);
        ask(&rig, request);
        g_autofree char *answer = await(&rig, "\"id\":1");
        CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"ok\":true"));
        CU_ASSERT_FALSE(somebody_may_write(file));
    }
    tear_down(&rig);
}

static void
a_quit_amid_changes_of_state_ends_cleanly(void)
{
    Rig rig;

    if (set_up(&rig)) {
        ask(&rig, "{\"op\":\"subscribe\"}\n{\"op\":\"pause\"}\n"
                  "{\"op\":\"resume\"}\n{\"op\":\"pause\"}\n"
                  "{\"op\":\"quit\"}\n");
        machine_host_run(rig.host);
        CU_ASSERT_STRING_EQUAL(machine_host_end_state(rig.host), "stopped");
    }
    tear_down(&rig);
}

/* How often a disk comes and goes before the end is asked for. */
static void
end_amid(Rig *rig, unsigned changes)
{
    g_autofree char *file = g_build_filename(rig->home, "d.img", NULL);
    g_autofree char *both = g_strdup_printf(
        "{\"op\":\"attach\",\"section\":\"disk1\",\"settings\":{"
        "\"model\":\"virtio-blk\",\"path\":\"%s\"}}\n"
        "{\"op\":\"detach\",\"section\":\"disk1\",\"force\":true}\n",
        file);

    CU_ASSERT_TRUE(g_file_set_contents(file, "x", -1, NULL));
    CU_ASSERT_EQUAL(truncate(file, 1024 * 1024), 0);
    for (unsigned i = 0; i < changes; i++)
        ask(rig, both);
    ask(rig, "{\"op\":\"stop\",\"timeout\":0,\"force\":true}\n");
    machine_host_run(rig->host);
    CU_ASSERT_STRING_EQUAL(machine_host_end_state(rig->host), "stopped");
}

static void
a_machine_ends_while_disks_come_and_go(void)
{
    for (unsigned changes = 1; changes <= 8; changes++) {
        Rig rig;
        if (set_up(&rig))
            end_amid(&rig, changes);
        tear_down(&rig);
    }
}

static void
networks_come_and_go_while_they_are_listed(void)
{
    Rig rig;

    if (set_up(&rig)) {
        for (unsigned i = 0; i < 20; i++)
            ask(&rig,
                "{\"op\":\"attach\",\"section\":\"net1\",\"settings\":{"
                "\"kind\":\"none\"}}\n{\"op\":\"nets\"}\n"
                "{\"op\":\"net\",\"change\":\"link\",\"net\":\"net1\","
                "\"value\":\"up\"}\n"
                "{\"op\":\"detach\",\"section\":\"net1\",\"force\":true}\n"
                "{\"op\":\"nets\"}\n");
        ask(&rig, "{\"id\":7,\"op\":\"attach\",\"section\":\"net1\","
                  "\"settings\":{\"kind\":\"none\"}}\n");
        g_autofree char *done = await(&rig, "\"id\":7");
        CU_ASSERT_PTR_NOT_NULL(strstr(done, "\"ok\":true"));
        ask(&rig, "{\"id\":8,\"op\":\"nets\"}\n");
        g_autofree char *nets = await(&rig, "\"id\":8");
        CU_ASSERT_PTR_NOT_NULL(strstr(nets, "\"net1\""));
        ask(&rig, "{\"op\":\"stop\",\"timeout\":0,\"force\":true}\n");
        machine_host_run(rig.host);
        CU_ASSERT_STRING_EQUAL(machine_host_end_state(rig.host), "stopped");
    }
    tear_down(&rig);
}

/* clang-format off */
CU_MAIN("machine-host",
    { "termination_during_a_stop_gives_the_guest_its_time", termination_during_a_stop_gives_the_guest_its_time },
    { "termination_of_a_sleeping_machine_wakes_it_and_waits", termination_of_a_sleeping_machine_wakes_it_and_waits },
    { "a_second_termination_switches_off_at_once", a_second_termination_switches_off_at_once },
    { "a_later_stop_does_not_overrule_a_forced_one", a_later_stop_does_not_overrule_a_forced_one },
    { "a_stop_without_time_and_force_is_refused", a_stop_without_time_and_force_is_refused },
    { "a_reset_forgets_a_stop_that_would_let_it_go_on", a_reset_forgets_a_stop_that_would_let_it_go_on },
    { "a_change_of_media_keeps_the_drives_throw_away_mode", a_change_of_media_keeps_the_drives_throw_away_mode },
    { "a_machine_ends_while_disks_come_and_go", a_machine_ends_while_disks_come_and_go },
    { "networks_come_and_go_while_they_are_listed", networks_come_and_go_while_they_are_listed },
    { "a_quit_amid_changes_of_state_ends_cleanly", a_quit_amid_changes_of_state_ends_cleanly })
/* clang-format on */
