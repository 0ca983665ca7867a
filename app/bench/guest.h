/* app/bench/guest.h - a machine in this process that runs the bench guest.
 * Thread: one at a time. */
#pragma once

#include "app/bench/protocol.h"
#include "profiles/profile.h"

#define CARREL_BENCH_ERROR (carrel_bench_error_quark())
GQuark carrel_bench_error_quark(void);
typedef enum {
    CARREL_BENCH_ERROR_MISSING,     /* the guest's files were not found */
    CARREL_BENCH_ERROR_GUEST,       /* it says no, crashed, or is silent */
    CARREL_BENCH_ERROR_INTERRUPTED, /* Ctrl-C */
    CARREL_BENCH_ERROR_SPACE        /* no room for images */
} CarrelBenchError;

/* How the guest is started. */
typedef enum {
    BENCH_ROM,   /* i440FX, in place of its BIOS */
    BENCH_KERNEL /* the minimal machine's kernel */
} BenchBoot;

/* The guest's file, or NULL and error set; g_free. */
char *bench_guest_file(BenchBoot boot, GError **error);
/* A profile of such a machine without drives and networks, or NULL. */
Profile *bench_guest_profile(BenchBoot boot, GError **error);

typedef struct BenchGuest BenchGuest;

/* Starts it and waits until it reads commands. dir: private folder for what
 * machines make at run time. */
BenchGuest *bench_guest_start(const Profile *profile, const char *dir,
                              GError **error);
/* Starts it, and does not wait. serial_fd: socket for its serial port, owned
 * from now on; -1: bench_guest_run() talks to it. */
BenchGuest *bench_guest_launch(const Profile *profile, const char *dir,
                               int serial_fd, GError **error);
/* Runs one command: how long it took between its marks. */
bool bench_guest_run(BenchGuest *guest, const char *command, gint64 *ret_ns,
                     GError **error);
/* NULL is fine. */
void bench_guest_free(BenchGuest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BenchGuest, bench_guest_free)

/* Reads fd, a serial port of which p knows the state, until an answer is whole
 * (BENCH_MORE: none in timeout_s, interrupted, or the other end is gone). */
BenchAnswer bench_read_answer(int fd, BenchProtocol *p, int timeout_s,
                              bool (*go_on)(void *data), void *data);

/* ns of CLOCK_MONOTONIC, the same in every process. */
gint64 bench_now_ns(void);
/* From here on Ctrl-C sets a flag, which every wait obeys. */
void bench_catch_interrupts(void);
bool bench_interrupted(GError **error);
