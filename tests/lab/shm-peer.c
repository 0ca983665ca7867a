/* tests/lab/shm-peer.c - two programs that talk through shared memory, one on
 * the host and one in the guest: shm-peer FILE ask|answer.
 *
 * ask: numbers 1 to ROUNDS, each answered before the next; then the word that
 * ends it. Both end with 0 when all went well, and after a minute without. */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define ROUNDS 200u
#define KEY    0x5a5a5a5au
#define END    0xffffffffu

typedef struct {
    uint32_t question, answer;
} Shared;

/* False: it did not come about in a minute. */
static int
becomes(const uint32_t *word, uint32_t value)
{
    time_t limit = time(NULL) + 60;

    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value) {
        if (time(NULL) > limit)
            return 0;
        sched_yield();
    }
    return 1;
}

static int
ask(Shared *s)
{
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        __atomic_store_n(&s->question, i, __ATOMIC_RELEASE);
        if (!becomes(&s->answer, i ^ KEY)) {
            printf("no answer to %u\n", i);
            return 1;
        }
    }
    __atomic_store_n(&s->question, END, __ATOMIC_RELEASE);
    printf("%u answers\n", ROUNDS);
    return 0;
}

static int
answer(Shared *s)
{
    uint32_t last = 0;
    time_t limit = time(NULL) + 120;

    while (time(NULL) < limit) {
        uint32_t q = __atomic_load_n(&s->question, __ATOMIC_ACQUIRE);
        if (q == END) {
            printf("answered %u\n", last);
            return 0;
        }
        if (q != last)
            __atomic_store_n(&s->answer, q ^ KEY, __ATOMIC_RELEASE);
        last = q;
        sched_yield();
    }
    printf("nobody asks\n");
    return 1;
}

int
main(int argc, char **argv)
{
    int fd = argc == 3 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
    Shared *s =
        fd < 0 ? MAP_FAILED
               : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (s == MAP_FAILED) {
        printf("usage: shm-peer FILE ask|answer\n");
        return 2;
    }
    return strcmp(argv[2], "ask") == 0 ? ask(s) : answer(s);
}
