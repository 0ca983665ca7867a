/* vmm/types.h - forward declarations; headers include this, not each other. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef guint64 Gpa; /* guest-physical address, in bytes */
typedef struct Audio Audio;
typedef struct Block Block;
typedef struct CharLink CharLink;
typedef struct CpuBackend CpuBackend;
typedef struct Device Device;
typedef struct DeviceClass DeviceClass;
typedef struct DeviceEnv DeviceEnv; /* io spaces, dma, irqs, loop of one VM */
typedef struct Display Display;
typedef struct Dma Dma;
typedef struct GuestMem GuestMem;
typedef struct Input Input;
typedef struct IoRegion IoRegion;
typedef struct IoSpace IoSpace;
typedef struct IrqChip IrqChip;
typedef struct IrqLine IrqLine;
typedef struct Loop Loop;
typedef struct MemBacking MemBacking;
typedef struct MemSlot MemSlot;
typedef struct Msi Msi;
typedef struct NetLink NetLink;
typedef struct SpeakerLine SpeakerLine;
typedef struct StateDesc StateDesc;
typedef struct Timer Timer;
typedef struct Viewer Viewer;
typedef struct Vm Vm;

/* For an array of hundreds of bytes where every access counts: it is not cleared
 * first, as others are. What is read of it has been written before. */
#if defined __has_attribute
#if __has_attribute(uninitialized)
#define CARREL_UNSET __attribute__((uninitialized))
#endif
#endif
#ifndef CARREL_UNSET
#define CARREL_UNSET
#endif

/* Units of time; everything in the engine is in nanoseconds. */
#define NSEC_PER_SECOND G_GINT64_CONSTANT(1000000000)
#define NSEC_PER_MSEC   G_GINT64_CONSTANT(1000000)
#define NSEC_PER_USEC   G_GINT64_CONSTANT(1000)
