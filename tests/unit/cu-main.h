/* tests/unit/cu-main.h - a CUnit program from one table of cases.
 *
 *   CU_MAIN("block-raw", { "reads_back_what_was_written", test_round_trip })
 *
 * The program prints TAP, so `meson test` counts the cases. It fails when an
 * assertion fails, when the suite cannot be set up, and when no case ran
 * (CU_basic_run_tests() reports success in all three). Arguments select cases
 * by name. */
#pragma once

#include <CUnit/CUnit.h>

typedef struct {
    const char *name; /* a sentence with underscores */
    void (*fn)(void);
} CuCase;

/* A case calls this and returns when its environment is missing; it is shown
 * as skipped with the reason, never as passed. */
void cu_skip(const char *reason);

int cu_main(const char *suite, const CuCase *cases, unsigned n_cases, int argc,
            char **argv);

#define CU_MAIN(suite, ...)                                                    \
    int main(int argc, char **argv)                                            \
    {                                                                          \
        static const CuCase cases[] = {__VA_ARGS__};                           \
        return cu_main(suite, cases, sizeof cases / sizeof cases[0], argc,     \
                       argv);                                                  \
    }
