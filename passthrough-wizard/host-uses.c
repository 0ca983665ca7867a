/* passthrough-wizard/host-uses.c - who on the host needs a function. */
#include "passthrough-wizard/host-pci-internal.h"

void
host_uses_read(const HostRoot *root, HostPci *host)
{
    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        if (fn->boot_vga == 1)
            host_pci_fn_add_use(fn, HOST_USE_CONSOLE, NULL, 0, NULL);
    }
    (void) root;
}
