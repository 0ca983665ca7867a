/* vmm/core/device.h - what every device model is. */
#pragma once

#include "vmm/core/prop.h"
#include "vmm/core/state.h"
#include "vmm/types.h"

/* RESET_WAKE: power comes back after suspend to RAM (ACPI S3). What a board's
 * chip set keeps meanwhile, with the RAM, stays; the rest starts as cold. */
typedef enum { RESET_COLD, RESET_WARM, RESET_FUNCTION, RESET_WAKE } ResetKind;

/* What a device may ask of its machine; see device_request(). */
typedef enum {
    MACHINE_RESET_COLD, /* as the reset button: all devices and CPUs */
    MACHINE_RESET_WARM, /* CPU and chip set; RAM content is kept in both */
    MACHINE_POWER_OFF,  /* ACPI S5, APM, or the test exit port */
    MACHINE_CRASHED,    /* the guest said so itself; machine stops, kept */
    MACHINE_SUSPEND,    /* ACPI S3: no CPU runs until... */
    MACHINE_WAKE        /* ...this, or its owner wakes it; else nothing */
} MachineRequest;

/* One const instance per model, listed in devices/registry.c. Order of life:
 *   new -> realize -> reset(COLD) -> [resume <-> quiesce]* -> unrealize -> free
 * quiesce, resume, reset, restored and state access happen only while every
 * vCPU is parked; all calls come from the VM's loop thread. */
struct DeviceClass {
    const char *name;       /* "rtl8139"; unique, used in profiles */
    const char *summary;    /* one line for the TUI's device picker */
    gsize size;             /* of the struct that embeds Device first */
    const PropDesc *props;  /* ends with PROP_END; NULL: no options */
    const StateDesc *state; /* NULL: "has no guest-visible state" */
    gsize state_offset;     /* of that struct in the instance, bytes */

    /* Allocates, maps regions, takes lines; never touches guest state. */
    bool (*realize)(Device *dev, DeviceEnv *env, GError **error);
    void (*unrealize)(Device *dev); /* must accept a half-realized device */
    /* Assigns the reset state, then re-derives lines, timers, mappings. */
    void (*reset)(Device *dev, ResetKind kind);
    /* The state struct was replaced: re-derive everything outside it (lines
     * by irq_line_adopt(), timers, mappings). NULL when there is nothing. */
    void (*restored)(Device *dev);
    void (*quiesce)(Device *dev);  /* stop starting work; idempotent */
    bool (*is_quiet)(Device *dev); /* true when nothing is in flight */
    void (*resume)(Device *dev);   /* idempotent */
};

struct Device {
    const DeviceClass *klass;
    char *id;                  /* "net0", unique in its machine */
    DeviceEnv *env;            /* NULL until realized */
    GMutex lock;               /* L1 guards the guest-visible state struct */
    guint guest_errors;        /* counted by device_guest_error() */
    gint64 guest_error_window; /* its rate limiter, ns */
    guint guest_errors_in_window;
};

/* What the PC's speaker hangs on: channel 2 of the interval timer, and port
 * 61h. */
struct SpeakerLine {
    guint32 count; /* clocks of 1193182 Hz a period; 1..65536 */
    guint8 mode;   /* 0..5 of the 8254 */
    bool gate, on; /* bits 0 and 1 of port 61h */
};

/* What a device sees of its machine: filled by the Vm (or a test's fake VM)
 * before the first realize, constant afterwards. */
struct DeviceEnv {
    const char *vm_name;
    Loop *loop;
    IoSpace *ports, *mmio;
    GuestMem *mem;
    IrqChip *irq;
    Display *display; /* NULL: no screen */
    Input *input;     /* NULL: no keyboard or pointer */
    /* NULL: the interval timer's backend cannot tell. Loop thread; false: it
     * could not this time. */
    bool (*speaker)(DeviceEnv *env, SpeakerLine *ret_line);
    /* The interval timer's interrupt goes nowhere from now on, or comes again.
     * NULL: the backend cannot. Any thread, never blocks. */
    void (*mute_timer)(DeviceEnv *env, bool mute);
    /* Any thread, never blocks. detail: short text for the log, or NULL. */
    void (*request)(DeviceEnv *env, MachineRequest what, const char *detail);
    /* Any thread, never blocks: a line for the machine's log. */
    void (*log)(DeviceEnv *env, const char *source, const char *line);
};

/* Loop (or set-up) thread. The instance is zeroed, options have defaults. */
Device *device_new(const DeviceClass *klass, const char *id);
/* unrealizes when needed; NULL is fine. */
void device_free(Device *dev);

/* Checks required links, then klass->realize. On failure the device has been
 * unrealized again and may be freed. */
bool device_realize(Device *dev, DeviceEnv *env, GError **error);
void device_unrealize(Device *dev);
bool device_is_realized(const Device *dev);

void device_reset(Device *dev, ResetKind kind);
void device_quiesce(Device *dev);
bool device_is_quiet(Device *dev);
void device_resume(Device *dev);

/* Appends the device's state; nothing for a class without state. */
void device_save(Device *dev, GByteArray *out);
/* Decode, check, swap, restored(). On error the live state is unchanged. */
bool device_restore(Device *dev, GBytes *in, GError **error);

/* Rate-limited log of a guest's mistake; never aborts, never blocks.  Any
 * thread, with or without the device's lock. */
void device_guest_error(Device *dev, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Asks the machine for a reset, power off and so on.  Returns at once. */
void device_request(Device *dev, MachineRequest what, const char *detail);

/* The device that embeds `dev` as its first member, by type:
 * Pit *pit = DEVICE_OF(Pit, dev); */
#define DEVICE_OF(T, dev) ((T *) (void *) (dev))
