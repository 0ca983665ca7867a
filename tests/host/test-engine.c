/* tests/host/test-engine.c - the engine inside this process on the host's KVM:
 * machines built from profile text, without sessions and sockets.
 * usage: test-engine DEMO-IMAGE [CASE] */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <linux/input-event-codes.h>

#include "app/assemble.h"
#include "tests/unit/cu-main.h"

#define READY_S 180

static char *demo_image;

typedef struct {
    Machine *machine;
    Profile *profile;
    char *dir;
} Running;

static void
log_line(void *data, const char *source, const char *line)
{
    printf("# %s: %s: %s\n", (const char *) data, source, line);
}

static void
state_changed(void *data, VmState state, const char *reason)
{
    printf("# %s: %s %s\n", (const char *) data, vm_state_name(state),
           reason ? reason : "");
}

static void
was_reset(void *data, const char *why)
{
    printf("# %s: reset: %s\n", (const char *) data, why);
}

static const VmEvents events = {state_changed, log_line, was_reset};

/* False, with a skipped or failed case, when the machine cannot start. */
static bool
boot(Running *r, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf("[machine]\nmemory=32M\ncpus=1\n"
                                            "[disk0]\npath=%s\nsnapshot=true\n",
                                            demo_image);

    *r = (Running){.dir = g_dir_make_tmp("carrel-engine-XXXXXX", NULL)};
    r->profile = profile_parse(text, strlen(text), "/test.ini", &error);
    g_assert_no_error(error);
    MachineOptions options = {.name = name, .runtime_dir = r->dir};
    r->machine =
        machine_new(r->profile, &options, &events, (void *) name, &error);
    if (r->machine == NULL) {
        if (access("/dev/kvm", R_OK | W_OK) != 0)
            cu_skip(error->message);
        else
            CU_FAIL("the machine cannot be built");
        printf("# %s\n", error->message);
        return false;
    }
    bool started = vm_start(machine_vm(r->machine), false, &error);
    CU_ASSERT_TRUE(started);
    return started;
}

static void
shut(Running *r)
{
    machine_free(r->machine);
    profile_free(r->profile);
    g_rmdir(r->dir);
    g_free(r->dir);
}

/* Waits until the screen holds text; prints the screen when it never does. */
static bool
screen_shows(Running *r, const char *what)
{
    g_autofree char *text = NULL;
    Viewer *viewer = display_attach(machine_display(r->machine), -1);
    bool found = false;

    for (unsigned i = 0; i < READY_S * 10 && !found; i++) {
        g_usleep(100000); /* real guest time has to pass */
        g_free(text);
        text = display_text(machine_display(r->machine));
        found = text != NULL && strstr(text, what) != NULL;
        if (vm_state(machine_vm(r->machine)) != VM_RUNNING)
            break;
    }
    viewer_detach(viewer);
    if (!found)
        printf("# no \"%s\" on the screen:\n%s\n", what, text ? text : "");
    return found;
}

static void
type_key(Running *r, guint16 code)
{
    Input *input = machine_input(r->machine);
    guint source = input_new_source(input);
    const InputEvent down[] = {{INPUT_KEY, code, 1}, {INPUT_SYNC, 0, 0}};
    const InputEvent up[] = {{INPUT_KEY, code, 0}, {INPUT_SYNC, 0, 0}};

    input_post(input, source, down, G_N_ELEMENTS(down));
    input_post(input, source, up, G_N_ELEMENTS(up));
}

static void
test_demo_gets_ready(void)
{
    Running r;

    if (boot(&r, "one")) {
        CU_ASSERT_TRUE(screen_shows(&r, "Carrel demo ready"));
        type_key(&r, KEY_P);
        CU_ASSERT_TRUE(screen_shows(&r, "mechanism #1"));
    }
    shut(&r);
}

static void
test_two_machines(void)
{
    Running a, b;
    bool both = boot(&a, "first");

    both = boot(&b, "second") && both;
    if (both) {
        CU_ASSERT_TRUE(screen_shows(&a, "Carrel demo ready"));
        shut(&a);
        CU_ASSERT_TRUE(screen_shows(&b, "Carrel demo ready"));
        type_key(&b, KEY_K);
        CU_ASSERT_TRUE(screen_shows(&b, "Escape: back"));
    } else {
        shut(&a);
    }
    shut(&b);
}

static void
test_pause_and_reset(void)
{
    g_autoptr(GError) error = NULL;
    Running r;

    if (boot(&r, "pausing")) {
        Vm *vm = machine_vm(r.machine);

        CU_ASSERT_TRUE(screen_shows(&r, "Carrel demo ready"));
        CU_ASSERT_TRUE(vm_pause(vm, &error));
        CU_ASSERT_EQUAL(vm_state(vm), VM_PAUSED);
        CU_ASSERT_TRUE(vm_resume(vm, &error));
        CU_ASSERT_TRUE(vm_reset(vm, RESET_COLD, &error));
        CU_ASSERT_TRUE(screen_shows(&r, "SeaBIOS"));
        CU_ASSERT_TRUE(screen_shows(&r, "Carrel demo ready"));
    }
    shut(&r);
}

/* clang-format off */
static const CuCase cases[] = {
    { "demo_gets_ready_and_answers_a_key",       test_demo_gets_ready },
    { "two_machines_share_a_process",            test_two_machines },
    { "pause_resume_and_reset_bring_demo_back",  test_pause_and_reset },
};
/* clang-format on */

int
main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: test-engine DEMO-IMAGE [CASE]\n");
        return 2;
    }
    demo_image = g_canonicalize_filename(argv[1], NULL);
    return cu_main("engine", cases, G_N_ELEMENTS(cases), argc - 1, argv + 1);
}
