/* tests/fuzz/replay-main.c - runs a fuzz target without a fuzzer: every seed
 * of the folders given as arguments, the empty input, and pseudo-random inputs
 * from a fixed start, so that each target is a test in every build. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <glib.h>

#define RANDOM_INPUTS 200
#define RANDOM_MAX    2048 /* bytes of the longest random input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* xorshift64: the same inputs in every run and on every host. */
static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void
replay_random(void)
{
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

    for (unsigned i = 0; i < RANDOM_INPUTS; i++) {
        size_t size = next_random(&state) % RANDOM_MAX;
        g_autofree uint8_t *data = g_malloc(size + 1);

        for (size_t k = 0; k < size; k++)
            data[k] = (uint8_t) (next_random(&state) >> 24);
        (void) LLVMFuzzerTestOneInput(data, size);
    }
}

/* Returns the number of files run, or -1 with a message printed. */
static int
replay_folder(const char *folder)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
    const char *name;
    int n = 0;

    if (dir == NULL) {
        printf("# %s\n", error->message);
        return -1;
    }
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *data = NULL;
        gsize size;

        if (!g_file_get_contents(path, &data, &size, &error)) {
            printf("# %s\n", error->message);
            return -1;
        }
        (void) LLVMFuzzerTestOneInput((const uint8_t *) data, size);
        n++;
    }
    return n;
}

int
main(int argc, char **argv)
{
    bool failed = false;
    int test = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        int n = replay_folder(argv[i]);

        failed |= n < 0;
        printf("%s %d - %d seeds\n", n < 0 ? "not ok" : "ok", ++test, n);
    }
    (void) LLVMFuzzerTestOneInput((const uint8_t *) "", 0);
    printf("ok %d - the empty input\n", ++test);
    replay_random();
    printf("ok %d - %d random inputs\n1..%d\n", test + 1, RANDOM_INPUTS,
           test + 1);
    return failed;
}
