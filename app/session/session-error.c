/* app/session/session-error.c - what an error means for the user: its id and
 * exit code, from whatever folder's domain it came. */
#include "app/session/session-error.h"

#include <string.h>

#include "profiles/profile.h"
#include "vmm/block/block.h"
#include "vmm/boot/firmware.h"
#include "vmm/cpu/cpu.h"

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

static CarrelSessionError
kind_of_file_error(int code)
{
    switch (code) {
    case G_FILE_ERROR_ACCES:
    case G_FILE_ERROR_PERM: return CARREL_SESSION_ERROR_PERMISSION;
    case G_FILE_ERROR_NOENT: return CARREL_SESSION_ERROR_NOT_FOUND;
    case G_FILE_ERROR_NFILE:
    case G_FILE_ERROR_MFILE:
    case G_FILE_ERROR_NOMEM: return CARREL_SESSION_ERROR_HOST;
    default: return CARREL_SESSION_ERROR_FAILED;
    }
}

CarrelSessionError
session_error_kind(const GError *error)
{
    if (error == NULL)
        return CARREL_SESSION_ERROR_FAILED;
    if (error->domain == CARREL_SESSION_ERROR)
        return (CarrelSessionError) error->code;
    if (error->domain == CARREL_PROFILE_ERROR)
        return CARREL_SESSION_ERROR_PROFILE;
    if (error->domain == CARREL_BLOCK_ERROR)
        return error->code == CARREL_BLOCK_ERROR_LOCKED
                   ? CARREL_SESSION_ERROR_LOCKED
                   : CARREL_SESSION_ERROR_FAILED;
    if (error->domain == CARREL_CPU_ERROR)
        return error->code == CARREL_CPU_ERROR_PERMISSION
                   ? CARREL_SESSION_ERROR_PERMISSION
                   : CARREL_SESSION_ERROR_HOST;
    if (error->domain == CARREL_FIRMWARE_ERROR)
        return CARREL_SESSION_ERROR_HOST;
    if (error->domain == G_FILE_ERROR)
        return kind_of_file_error(error->code);
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
