/* tests/host/test-machine-host.c - a machine with its control server in this
 * process, on the host's KVM: how it ends, whatever clients and signals ask
 * for. Its firmware finds nothing to boot and never reacts to a power button,
 * which is what these cases need. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/session/machine-host.h"
#include "app/session/session-dir.h"
#include "app/store.h"
#include "tests/unit/cu-main.h"

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
    g_file_set_contents(profile, "[machine]\nmemory=16M\n[floppy0]\n", -1,
                        NULL);
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

/* clang-format off */
CU_MAIN("machine-host",
    { "a_quit_amid_changes_of_state_ends_cleanly", a_quit_amid_changes_of_state_ends_cleanly })
/* clang-format on */
