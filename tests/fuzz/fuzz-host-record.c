/* tests/fuzz/fuzz-host-record.c - a recording from anywhere: it is refused, or
 * it is looked at, judged and recorded again, which gives the same verdicts.
 * The first byte also sends the rest to the parsers of configuration space and
 * of the firmware's tables. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "passthrough-wizard/checks.h"
#include "passthrough-wizard/host-pci-internal.h"
#include "passthrough-wizard/host-record.h"
#include "passthrough-wizard/record-internal.h"
#include "passthrough-wizard/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
feed_parsers(const uint8_t *data, size_t size)
{
    g_autofree guint8 *copy = g_memdup2(data, size);
    HostPciConfig config;
    HostDmar table;

    host_pci_config_parse(data, size, &config);
    if (config.msix > 2048 || config.msi > 128)
        abort();
    (void) host_dmar_parse(data, size, &table); /* only has to end */
    (void) host_ivrs_parse(data, size, &table);
    if (copy != NULL)
        record_hide_serial(copy, size);
}

static void
judge(const HostRoot *root, const HostPci *host)
{
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        g_autoptr(Verdict) v = verdict_of(host, fn);
        if (!g_ptr_array_find(v->take, fn, NULL))
            abort();
        if (v->kind != VERDICT_CAN && v->reasons->len == 0)
            abort();
    }
    g_autoptr(GPtrArray) checks = checks_run(root, host, NULL);
    for (guint i = 0; i < checks->len; i++)
        if (((Check *) g_ptr_array_index(checks, i))->finding == NULL)
            abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;

    if (size > 0)
        feed_parsers(data + 1, size - 1);
    g_autoptr(HostRoot) root =
        host_record_parse((const char *) data, size, &error);
    if (root == NULL) {
        if (error == NULL)
            abort();
        return 0;
    }
    g_autoptr(HostPci) host = host_pci_read(root, NULL);
    if (host != NULL) {
        judge(root, host);
        g_autofree char *text = record_host(root, host, NULL);
        if (text == NULL)
            abort();
    }
    return 0;
}
