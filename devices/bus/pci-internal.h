/* devices/bus/pci-internal.h - what the files of a PCI bus share. */
#pragma once

#include "devices/bus/pci-pages.h"
#include "devices/bus/pci.h"

typedef struct {
    PciDevice *pdev;
    bool disabled; /* command register's INTx disable, mirrored */
    bool driven;   /* counted in asserted[] */
    bool direct;   /* the request reaches its pin without the bus */
} PciFunction;

/* What a bus behind a bridge shares with all others is its root's. */
struct PciBus {
    DeviceEnv *env;
    PciBus *root;      /* itself where bridge is NULL */
    PciDevice *bridge; /* that leads to it; NULL: the root */
    bool closed;  /* what is on it cannot be reached; under both locks, so that
                    either is enough to look */
    PciBus *next; /* root: first of those behind bridges; set-up, config */
    GMutex config_lock; /* L1 guards config bytes, BAR mappings, conflicts */
    bool conflicts;     /* a BAR could not be mapped: something is in the way */
    PciFunction functions[256]; /* .pdev: config_lock; the rest: intx_lock */
    GMutex intx_lock;           /* L2 guards INTx levels and asserted[] */
    unsigned n_pirqs;
    unsigned asserted[PCI_MAX_PIRQS]; /* functions that drive each PIRQ */
    PciMapIrq map_irq;
    PciSetIrq set_irq;
    PciRouteIrq route_irq; /* NULL: the router does not say */
    void *set_irq_data;
    PciPages *pages;            /* NULL: every read is trapped */
    MemBacking *register_pages; /* one a function; NULL: none asked yet */
};

/* BARs; pci-bar.c. Call all with config_lock, but for the first. */
void pci_bars_init(PciDevice *pdev); /* none yet */
/* As registers and bridges say now. True: something was unmapped, so that
 * others may fit. */
bool pci_bars_update(PciDevice *pdev);
/* A guest may swap two BARs by way of an overlap: whoever had to stay out gets
 * its place as soon as the other has left. */
void pci_bars_retry(PciBus *root);
void pci_bars_unmap(PciDevice *pdev);
