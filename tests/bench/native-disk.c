/* tests/bench/native-disk.c - what the guest's disk phases do, done by a host
 * program on the same image with pread(): the limit for them.
 *
 * usage: native-disk IMAGE; prints "s USECONDS" and "r USECONDS". */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/disk-pattern.h"

static double
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static void
read_at(int fd, void *buf, size_t len, uint32_t sector)
{
    if (pread(fd, buf, len, (off_t) sector * 512) == (ssize_t) len)
        return;
    perror("pread");
    exit(1);
}

int
main(int argc, char **argv)
{
    static uint8_t buf[SEQ_SECTORS * 512];
    int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    uint32_t x = RND_SEED;

    if (fd < 0) {
        perror("image");
        return 2;
    }
    double t0 = now_us();
    for (uint32_t i = 0; i < SEQ_COUNT; i++)
        read_at(fd, buf, SEQ_SECTORS * 512, i * SEQ_SECTORS);
    double t1 = now_us();
    for (uint32_t i = 0; i < RND_COUNT; i++) {
        x = x * RND_FACTOR + RND_ADD;
        read_at(fd, buf, RND_SECTORS * 512, x >> RND_SHIFT << 3);
    }
    printf("s %.0f\nr %.0f\n", t1 - t0, now_us() - t1);
    return 0;
}
