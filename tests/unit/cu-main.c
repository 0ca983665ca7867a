/* tests/unit/cu-main.c - see cu-main.h. Runs the cases itself, one CUnit suite
 * of one test each, so that a skipped case can be told apart. */
#include "tests/unit/cu-main.h"

#include <CUnit/TestRun.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static struct {
    const char *skip_reason;
} cu;

void
cu_skip(const char *reason)
{
    cu.skip_reason = reason;
}

static bool
selected(const char *name, int argc, char **argv)
{
    if (argc < 2)
        return true;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

static void
print_failures(void)
{
    for (CU_pFailureRecord f = CU_get_failure_list(); f != NULL; f = f->pNext)
        printf("# %s:%u: %s\n", f->strFileName, f->uiLineNumber,
               f->strCondition);
}

int
cu_main(const char *suite, const CuCase *cases, unsigned n_cases, int argc,
        char **argv)
{
    unsigned ran = 0, failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned i = 0; i < n_cases; i++) {
        if (!selected(cases[i].name, argc, argv))
            continue;
        if (CU_initialize_registry() != CUE_SUCCESS)
            return 2;
        CU_pSuite s = CU_add_suite(suite, NULL, NULL);
        CU_pTest test = s ? CU_add_test(s, cases[i].name, cases[i].fn) : NULL;
        cu.skip_reason = NULL;
        bool ok = test != NULL && CU_run_test(s, test) == CUE_SUCCESS &&
                  CU_get_number_of_tests_run() == 1 &&
                  CU_get_number_of_failures() == 0;
        ran++;
        failed += !ok;
        printf("%s %u - %s.%s", ok ? "ok" : "not ok", ran, suite,
               cases[i].name);
        if (ok && cu.skip_reason != NULL)
            printf(" # SKIP %s", cu.skip_reason);
        printf("\n");
        print_failures();
        CU_cleanup_registry();
    }
    printf("1..%u\n", ran);
    return ran == 0 || failed > 0;
}
