/* vmm/net/slirp-library.h - libslirp, loaded by the process of a user network
 * when it begins: no other process of ours needs it, and linking costs each
 * start. */
#pragma once

#include <slirp/libslirp.h>

#include "vmm/types.h"

typedef struct {
    __typeof__(slirp_new) *new;
    __typeof__(slirp_cleanup) *cleanup;
    __typeof__(slirp_input) *input;
    __typeof__(slirp_pollfds_fill) *pollfds_fill;
    __typeof__(slirp_pollfds_poll) *pollfds_poll;
    __typeof__(slirp_add_hostxfwd) *add_hostxfwd;
    __typeof__(slirp_remove_hostxfwd) *remove_hostxfwd;
} SlirpLibrary;

/* False: it is not there, or older than 4.6. Blocks; stays loaded. */
bool slirp_library_load(SlirpLibrary *ret_library);
