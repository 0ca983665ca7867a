/* passthrough-wizard/host-hand.h - the hand that changes the host: every effect
 * of a step goes through one of these few functions.
 *
 * A hand works beneath a HostRoot, "/" in life and a made-up tree in tests,
 * where the functions that talk with a kernel are replaced by a simulator's.
 * Thread: any one at a time; may block for a moment. */
#pragma once

#include "passthrough-wizard/host-root.h"

#define CARREL_PLAN_ERROR (carrel_plan_error_quark())
GQuark carrel_plan_error_quark(void);
typedef enum {
    CARREL_PLAN_ERROR_REFUSED,    /* not without consent, or not at all */
    CARREL_PLAN_ERROR_ARGUMENT,   /* out of range, or no such thing */
    CARREL_PLAN_ERROR_CHANGED,    /* not as it was when the plan was made */
    CARREL_PLAN_ERROR_BUSY,       /* somebody uses it */
    CARREL_PLAN_ERROR_PERMISSION, /* needs root */
    CARREL_PLAN_ERROR_STUCK,      /* the kernel still does it, or never will */
    CARREL_PLAN_ERROR_FAILED      /* the host did not do it */
} CarrelPlanError;

/* What can be set of a virtual function of a network card. Values as text:
 * MAC "52:54:00:12:34:56"; VLAN "0" to "4094" or "100.3" with a priority;
 * SPOOF, TRUST "on", "off"; LINK "auto", "on", "off"; RATE "0" (none) or Mbit/s
 * as "MIN-MAX" or "MAX". */
typedef enum {
    VF_MAC,
    VF_VLAN,
    VF_SPOOF,
    VF_TRUST,
    VF_RATE,
    VF_LINK,
    VF_N_SETTINGS
} VfSetting;

typedef struct HostHand HostHand;

typedef struct {
    /* One write(2) of text into a file of sysfs. -errno. Calls that have a
     * driver let go can last for ever: after some time it is -ETIMEDOUT. */
    int (*write)(HostHand *hand, const char *path, const char *text);
    /* Runs a program (argv[0] a name without slashes) to its end, without a
     * shell, in an empty environment. False with what it wrote to stderr. */
    bool (*run)(HostHand *hand, const char *const *argv, GError **error);
    int (*own)(HostHand *hand, const char *path, uid_t uid, gid_t gid,
               guint mode);
    /* A setting of the VF'th function of the interface; get: g_free. -errno
     * in *ret_err, then NULL. */
    char *(*vf_get)(HostHand *hand, const char *ifname, unsigned vf,
                    VfSetting what, int *ret_err);
    int (*vf_set)(HostHand *hand, const char *ifname, unsigned vf,
                  VfSetting what, const char *value);
    /* NVM Express 2.0 admin commands: the list of secondary controllers (4096
     * bytes) and Virtualization Management. -errno, or a positive status. */
    int (*nvme_list)(HostHand *hand, const char *node, guint8 ret[4096]);
    int (*nvme_manage)(HostHand *hand, const char *node, guint16 controller,
                       unsigned action, unsigned resource, unsigned number);
} HostHandOps;

struct HostHand {
    const HostRoot *root;   /* borrowed */
    const HostHandOps *ops; /* vf_get, vf_set may be NULL: not available */
    void *ctx;              /* the simulator's */
};

/* What acts on the host beneath root with system calls, but for vf_get and
 * vf_set, which come from above (rtnetlink is the helper's). */
extern const HostHandOps host_hand_real;

/* The exact content of a small text file and how it is owned, as one value:
 * "0644 0 0\nCONTENT"; "" when there is none. NULL: unreadable, no text, or
 * longer than HOST_HAND_MAX_FILE. g_free. */
char *host_hand_file(const HostHand *hand, const char *path, GError **error);
/* Makes the file have that value: a new file takes the place of the old one at
 * once, with its extended attributes; "" removes it. Directories above are
 * made. The disk has it afterwards. */
bool host_hand_set_file(HostHand *hand, const char *path, const char *value,
                        GError **error);
enum { HOST_HAND_MAX_FILE = 64 * 1024 };
