/* profiles/pci-address.h - addresses of PCI functions in text: the one reading
 * of what a person or the kernel writes. Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* "0000:01:00.0"; a domain has four digits or more (VMD: "10000:e1:00.0"). */
#define PCI_ADDRESS_SIZE 24

typedef struct {
    guint32 domain, bus, slot, function;
} PciAddress;

/* "1:0.0", "01:00.0" and "0000:01:00.0" are one. False for anything else, of
 * any length; *ret is untouched then. */
bool pci_address_split(const char *text, PciAddress *ret);
/* The same, as the kernel writes it: nothing else reaches a path. */
bool pci_address_parse(const char *text, char ret_text[PCI_ADDRESS_SIZE]);
