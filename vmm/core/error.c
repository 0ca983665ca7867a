/* vmm/core/error.c - see error.h. */
#include "vmm/core/error.h"

GQuark
carrel_error_quark(void)
{
    return g_quark_from_static_string("carrel-error");
}
