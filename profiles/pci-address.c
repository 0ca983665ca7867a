/* profiles/pci-address.c - see pci-address.h. */
#include "profiles/pci-address.h"

#include <string.h>

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
pci_address_split(const char *text, PciAddress *ret)
{
    const char *first = strchr(text, ':');
    const char *at = text;
    PciAddress address = {0};

    if (first != NULL && strchr(first + 1, ':') != NULL)
        if (!take(&at, 8, G_MAXUINT32, &address.domain) || *at++ != ':')
            return false;
    if (!take(&at, 2, 0xff, &address.bus) || *at++ != ':' ||
        !take(&at, 2, 0x1f, &address.slot) || *at++ != '.' ||
        !take(&at, 1, 7, &address.function) || *at != '\0')
        return false;
    *ret = address;
    return true;
}

bool
pci_address_parse(const char *text, char ret_text[PCI_ADDRESS_SIZE])
{
    PciAddress address;

    if (!pci_address_split(text, &address))
        return false;
    g_snprintf(ret_text, PCI_ADDRESS_SIZE, "%04x:%02x:%02x.%x", address.domain,
               address.bus, address.slot, address.function);
    return true;
}
