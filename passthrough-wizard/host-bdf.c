/* passthrough-wizard/host-bdf.c - addresses of PCI functions in text. */
#include <string.h>

#include "passthrough-wizard/host-pci-internal.h"

/* One to max hexadecimal digits at *at; false: none, too many, or > limit. */
static bool
take(const char **at, unsigned max, guint32 limit, guint32 *ret)
{
    guint32 value = 0;
    unsigned n = 0;

    for (; g_ascii_isxdigit((*at)[n]); n++) {
        if (n == max)
            return false;
        value = value << 4 | (guint32) g_ascii_xdigit_value((*at)[n]);
    }
    *at += n;
    *ret = value;
    return n > 0 && value <= limit;
}

bool
host_bdf_split(const char *text, HostBdf *ret)
{
    const char *first = strchr(text, ':');
    const char *at = text;
    HostBdf bdf = {0};

    if (first != NULL && strchr(first + 1, ':') != NULL)
        if (!take(&at, 8, G_MAXUINT32, &bdf.domain) || *at++ != ':')
            return false;
    if (!take(&at, 2, 0xff, &bdf.bus) || *at++ != ':' ||
        !take(&at, 2, 0x1f, &bdf.slot) || *at++ != '.' ||
        !take(&at, 1, 7, &bdf.function) || *at != '\0')
        return false;
    *ret = bdf;
    return true;
}

bool
host_bdf_parse(const char *text, char ret_bdf[HOST_BDF_SIZE])
{
    HostBdf bdf;

    if (!host_bdf_split(text, &bdf))
        return false;
    g_snprintf(ret_bdf, HOST_BDF_SIZE, "%04x:%02x:%02x.%x", bdf.domain, bdf.bus,
               bdf.slot, bdf.function);
    return true;
}

char *
host_bdf_owner(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", 64);
    HostBdf bdf;

    for (guint i = g_strv_length(parts); i-- > 0;)
        if (strlen(parts[i]) >= 12 && host_bdf_split(parts[i], &bdf))
            return g_strdup(parts[i]);
    return NULL;
}
