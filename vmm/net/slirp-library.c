/* vmm/net/slirp-library.c - see slirp-library.h. */
#if CARREL_HAVE_SLIRP

#include "vmm/net/slirp-library.h"

#include "vmm/core/sysutil.h"

/* clang-format off */
#define ROW(name) { "slirp_" #name, G_STRUCT_OFFSET(SlirpLibrary, name) }
static const SysLateFunction functions[] = {
    ROW(new),
    ROW(cleanup),
    ROW(input),
    ROW(pollfds_fill),
    ROW(pollfds_poll),
    ROW(add_hostxfwd),
    ROW(remove_hostxfwd),
};
#undef ROW
/* clang-format on */

bool
slirp_library_load(SlirpLibrary *ret_library)
{
    return sys_late_functions("libslirp.so.0", functions,
                              G_N_ELEMENTS(functions), ret_library);
}

#endif
