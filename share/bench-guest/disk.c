/* share/bench-guest/disk.c - "disk DRIVER UNIT read|write BYTES DEPTH
 * sequential|random COUNT SECTORS irq|poll": COUNT requests in the first
 * SECTORS of a disk, DEPTH of them under way at a time. */
#include "share/bench-guest/disk.h"

#define SEED   12345u
#define FACTOR 1664525u /* a linear congruence, Numerical Recipes */
#define ADD    1013904223u

static const DiskDriver *const drivers[] = {&ide_driver, &ahci_driver,
                                            &virtio_blk_driver};

typedef struct {
    const DiskDriver *driver;
    u32 unit, depth, count, sectors;
    u32 started, seed, next;
    bool random, poll;
    DiskRequest request;
} Job;

static u8 *buffers;

static u32
next_sector(Job *job)
{
    u32 step = job->request.bytes / DISK_SECTOR, at;

    if (job->random) {
        job->seed = job->seed * FACTOR + ADD;
        /* the upper bits: the lower ones of such a generator repeat soon */
        at = (job->seed >> 8) % (job->sectors / step) * step;
    } else {
        at = job->next;
        job->next += step;
        if (job->next + step > job->sectors)
            job->next = 0;
    }
    return at;
}

static void
submit(Job *job, u32 slot)
{
    DiskRequest *r = &job->request;

    r->slot = slot;
    r->sector = next_sector(job);
    r->data = buffers + slot * r->bytes;
    job->started++;
    job->driver->submit(job->unit, r);
}

static const char *
run(Job *job)
{
    for (u32 slot = 0; slot < job->depth && job->started < job->count; slot++)
        submit(job, slot);
    job->driver->kick(job->unit);
    for (u32 done = 0; done < job->count; done++) {
        int slot = job->driver->complete(job->unit, job->poll);
        if (slot < 0)
            return "the disk refused";
        if (job->started == job->count)
            continue;
        submit(job, (u32) slot);
        job->driver->kick(job->unit);
    }
    return NULL;
}

static const char *
check(const Job *job)
{
    u32 bytes = job->request.bytes;

    if (job->driver == NULL)
        return "no such driver";
    if (job->depth == 0 || job->depth > job->driver->max_depth)
        return "the driver has no such depth";
    if (bytes < DISK_SECTOR || bytes > DISK_MAX_BYTES ||
        bytes * job->depth > 4 * DISK_MAX_BYTES ||
        job->sectors < bytes / DISK_SECTOR)
        return "no such size";
    return job->driver->open(job->unit) ? NULL : "no such disk";
}

const char *
command_disk(const Args *args)
{
    Job job = {
        .unit = args_number(args, 2),
        .depth = args_number(args, 5),
        .count = args_number(args, 7),
        .sectors = args_number(args, 8),
        .seed = SEED,
        .random = text_is("random", args_word(args, 6)),
        .poll = text_is("poll", args_word(args, 9)),
        .request = {.write = text_is("write", args_word(args, 3)),
                    .bytes = args_number(args, 4)},
    };

    for (u32 i = 0; i < COUNT(drivers); i++)
        if (text_is(drivers[i]->name, args_word(args, 1)))
            job.driver = drivers[i];
    const char *error = check(&job);
    if (error != NULL)
        return error;
    if (buffers == NULL) {
        buffers = memory_take(4 * DISK_MAX_BYTES, 65536);
        memory_set(buffers, 0x5a, 4 * DISK_MAX_BYTES); /* no zeros to detect */
    }
    mark_begin();
    error = run(&job);
    mark_end();
    return error;
}
