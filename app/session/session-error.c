/* app/session/session-error.c - what an error means for the user: its id and
 * exit code, from whatever folder's domain it came. */
#include "app/session/session-error.h"

#include <string.h>

#include "profiles/profile.h"
#include "vmm/block/block.h"
#include "vmm/boot/firmware.h"
#include "vmm/char/char.h"
#include "vmm/core/error.h"
#include "vmm/core/state.h"
#include "vmm/cpu/cpu.h"
#include "vmm/net/net.h"

/* Exit codes as the manual lists them. */
enum {
    EXIT_FAILED = 1,
    EXIT_BAD = 2,
    EXIT_NO_SUCH = 3,
    EXIT_BUSY = 4,
    EXIT_PRIVILEGE = 5,
    EXIT_CANNOT = 6,
    EXIT_TIMED_OUT = 7
};

typedef struct {
    CarrelSessionError kind;
    const char *id;
    int exit_code;
} KindRow;

/* clang-format off */
static const KindRow kind_rows[] = {
    { CARREL_SESSION_ERROR_FAILED,     "failed",          EXIT_FAILED },
    { CARREL_SESSION_ERROR_USAGE,      "usage",           EXIT_BAD },
    { CARREL_SESSION_ERROR_PROFILE,    "invalid-profile", EXIT_BAD },
    { CARREL_SESSION_ERROR_NOT_FOUND,  "not-found",       EXIT_NO_SUCH },
    { CARREL_SESSION_ERROR_STATE,      "wrong-state",     EXIT_BUSY },
    { CARREL_SESSION_ERROR_LOCKED,     "locked",          EXIT_BUSY },
    { CARREL_SESSION_ERROR_PERMISSION, "permission",      EXIT_PRIVILEGE },
    { CARREL_SESSION_ERROR_HOST,       "host-cannot",     EXIT_CANNOT },
    { CARREL_SESSION_ERROR_TIMEOUT,    "timeout",         EXIT_TIMED_OUT },
    { CARREL_SESSION_ERROR_CLOSED,     "closed",          EXIT_FAILED },
    { CARREL_SESSION_ERROR_PROTOCOL,   "protocol",        EXIT_FAILED },
};
/* clang-format on */

GQuark
carrel_session_error_quark(void)
{
    return g_quark_from_static_string("carrel-session-error");
}

/* One row for a domain and code, the rest of a domain in its ANY row below
 * them. CARREL_SESSION_ERROR is its own kind. */
typedef struct {
    GQuark (*domain)(void);
    int code;
    CarrelSessionError kind;
} MeaningRow;

#define ANY (-1)

/* clang-format off */
static const MeaningRow meaning_rows[] = {
    { carrel_profile_error_quark,  ANY,                           CARREL_SESSION_ERROR_PROFILE },
    { carrel_block_error_quark,    CARREL_BLOCK_ERROR_LOCKED,     CARREL_SESSION_ERROR_LOCKED },
    { carrel_block_error_quark,    CARREL_BLOCK_ERROR_FORMAT,     CARREL_SESSION_ERROR_USAGE },
    { carrel_block_error_quark,    CARREL_BLOCK_ERROR_BACKING,    CARREL_SESSION_ERROR_USAGE },
    { carrel_char_error_quark,     ANY,                           CARREL_SESSION_ERROR_PROFILE },
    { carrel_cpu_error_quark,      CARREL_CPU_ERROR_PERMISSION,   CARREL_SESSION_ERROR_PERMISSION },
    { carrel_cpu_error_quark,      ANY,                           CARREL_SESSION_ERROR_HOST },
    { carrel_firmware_error_quark, ANY,                           CARREL_SESSION_ERROR_HOST },
    { carrel_net_error_quark,      CARREL_NET_ERROR_SYNTAX,       CARREL_SESSION_ERROR_USAGE },
    { carrel_net_error_quark,      CARREL_NET_ERROR_NO_DEVICE,    CARREL_SESSION_ERROR_NOT_FOUND },
    { carrel_net_error_quark,      CARREL_NET_ERROR_PERMISSION,   CARREL_SESSION_ERROR_PERMISSION },
    { carrel_net_error_quark,      CARREL_NET_ERROR_BUSY,         CARREL_SESSION_ERROR_STATE },
    { carrel_net_error_quark,      CARREL_NET_ERROR_MISSING,      CARREL_SESSION_ERROR_NOT_FOUND },
    { carrel_net_error_quark,      ANY,                           CARREL_SESSION_ERROR_HOST },
    { carrel_state_error_quark,    ANY,                           CARREL_SESSION_ERROR_USAGE },
    { g_option_error_quark,        ANY,                           CARREL_SESSION_ERROR_USAGE },
    { carrel_error_quark,            CARREL_ERROR_BUSY,               CARREL_SESSION_ERROR_STATE },
    { carrel_error_quark,            CARREL_ERROR_NOT_FOUND,          CARREL_SESSION_ERROR_NOT_FOUND },
    { carrel_error_quark,            CARREL_ERROR_NOT_SUPPORTED,      CARREL_SESSION_ERROR_USAGE },
    { carrel_error_quark,            CARREL_ERROR_INVALID,   CARREL_SESSION_ERROR_USAGE },
    { carrel_error_quark,            CARREL_ERROR_PERMISSION,  CARREL_SESSION_ERROR_PERMISSION },
    { carrel_error_quark,            CARREL_ERROR_TIMED_OUT,          CARREL_SESSION_ERROR_TIMEOUT },
    { carrel_error_quark,            CARREL_ERROR_NO_DESCRIPTORS, CARREL_SESSION_ERROR_HOST },
    { g_file_error_quark,          G_FILE_ERROR_ACCES,            CARREL_SESSION_ERROR_PERMISSION },
    { g_file_error_quark,          G_FILE_ERROR_PERM,             CARREL_SESSION_ERROR_PERMISSION },
    { g_file_error_quark,          G_FILE_ERROR_NOENT,            CARREL_SESSION_ERROR_NOT_FOUND },
    { g_file_error_quark,          G_FILE_ERROR_NODEV,            CARREL_SESSION_ERROR_NOT_FOUND },
    { g_file_error_quark,          G_FILE_ERROR_EXIST,            CARREL_SESSION_ERROR_STATE },
    { g_file_error_quark,          G_FILE_ERROR_INVAL,            CARREL_SESSION_ERROR_USAGE },
    { g_file_error_quark,          G_FILE_ERROR_ISDIR,            CARREL_SESSION_ERROR_USAGE },
    { g_file_error_quark,          G_FILE_ERROR_NFILE,            CARREL_SESSION_ERROR_HOST },
    { g_file_error_quark,          G_FILE_ERROR_MFILE,            CARREL_SESSION_ERROR_HOST },
    { g_file_error_quark,          G_FILE_ERROR_NOMEM,            CARREL_SESSION_ERROR_HOST },
};
/* clang-format on */

CarrelSessionError
session_error_kind(const GError *error)
{
    if (error == NULL)
        return CARREL_SESSION_ERROR_FAILED;
    if (error->domain == CARREL_SESSION_ERROR)
        return (CarrelSessionError) error->code;
    for (gsize i = 0; i < G_N_ELEMENTS(meaning_rows); i++) {
        const MeaningRow *row = &meaning_rows[i];
        if (row->domain() == error->domain &&
            (row->code == ANY || row->code == error->code))
            return row->kind;
    }
    return CARREL_SESSION_ERROR_FAILED;
}

static const KindRow *
kind_row(CarrelSessionError kind)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kind_rows); i++) {
        if (kind_rows[i].kind == kind)
            return &kind_rows[i];
    }
    return &kind_rows[0];
}

const char *
session_error_id(CarrelSessionError kind)
{
    return kind_row(kind)->id;
}

CarrelSessionError
session_error_from_id(const char *id)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kind_rows); i++) {
        if (id != NULL && strcmp(kind_rows[i].id, id) == 0)
            return kind_rows[i].kind;
    }
    return CARREL_SESSION_ERROR_FAILED;
}

int
session_error_exit_code(CarrelSessionError kind)
{
    return kind_row(kind)->exit_code;
}
