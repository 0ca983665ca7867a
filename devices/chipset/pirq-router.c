/* devices/chipset/pirq-router.c - see pirq-router.h. */
#include "devices/chipset/pirq-router.h"

/* 3..7, 9..12, 14 and 15; the others are reserved */
#define ROUTABLE_IRQS 0xdef8u

/* The 8259s' input, or -1. */
static int
pic_input(PirqRouter *r, unsigned pirq)
{
    guint8 route = atomic_load_explicit(&r->routes[pirq], memory_order_relaxed);
    guint8 irq = route & PIRQ_ROUTE_IRQ;

    return (route & PIRQ_ROUTE_OFF) == 0 && (ROUTABLE_IRQS >> irq & 1) != 0
               ? irq
               : -1;
}

static void
set_pirq(void *data, unsigned pirq, bool level)
{
    PirqRouter *r = data;
    guint32 asserted = 0;

    r->levels[pirq] = level;
    for (unsigned i = 0; i < r->n; i++) {
        int irq = pic_input(r, i);
        if (!r->levels[i])
            continue;
        if (r->first_gsi != 0)
            asserted |= 1u << (r->first_gsi + i);
        if (irq >= 0)
            asserted |= 1u << irq;
    }
    for (unsigned pin = 0; pin < IRQ_PINS; pin++)
        if (r->lines[pin] != NULL)
            irq_line_set(r->lines[pin], (asserted >> pin & 1) != 0);
}

/* Systems that use the IOAPIC's own inputs turn the routes off. */
static int
route_pirq(void *data, unsigned pirq)
{
    PirqRouter *r = data;
    int irq = pic_input(r, pirq);

    if (irq >= 0)
        return irq;
    return r->first_gsi != 0 ? (int) (r->first_gsi + pirq) : PCI_INTX_NOWHERE;
}

static bool
is_used(const PirqRouter *r, unsigned pin)
{
    return (ROUTABLE_IRQS >> pin & 1) != 0 ||
           (r->first_gsi != 0 && pin - r->first_gsi < r->n);
}

void
pirq_router_realize(PirqRouter *r, PciDevice *bridge, unsigned n,
                    unsigned first_gsi)
{
    g_assert(n <= PIRQ_MAX && first_gsi + n <= IRQ_PINS);
    r->bus = bridge->bus;
    r->n = n;
    r->first_gsi = first_gsi;
    for (unsigned pin = 0; pin < IRQ_PINS; pin++)
        if (is_used(r, pin))
            r->lines[pin] = irq_line_new(bridge->dev.env, pin);
    for (unsigned i = 0; i < n; i++)
        atomic_init(&r->routes[i], PIRQ_ROUTE_OFF);
    pci_bus_set_irq_router(r->bus, set_pirq, r);
    pci_bus_set_irq_route(r->bus, route_pirq);
}

void
pirq_router_unrealize(PirqRouter *r)
{
    if (r->bus != NULL)
        pci_bus_set_irq_router(r->bus, NULL, NULL);
    r->bus = NULL;
    for (unsigned pin = 0; pin < IRQ_PINS; pin++)
        g_clear_pointer(&r->lines[pin], irq_line_free);
}

void
pirq_router_update(PirqRouter *r, const guint8 *first, const guint8 *more)
{
    for (unsigned i = 0; i < r->n; i++)
        atomic_store_explicit(&r->routes[i], i < 4 ? first[i] : more[i - 4],
                              memory_order_relaxed);
    pci_bus_refresh_irqs(r->bus);
}
