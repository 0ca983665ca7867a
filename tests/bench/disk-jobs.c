/* tests/bench/disk-jobs.c - see disk-jobs.h. Linux AIO by system calls, past
 * the page cache where the file allows it: what fio does with libaio, without
 * its libraries, so that a guest of a few MiB can run it. */
#include "tests/bench/disk-jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_DEPTH 32

typedef struct {
    const char *name;
    unsigned bytes, depth;
    bool random, write;
} Job;

/* clang-format off */
static const Job jobs[] = {
    { "read-1M-depth-4",      1u << 20, 4,  false, false },
    { "randread-4K-depth-1",  4096,     1,  true,  false },
    { "randread-4K-depth-32", 4096,     32, true,  false },
    { "randwrite-4K-depth-1", 4096,     1,  true,  true },
    { "randwrite-4K-depth-32", 4096,    32, true,  true },
};
/* clang-format on */

typedef struct {
    const Job *job;
    int fd;
    uint64_t size, next, random;
    aio_context_t aio;
    char *memory;
    struct iocb requests[MAX_DEPTH];
    uint64_t done, failed;
} Run;

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static uint64_t
next_offset(Run *r)
{
    uint64_t blocks = r->size / r->job->bytes;

    if (!r->job->random)
        return r->next++ % blocks * r->job->bytes;
    r->random ^= r->random << 13; /* xorshift */
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return r->random % blocks * r->job->bytes;
}

static bool
submit(Run *r, unsigned slot)
{
    struct iocb *request = &r->requests[slot];

    *request = (struct iocb){
        .aio_data = slot,
        .aio_lio_opcode = r->job->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
        .aio_fildes = (uint32_t) r->fd,
        .aio_buf = (uintptr_t) r->memory + (uint64_t) slot * r->job->bytes,
        .aio_nbytes = r->job->bytes,
        .aio_offset = (int64_t) next_offset(r),
    };
    return syscall(SYS_io_submit, r->aio, 1L, &request) == 1;
}

/* Takes what is done and, until the end, begins as many again. */
static bool
turn(Run *r, bool go_on)
{
    struct io_event events[MAX_DEPTH];
    long n =
        syscall(SYS_io_getevents, r->aio, 1L, (long) MAX_DEPTH, events, NULL);

    for (long i = 0; i < n; i++) {
        r->done++;
        if (events[i].res != r->job->bytes)
            r->failed++;
        if (go_on && !submit(r, (unsigned) events[i].data))
            return false;
    }
    return n > 0;
}

static bool
run(Run *r, double seconds, double *ret_seconds)
{
    double start = now(), end = start + seconds;
    uint64_t begun = r->job->depth;

    for (unsigned i = 0; i < r->job->depth; i++)
        if (!submit(r, i))
            return false;
    while (now() < end) {
        uint64_t before = r->done;
        if (!turn(r, true))
            return false;
        begun += r->done - before;
    }
    while (r->done < begun)
        if (!turn(r, false))
            return false;
    *ret_seconds = now() - start;
    return true;
}

static bool
one_job(Run *r, double seconds)
{
    double took = 0;
    size_t bytes = (size_t) r->job->bytes * r->job->depth;
    bool ok = syscall(SYS_io_setup, MAX_DEPTH, &r->aio) == 0 &&
              posix_memalign((void **) &r->memory, 4096, bytes) == 0;

    if (ok) {
        memset(r->memory, 0x5a, bytes);
        ok = run(r, seconds, &took);
        syscall(SYS_io_destroy, r->aio);
        free(r->memory);
    }
    if (ok && r->failed == 0)
        printf("blk %s %.2f %.0f\n", r->job->name,
               (double) r->done * r->job->bytes / 1e6 / took,
               (double) r->done / took);
    else
        printf("blk: %s: %s\n", r->job->name, strerror(errno));
    fflush(stdout);
    return ok && r->failed == 0;
}

int
disk_jobs(const char *path, double seconds)
{
    uint64_t size = 0;
    struct stat st;
    int fd = open(path, O_RDWR | O_DIRECT);

    if (fd < 0)
        fd = open(path, O_RDWR); /* tmpfs of older kernels */
    if (fd < 0 || fstat(fd, &st) != 0) {
        printf("blk: %s: %s\n", path, strerror(errno));
        return 1;
    }
    if (!S_ISBLK(st.st_mode) || ioctl(fd, BLKGETSIZE64, &size) != 0)
        size = (uint64_t) st.st_size;
    for (unsigned i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        Run r = {.job = &jobs[i],
                 .fd = fd,
                 .size = size,
                 .random = 88172645463325252ULL};
        if (!one_job(&r, seconds))
            return 1;
    }
    return 0;
}
