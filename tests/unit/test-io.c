/* tests/unit/test-io.c - port and MMIO dispatch. */
#include <errno.h>
#include <pthread.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/fake-posted.h"
#include "tests/unit/fake-vm.h"
#include "vmm/core/sysutil.h"

typedef struct {
    guint64 last_offset, last_value;
    unsigned last_size, reads, writes;
    guint64 answer;
} Probe;

static guint64
probe_read(void *dev, guint64 offset, unsigned size)
{
    Probe *p = dev;

    p->reads++;
    p->last_offset = offset;
    p->last_size = size;
    return p->answer + offset;
}

static void
probe_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Probe *p = dev;

    p->writes++;
    p->last_offset = offset;
    p->last_value = value;
    p->last_size = size;
}

static const IoOps any_ops = {.read = probe_read, .write = probe_write};
static const IoOps byte_ops = {
    .read = probe_read, .write = probe_write, .max_size = 1};
static const IoOps dword_ops = {
    .read = probe_read, .write = probe_write, .min_size = 4, .max_size = 4};

typedef struct {
    IoSpace *space;
    Probe probe, other;
    IoRegion *region;
} Fixture;

static Fixture
begin(void)
{
    Fixture f = {.space = io_space_new(IO_PORT)};

    return f;
}

static void
attach(Fixture *f, const IoOps *ops, guint64 base, guint64 len)
{
    f->region = io_region_new("probe", ops, &f->probe, NULL, len);
    CU_ASSERT_EQUAL(io_map(f->space, f->region, base, 0), 0);
}

static void
end(Fixture *f)
{
    io_region_free(f->region);
    io_space_free(f->space);
}

static void
test_unclaimed(void)
{
    Fixture f = begin();

    CU_ASSERT_EQUAL(io_read(f.space, 0x300, 1), 0xff);
    CU_ASSERT_EQUAL(io_read(f.space, 0x300, 4), 0xffffffff);
    io_write(f.space, 0x300, 1, 1);
    end(&f);
}

static void
test_offset_and_size(void)
{
    Fixture f = begin();

    attach(&f, &any_ops, 0x100, 8);
    f.probe.answer = 0x40;
    CU_ASSERT_EQUAL(io_read(f.space, 0x104, 2), 0x44);
    CU_ASSERT_EQUAL(f.probe.last_size, 2);
    io_write(f.space, 0x101, 0x1234, 1);
    CU_ASSERT_EQUAL(f.probe.last_offset, 1);
    CU_ASSERT_EQUAL(f.probe.last_value, 0x34);
    end(&f);
}

static void
test_split_by_max_size(void)
{
    Fixture f = begin();

    attach(&f, &byte_ops, 0x100, 4);
    f.probe.answer = 0x10;
    CU_ASSERT_EQUAL(io_read(f.space, 0x100, 4), 0x13121110);
    io_write(f.space, 0x102, 0xabcd, 2);
    CU_ASSERT_EQUAL(f.probe.writes, 2);
    CU_ASSERT_EQUAL(f.probe.last_offset, 3);
    CU_ASSERT_EQUAL(f.probe.last_value, 0xab);
    end(&f);
}

static void
test_widen_to_min_size(void)
{
    Fixture f = begin();

    attach(&f, &dword_ops, 0x100, 8);
    f.probe.answer = 0x44332211;
    CU_ASSERT_EQUAL(io_read(f.space, 0x102, 1), 0x33);
    CU_ASSERT_EQUAL(f.probe.last_size, 4);
    CU_ASSERT_EQUAL(f.probe.last_offset, 0);
    io_write(f.space, 0x101, 0x77, 1);
    CU_ASSERT_EQUAL(f.probe.last_value, 0x7700);
    end(&f);
}

static void
test_straddling_access(void)
{
    Fixture f = begin();

    attach(&f, &any_ops, 0x100, 2);
    f.probe.answer = 0x20;
    CU_ASSERT_EQUAL(io_read(f.space, 0x101, 2), 0xff21);
    CU_ASSERT_EQUAL(io_read(f.space, 0xff, 2), 0x20ff);
    end(&f);
}

static void
test_priority(void)
{
    Fixture f = begin();
    IoRegion *over = io_region_new("over", &any_ops, &f.other, NULL, 2);

    attach(&f, &any_ops, 0x100, 8);
    CU_ASSERT_EQUAL(io_map(f.space, over, 0x102, 1), 0);
    f.probe.answer = 0x10;
    f.other.answer = 0x80;
    CU_ASSERT_EQUAL(io_read(f.space, 0x101, 1), 0x11);
    CU_ASSERT_EQUAL(io_read(f.space, 0x102, 1), 0x80);
    CU_ASSERT_EQUAL(io_read(f.space, 0x104, 1), 0x14);
    io_unmap(f.space, over);
    CU_ASSERT_EQUAL(io_read(f.space, 0x102, 1), 0x12);
    io_region_free(over);
    end(&f);
}

static void
test_overlap_refused(void)
{
    Fixture f = begin();
    IoRegion *second = io_region_new("second", &any_ops, &f.other, NULL, 4);

    attach(&f, &any_ops, 0x100, 8);
    CU_ASSERT_EQUAL(io_map(f.space, second, 0x107, 0), -EEXIST);
    CU_ASSERT_FALSE(io_region_is_mapped(second));
    CU_ASSERT_EQUAL(io_map(f.space, second, 0x108, 0), 0);
    CU_ASSERT_EQUAL(io_map(f.space, second, 0xfffe, 0), -EINVAL);
    io_region_free(second);
    end(&f);
}

static void
test_move(void)
{
    Fixture f = begin();

    attach(&f, &any_ops, 0x100, 4);
    CU_ASSERT_EQUAL(io_map(f.space, f.region, 0x200, 0), 0);
    CU_ASSERT_EQUAL(io_read(f.space, 0x100, 1), 0xff);
    (void) io_read(f.space, 0x201, 1);
    CU_ASSERT_EQUAL(f.probe.last_offset, 1);
    end(&f);
}

static void
test_eventfd_without_backend(void)
{
    Fixture f = begin();
    int fd = sys_eventfd(NULL);
    guint64 match = 7;

    attach(&f, &any_ops, 0x100, 4);
    CU_ASSERT_EQUAL(io_region_set_eventfd(f.region, 0, 2, &match, fd), 0);
    io_write(f.space, 0x100, 7, 2);
    CU_ASSERT_EQUAL(f.probe.writes, 0);
    CU_ASSERT_EQUAL(sys_eventfd_drain(fd), 1);
    io_write(f.space, 0x100, 8, 2);
    CU_ASSERT_EQUAL(f.probe.writes, 1);
    CU_ASSERT_EQUAL(io_region_set_eventfd(f.region, 0, 2, &match, -1), 0);
    io_write(f.space, 0x100, 7, 2);
    CU_ASSERT_EQUAL(f.probe.writes, 2);
    end(&f);
    sys_close(&fd);
}

static void
test_posted_follows(void)
{
    Fixture f = begin();
    FakePosted posted = {0};

    attach(&f, &any_ops, 0x100, 4);
    CU_ASSERT_EQUAL(io_region_set_posted(f.region, 2, 1, true), -ENOTSUP);
    io_space_set_backend(f.space, &fake_posted_ops, &posted);
    CU_ASSERT_EQUAL(io_region_set_posted(f.region, 3, 2, true), -EINVAL);
    CU_ASSERT_EQUAL(io_region_set_posted(f.region, 2, 1, true), 0);
    CU_ASSERT_EQUAL(posted.addr, 0x102);
    CU_ASSERT_EQUAL(io_map(f.space, f.region, 0x200, 0), 0);
    CU_ASSERT_EQUAL(posted.addr, 0x202);
    CU_ASSERT_EQUAL(posted.len, 1);
    io_unmap(f.space, f.region);
    CU_ASSERT_EQUAL(posted.len, 0);
    CU_ASSERT_EQUAL(io_map(f.space, f.region, 0x100, 0), 0);
    CU_ASSERT_EQUAL(posted.addr, 0x102);
    CU_ASSERT_EQUAL(io_region_set_posted(f.region, 2, 1, false), 0);
    CU_ASSERT_EQUAL(posted.len, 0);
    io_space_flush(f.space);
    CU_ASSERT_EQUAL(posted.flushes, 1);
    end(&f);
}

static void
test_string_falls_back(void)
{
    Fixture f = begin();
    guint8 data[4] = {1, 2, 3, 4};

    attach(&f, &any_ops, 0x100, 4);
    io_write_rep(f.space, 0x102, data, 2, 2);
    CU_ASSERT_EQUAL(f.probe.writes, 2);
    CU_ASSERT_EQUAL(f.probe.last_value, 0x0403);
    f.probe.answer = 0x5050;
    io_read_rep(f.space, 0x100, data, 2, 2);
    CU_ASSERT_EQUAL(data[3], 0x50);
    end(&f);
}

static void
test_mmio_miss_reads_memory(void)
{
    FakeVm *vm = fake_vm_new(0x10000);

    fake_mmio_write(vm, 0x1234, 0xcafe, 2);
    CU_ASSERT_EQUAL(fake_ram(vm)[0x1234], 0xfe);
    CU_ASSERT_EQUAL(fake_mmio_read(vm, 0x1234, 2), 0xcafe);
    CU_ASSERT_EQUAL(fake_mmio_read(vm, 0x10000, 4), 0xffffffff);
    fake_vm_free(vm);
}

/* One thread moves a region about while others read: no crash, and every
 * answer is one of the two possible ones. */
typedef struct {
    IoSpace *space;
    int stop; /* atomic */
    guint wrong;
} Race;

static void *
race_reader(void *data)
{
    Race *race = data;

    while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
        guint64 v = io_read(race->space, 0x100, 1);
        if (v != 0xff && v != 0x20)
            __atomic_fetch_add(&race->wrong, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static guint64
constant_read(void *dev, guint64 offset, unsigned size)
{
    return 0x20;
}

static void
test_moving_under_readers(void)
{
    static const IoOps ops = {.read = constant_read};
    Race race = {.space = io_space_new(IO_PORT)};
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, race_reader, &race);
    for (int i = 0; i < 500; i++) {
        IoRegion *r = io_region_new("moving", &ops, NULL, NULL, 1);
        io_map(race.space, r, 0x100, 0);
        io_map(race.space, r, 0x200, 0);
        io_region_free(r);
    }
    __atomic_store_n(&race.stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(race.wrong, 0);
    io_space_free(race.space);
}

static void
test_held_space(void)
{
    Fixture f = begin();
    guint64 value = 0;

    io_space_hold(f.space);
    attach(&f, &byte_ops, 0x100, 1);
    f.probe.answer = 0x42;
    CU_ASSERT_EQUAL(io_read(f.space, 0x100, 1), 0xff);
    io_space_release(f.space);
    value = io_read(f.space, 0x100, 1);
    CU_ASSERT_EQUAL(value, 0x42);
    /* what goes is gone at once, for its memory goes too */
    io_space_hold(f.space);
    io_region_free(f.region);
    CU_ASSERT_EQUAL(io_read(f.space, 0x100, 1), 0xff);
    io_space_release(f.space);
    io_space_free(f.space);
}

CU_MAIN("io", {"unclaimed_addresses_read_all_ones", test_unclaimed},
        {"a_handler_gets_offset_size_and_masked_value", test_offset_and_size},
        {"a_wide_access_is_split", test_split_by_max_size},
        {"a_narrow_access_is_widened", test_widen_to_min_size},
        {"an_access_across_a_regions_end_is_split", test_straddling_access},
        {"the_higher_priority_wins", test_priority},
        {"overlap_of_equal_priority_is_refused", test_overlap_refused},
        {"mapping_again_moves_a_region", test_move},
        {"a_held_space_shows_new_regions_when_released", test_held_space},
        {"an_eventfd_takes_matching_writes", test_eventfd_without_backend},
        {"posted_writes_follow_their_region", test_posted_follows},
        {"string_io_falls_back_to_single_accesses", test_string_falls_back},
        {"an_mmio_miss_reads_guest_memory", test_mmio_miss_reads_memory},
        {"regions_may_move_and_go_under_readers", test_moving_under_readers})
