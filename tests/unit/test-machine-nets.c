/* tests/unit/test-machine-nets.c - network cards of a machine that come and go
 * while somebody looks at them, and images that go while they are busy. The
 * machine is a loop and nothing else. */
#include <string.h>
#include <unistd.h>

#include "app/assemble-internal.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/idle-cpu.h"
#include "vmm/block/block.h"
#include "vmm/loop/loop.h"

/* ---- the machine ---- */

typedef struct {
    Machine m;
    Profile *profile;
    int closed, stop; /* atomic */
} Fixture;

static void
set_up(Fixture *f)
{
    static const VmEvents events;
    const VmConfig config = {.name = "nets",
                             .cpu = {.model = "host", .n_vcpus = 1},
                             .backend = &idle_ops};

    *f = (Fixture){.profile = profile_new()};
    f->m.name = f->m.runtime_dir = (char *) "nets";
    g_mutex_init(&f->m.path_lock);
    g_cond_init(&f->m.idle);
    f->m.vm = vm_new(&config, &events, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->m.vm);
    for (unsigned i = 0; i < MACHINE_NETS; i++) {
        g_autofree char *key = g_strdup_printf("net%u.kind", i);
        CU_ASSERT_TRUE(profile_set(f->profile, key, "none", NULL));
    }
}

static void
tear_down(Fixture *f)
{
    machine_close_nets(&f->m);
    vm_free(f->m.vm);
    profile_free(f->profile);
    g_mutex_clear(&f->m.path_lock);
    g_cond_clear(&f->m.idle);
}

static bool
plug(Fixture *f, unsigned number)
{
    g_autofree char *name = g_strdup_printf("net%u", number);

    return machine_open_net(&f->m, f->profile, name, number, NULL);
}

static unsigned
count(Fixture *f)
{
    const MachineNic *nics[MACHINE_NETS];
    unsigned n = machine_hold_nets(&f->m, nics);

    for (unsigned i = 0; i < n; i++)
        machine_release_net(&f->m, nics[i]);
    return n;
}

static void
cards_are_listed_by_number_whatever_came_first(void)
{
    Fixture f;
    const MachineNic *nics[MACHINE_NETS];

    set_up(&f);
    CU_ASSERT_TRUE(plug(&f, 2));
    CU_ASSERT_TRUE(plug(&f, 0));
    CU_ASSERT_EQUAL_FATAL(machine_hold_nets(&f.m, nics), 2);
    CU_ASSERT_STRING_EQUAL(nics[0]->name, "net0");
    CU_ASSERT_STRING_EQUAL(nics[1]->name, "net2");
    CU_ASSERT_STRING_EQUAL(nics[1]->kind, "none");
    CU_ASSERT_EQUAL(nics[1]->number, 2);
    machine_release_net(&f.m, nics[0]);
    machine_release_net(&f.m, nics[1]);
    tear_down(&f);
}

static void
the_others_keep_their_place_when_one_goes(void)
{
    Fixture f;

    set_up(&f);
    CU_ASSERT_TRUE(plug(&f, 0));
    CU_ASSERT_TRUE(plug(&f, 1));
    const MachineNic *second = machine_hold_net(&f.m, "net1");
    machine_close_net(&f.m, "net0");
    CU_ASSERT_PTR_NULL(machine_hold_net(&f.m, "net0"));
    CU_ASSERT_EQUAL(count(&f), 1);
    CU_ASSERT_STRING_EQUAL(second->name, "net1");
    machine_release_net(&f.m, second);
    tear_down(&f);
}

static void
a_card_that_cannot_be_opened_leaves_nothing(void)
{
    Fixture f;
    g_autoptr(GError) error = NULL;

    set_up(&f);
    CU_ASSERT_TRUE(
        profile_set(f.profile, "net1.capture", "/nowhere/at/all.pcap", NULL));
    CU_ASSERT_FALSE(machine_open_net(&f.m, f.profile, "net1", 1, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_TRUE(g_str_has_prefix(error->message, "net1.capture: "));
    CU_ASSERT_EQUAL(count(&f), 0);
    machine_close_net(&f.m, "net1");
    tear_down(&f);
}

static void *
close_net1(void *data)
{
    Fixture *f = data;

    machine_close_net(&f->m, "net1");
    g_atomic_int_set(&f->closed, 1);
    return NULL;
}

/* It is not in the list any more, so nobody new can delay the end. */
static void
wait_until_unlisted(Fixture *f)
{
    const MachineNic *nic;

    while ((nic = machine_hold_net(&f->m, "net1")) != NULL) {
        machine_release_net(&f->m, nic);
        g_thread_yield();
    }
}

static void
a_card_that_is_held_stays_open_until_it_is_let_go(void)
{
    Fixture f;

    set_up(&f);
    CU_ASSERT_TRUE(plug(&f, 1));
    const MachineNic *nic = machine_hold_net(&f.m, "net1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(nic);
    GThread *closer = g_thread_new("closer", close_net1, &f);
    wait_until_unlisted(&f);
    CU_ASSERT_EQUAL(g_atomic_int_get(&f.closed), 0);
    net_set_plugged(nic->link, true);
    CU_ASSERT_TRUE(net_is_plugged(nic->link));
    machine_release_net(&f.m, nic);
    (void) g_thread_join(closer);
    CU_ASSERT_EQUAL(g_atomic_int_get(&f.closed), 1);
    tear_down(&f);
}

static void *
look_at_nets(void *data)
{
    Fixture *f = data;
    unsigned seen = 0;

    while (g_atomic_int_get(&f->stop) == 0) {
        const MachineNic *nics[MACHINE_NETS];
        unsigned n = machine_hold_nets(&f->m, nics);
        for (unsigned i = 0; i < n; i++) {
            NetStats stats;
            net_stats(nics[i]->link, &stats);
            net_set_plugged(nics[i]->link, (seen++ & 1) != 0);
            machine_release_net(&f->m, nics[i]);
        }
    }
    return NULL;
}

static void
cards_come_and_go_under_those_who_look(void)
{
    Fixture f;
    bool ok = true;

    set_up(&f);
    CU_ASSERT_TRUE(plug(&f, 0));
    GThread *a = g_thread_new("look-a", look_at_nets, &f);
    GThread *b = g_thread_new("look-b", look_at_nets, &f);
    for (unsigned i = 0; i < 300; i++) {
        ok = ok && plug(&f, 1) && plug(&f, 3);
        machine_close_net(&f.m, "net1");
        machine_close_net(&f.m, "net3");
    }
    g_atomic_int_set(&f.stop, 1);
    (void) g_thread_join(a);
    (void) g_thread_join(b);
    CU_ASSERT_TRUE(ok);
    CU_ASSERT_EQUAL(count(&f), 1);
    tear_down(&f);
}

/* ---- images ---- */

/* A request that is made again and again, so that its image is never idle. */
typedef struct {
    BlockReq req; /* first */
    Block *block;
    int stop; /* atomic */
} Busy;

static void
submit_busy(Busy *busy)
{
    BlockReq *reqs[] = {&busy->req};

    block_submit(busy->block, reqs, 1);
}

static void
busy_done(BlockReq *req, int result)
{
    Busy *busy = (Busy *) (void *) req;

    if (g_atomic_int_get(&busy->stop) == 0)
        submit_busy(busy);
}

typedef struct {
    Machine *m;
    guint n;
} Retired;

static void
count_on_loop(void *data)
{
    Retired *r = data;

    r->n = r->m->retired != NULL ? r->m->retired->len : 0;
}

static guint
count_retired(Fixture *f)
{
    Retired r = {.m = &f->m};

    loop_call(vm_loop(f->m.vm), count_on_loop, &r);
    return r.n;
}

static void
close_retired_on_loop(void *data)
{
    machine_close_retired(data);
}

static void
an_image_that_stays_busy_is_closed_by_its_last_request(void)
{
    Fixture f;
    Busy busy = {.req = {.op = BLOCK_FLUSH, .done = busy_done}};
    char *path = NULL;
    int fd = g_file_open_tmp("carrel-retired-XXXXXX", &path, NULL);

    CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 4096), 0);
    (void) close(fd);
    set_up(&f);
    const BlockSpec spec = {.path = path, .format = "raw"};
    busy.block = block_open(&spec, vm_loop(f.m.vm), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(busy.block);
    submit_busy(&busy);
    machine_retire_block(&f.m, busy.block);
    CU_ASSERT_EQUAL(count_retired(&f), 1);
    CU_ASSERT_PTR_NULL(block_open(&spec, vm_loop(f.m.vm), NULL));
    g_atomic_int_set(&busy.stop, 1);
    for (unsigned i = 0; i < 5000 && count_retired(&f) > 0; i++)
        g_usleep(1000);
    CU_ASSERT_EQUAL(count_retired(&f), 0);
    /* nobody has it any more, and an idle one is closed at once */
    Block *again = block_open(&spec, vm_loop(f.m.vm), NULL);
    CU_ASSERT_PTR_NOT_NULL(again);
    machine_retire_block(&f.m, again);
    CU_ASSERT_EQUAL(count_retired(&f), 0);
    loop_call(vm_loop(f.m.vm), close_retired_on_loop, &f.m);
    tear_down(&f);
    (void) unlink(path);
    g_free(path);
}

/* clang-format off */
CU_MAIN("machine-nets",
    { "cards_are_listed_by_number_whatever_came_first", cards_are_listed_by_number_whatever_came_first },
    { "the_others_keep_their_place_when_one_goes", the_others_keep_their_place_when_one_goes },
    { "a_card_that_cannot_be_opened_leaves_nothing", a_card_that_cannot_be_opened_leaves_nothing },
    { "a_card_that_is_held_stays_open_until_it_is_let_go", a_card_that_is_held_stays_open_until_it_is_let_go },
    { "cards_come_and_go_under_those_who_look", cards_come_and_go_under_those_who_look },
    { "an_image_that_stays_busy_is_closed_by_its_last_request", an_image_that_stays_busy_is_closed_by_its_last_request })
/* clang-format on */
