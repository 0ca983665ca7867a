/* tests/contract/fixtures.h - any device class of the registry, alive in a
 * fake machine, with what it must be connected to. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/memory/ivshmem-plain.h"
#include "tests/unit/fake-vm.h"
#include "tests/unit/vfio-fake.h"

typedef struct {
    const DeviceClass *klass;
    FakeVm *vm;
    Audio *audio;       /* made when the class has such a link */
    PciBus *bus;        /* made when the class has a "bus" link */
    GPtrArray *helpers; /* Device *: what the device is connected to */
    GPtrArray *blocks;  /* Block * */
    GPtrArray *files;   /* char *: temporary images */
    GPtrArray *chars;   /* CharLink * */
    GPtrArray *nets;    /* NetLink * */
    GPtrArray *roms;    /* GBytes * */
    IvshmemFile shared; /* len 0: none was needed */
    VfioFake *vfio;     /* a card of the host; NULL: none was needed */
    VfioContainer *vfio_container;
    VfioHost *vfio_host;
    GPtrArray *mem_slots; /* MemSlot *: lent to the device */
    Device *dev;          /* options and links set */
} Rig;

/* Whether a class can be memory-mapped instead of on a bus; and from the next
 * rig_new() on they are. */
bool rig_has_mmio(const DeviceClass *klass);
void rig_set_mmio(bool on);

/* The device exists, is connected, not realized. Fails the program when the
 * class wants a link that fixtures.c does not know how to make. */
Rig *rig_new(const DeviceClass *klass);
void rig_free(Rig *rig);

/* realize and what the machine does between that and the first reset, then a
 * cold reset. */
void rig_realize(Rig *rig);

GBytes *rig_save(Rig *rig);

/* Reads and writes every register at every size with a few patterns, in
 * configuration space as well, and lets time pass. Survives being run while
 * the device is in any state. */
void rig_poke(Rig *rig);

/* Lets guest time pass until the device is quiet; false after 10 s of it. */
bool rig_wait_quiet(Rig *rig);
