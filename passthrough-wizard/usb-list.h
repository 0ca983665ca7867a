/* passthrough-wizard/usb-list.h - the host's USB devices, as sysfs shows them.
 * Any thread; reads files. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *port; /* "1-2.3": bus, then the way to it */
    guint16 vendor, product;
    guint bus, address; /* as in /dev/bus/usb/BUS/ADDRESS */
    char *node;         /* that */
    char *name;         /* maker and product as it says, for people */
    char *speed;        /* Mbit/s, "480" */
    char *drivers;      /* of its interfaces, "usb-storage,usbhid"; "" */
    char *use; /* what this host does with its disks: "has it mounted at
                * /media/x: unmount that"; NULL: nothing */
    guint configuration; /* active; 0: none */
    bool hub;
    bool accessible; /* this user may open it */
} UsbListed;

/* Of UsbListed, by port, without root hubs. root: "" or a recorded tree. */
GPtrArray *usb_list(const char *root);
/* "1-2.3" or "046d:c52b", the first that fits; NULL: none. */
const UsbListed *usb_list_find(const GPtrArray *list, const char *spec);
/* Whether both mean the same device, also one that is away. */
bool usb_list_is_same(const GPtrArray *list, const char *a, const char *b);
/* Whether it is one of the two forms. */
bool usb_list_is_spec(const char *spec);
/* Why it cannot be given to a guest, and what to do; NULL: it can. g_free. */
char *usb_list_obstacle(const UsbListed *u);
