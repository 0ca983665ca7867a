/* vmm/core/state.h - saving and restoring guest-visible state by table. */
#pragma once

#include "vmm/types.h"

/* clang-format off */
typedef enum { STATE_U8, STATE_U16, STATE_U32, STATE_U64, STATE_BOOL,
               STATE_BYTES, STATE_STRUCT, STATE_END } StateType;
/* clang-format on */

/* A signed field is described as the unsigned type of its width; an enum as
 * STATE_U32 (and range-checked in `check`). */
typedef struct {
    const char *name; /* written to the file; never reused */
    StateType type;
    gsize offset, count, elem_size; /* bytes; count 1 for a scalar */
    guint since;                    /* first version that has the field */
    const StateDesc *sub;           /* STATE_STRUCT only */
} StateField;

/* Describes one plain struct that holds ALL guest-visible state of a model
 * and nothing else: no pointers, locks, fds or host addresses. */
struct StateDesc {
    const char *name;
    guint version, min_version; /* min_version: oldest that can be read */
    gsize size;                 /* sizeof the struct */
    const StateField *fields;
    /* Validates a decoded, untrusted copy before it replaces the live one:
     * indices in range, enums known. false sets error. May be NULL. */
    bool (*check)(const void *state, GError **error);
};

/* clang-format off */
/* Scalar field f of struct S, of StateType T. */
#define STATE_FIELD(S, f, T) \
    { #f, T, G_STRUCT_OFFSET(S, f), 1, sizeof(((S *) 0)->f), 1, NULL }
/* The same for one inside a struct, under a name of its own. */
#define STATE_FIELD_AS(S, f, name, T) \
    { name, T, G_STRUCT_OFFSET(S, f), 1, sizeof(((S *) 0)->f), 1, NULL }
/* Array of integers: guint16 f[8] is STATE_ARRAY(S, f, STATE_U16). */
#define STATE_ARRAY(S, f, T) \
    { #f, T, G_STRUCT_OFFSET(S, f), G_N_ELEMENTS(((S *) 0)->f), \
      sizeof(((S *) 0)->f[0]), 1, NULL }
/* guint8 f[N] saved as one blob. */
#define STATE_BLOB(S, f) \
    { #f, STATE_BYTES, G_STRUCT_OFFSET(S, f), sizeof(((S *) 0)->f), 1, 1, NULL }
/* Embedded struct, and array of structs, described by another StateDesc. */
#define STATE_SUB(S, f, desc) \
    { #f, STATE_STRUCT, G_STRUCT_OFFSET(S, f), 1, sizeof(((S *) 0)->f), 1, desc }
#define STATE_SUB_ARRAY(S, f, desc) \
    { #f, STATE_STRUCT, G_STRUCT_OFFSET(S, f), G_N_ELEMENTS(((S *) 0)->f), \
      sizeof(((S *) 0)->f[0]), 1, desc }
#define STATE_FIELDS_END { NULL, STATE_END, 0, 0, 0, 0, NULL }
/* clang-format on */

#define CARREL_STATE_ERROR (carrel_state_error_quark())
GQuark carrel_state_error_quark(void);
typedef enum {
    CARREL_STATE_ERROR_TRUNCATED,
    CARREL_STATE_ERROR_VERSION,
    CARREL_STATE_ERROR_UNKNOWN_FIELD,
    CARREL_STATE_ERROR_INVALID
} CarrelStateError;

/* Appends to out: name, version, length, checksum, then tagged little-endian
 * fields.  Any thread; the state must not change meanwhile. */
void state_encode(const StateDesc *desc, const void *state, GByteArray *out);

/* Decodes into `staged` (desc->size bytes, caller-allocated), then checks.
 * The live state is not touched, so a failed restore leaves the VM as it
 * was. Fields newer than the file's version are left as `staged` had them:
 * fill it with the model's reset state first.
 * CARREL_STATE_ERROR_{TRUNCATED,VERSION,UNKNOWN_FIELD,INVALID}. */
bool state_decode(const StateDesc *desc, GBytes *in, void *staged,
                  GError **error);
