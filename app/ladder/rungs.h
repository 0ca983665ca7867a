/* app/ladder/rungs.h - the class ladder: how near a device is to the hardware.
 *
 * A device is emulated (any guest since DOS knows it), virtio (fast; the guest
 * needs a driver) or passed through (the host's own). One setting a device says
 * which, and the models' names say what they are, so that a new model needs no
 * row here. Thread: any (const). */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    RUNG_NONE, /* there is no such device */
    RUNG_EMULATED,
    RUNG_VIRTIO,
    RUNG_PASSED_THROUGH
} Rung;

/* A setting that chooses the class of a device. */
typedef struct {
    const char *section, *key; /* "disk#", "model" */
    const char *what;          /* "disk", as in the rows of carrel bench */
    /* The new device takes the old one's place, so that a guest without a
     * driver is left with none: the change is tried first. Others come beside
     * what there is (virtio's keyboard beside the PS/2 one) or are extra. */
    bool replaces;
} RungKey;

const RungKey *rung_keys(unsigned *ret_n);
/* "disk0.model" -> its row; NULL: the setting chooses no class. */
const RungKey *rung_find(const char *full_key);
/* Of a value: "ide" is emulated, "virtio-blk" virtio, "none" none. */
Rung rung_of(const char *value);
const char *rung_name(Rung rung); /* "emulated" */
/* The device model a virtio value stands for, which is the name of the guest's
 * driver as well: "virtio-blk"; NULL for other rungs. g_free. */
char *rung_model(const char *full_key, const char *value);
/* What the device is called in the machine: "disk0", "keyboard". g_free. */
char *rung_device_id(const char *full_key);
