/* tests/unit/test-session-error.c - exit codes of every folder's errors. */

#include "app/exit-codes.h"
#include "app/session/session-error.h"
#include "profiles/profile.h"
#include "tests/unit/cu-main.h"
#include "vmm/block/block.h"
#include "vmm/boot/firmware.h"
#include "vmm/char/char.h"
#include "vmm/core/error.h"
#include "vmm/core/state.h"
#include "vmm/cpu/cpu.h"

static int
code_of(GQuark domain, int code)
{
    g_autoptr(GError) error = g_error_new_literal(domain, code, "");
    return session_error_exit_code(session_error_kind(error));
}

static void
errors_have_the_exit_codes_of_the_manual(void)
{
    /* clang-format off */
    const struct { GQuark domain; int code; int exit; } rows[] = {
        { CARREL_SESSION_ERROR,  CARREL_SESSION_ERROR_TIMEOUT,  EXIT_TIMEOUT },
        { CARREL_PROFILE_ERROR,  CARREL_PROFILE_ERROR_VALUE,    EXIT_USAGE },
        { CARREL_BLOCK_ERROR,    CARREL_BLOCK_ERROR_LOCKED,     EXIT_STATE },
        { CARREL_BLOCK_ERROR,    CARREL_BLOCK_ERROR_FORMAT,     EXIT_USAGE },
        { CARREL_CHAR_ERROR,     CARREL_CHAR_ERROR_SYNTAX,      EXIT_USAGE },
        { CARREL_CPU_ERROR,      CARREL_CPU_ERROR_PERMISSION,   EXIT_PRIVILEGE },
        { CARREL_CPU_ERROR,      CARREL_CPU_ERROR_NO_KVM,       EXIT_HOST },
        { CARREL_FIRMWARE_ERROR, CARREL_FIRMWARE_ERROR_MISSING, EXIT_HOST },
        { CARREL_STATE_ERROR,    CARREL_STATE_ERROR_VERSION,    EXIT_USAGE },
        { G_OPTION_ERROR,        G_OPTION_ERROR_BAD_VALUE,      EXIT_USAGE },
        { CARREL_ERROR,            CARREL_ERROR_BUSY,               EXIT_STATE },
        { CARREL_ERROR,            CARREL_ERROR_NOT_FOUND,          EXIT_NOT_FOUND },
        { CARREL_ERROR,            CARREL_ERROR_INVALID,   EXIT_USAGE },
        { CARREL_ERROR,            CARREL_ERROR_NOT_SUPPORTED,      EXIT_USAGE },
        { G_FILE_ERROR,          G_FILE_ERROR_ACCES,            EXIT_PRIVILEGE },
        { G_FILE_ERROR,          G_FILE_ERROR_NOENT,            EXIT_NOT_FOUND },
        { G_FILE_ERROR,          G_FILE_ERROR_INVAL,            EXIT_USAGE },
        { G_FILE_ERROR,          G_FILE_ERROR_MFILE,            EXIT_HOST },
        { G_FILE_ERROR,          G_FILE_ERROR_IO,               EXIT_FAILED },
    };
    /* clang-format on */

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        CU_ASSERT_EQUAL(code_of(rows[i].domain, rows[i].code), rows[i].exit);
}

static void
an_unknown_error_is_a_plain_failure(void)
{
    CU_ASSERT_EQUAL(code_of(g_quark_from_static_string("other"), 3), 1);
    CU_ASSERT_EQUAL(session_error_kind(NULL), CARREL_SESSION_ERROR_FAILED);
}

static void
ids_lead_back_to_their_kind(void)
{
    for (unsigned i = 0; i <= CARREL_SESSION_ERROR_PROTOCOL; i++)
        CU_ASSERT_EQUAL(
            session_error_from_id(session_error_id((CarrelSessionError) i)), i);
}

/* clang-format off */
CU_MAIN("session-error",
    { "errors_have_the_exit_codes_of_the_manual", errors_have_the_exit_codes_of_the_manual },
    { "an_unknown_error_is_a_plain_failure", an_unknown_error_is_a_plain_failure },
    { "ids_lead_back_to_their_kind", ids_lead_back_to_their_kind })
/* clang-format on */
