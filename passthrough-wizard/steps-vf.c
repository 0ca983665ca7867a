/* passthrough-wizard/steps-vf.c - steps about virtual functions: what a network
 * card's physical function lets one set of them, and the resources of NVMe's
 * secondary controllers (NVM Express Base 2.0, sections 5.17.2.15 and 5.29). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "passthrough-wizard/steps.h"

/* ---- network cards ---- */

static bool
is_mac(const char *text)
{
    if (strlen(text) != 17)
        return false;
    for (unsigned i = 0; i < 17; i++)
        if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
            return false;
    return !(g_ascii_xdigit_value(text[1]) & 1); /* not a group's */
}

static bool
is_vlan(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ".", 3);

    return g_strv_length(parts) <= 2 && step_is_number(parts[0], 4094) &&
           (parts[1] == NULL || step_is_number(parts[1], 7));
}

static bool
is_rate(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "-", 3);

    return g_strv_length(parts) <= 2 && step_is_number(parts[0], 1000000) &&
           (parts[1] == NULL || step_is_number(parts[1], 1000000));
}

static bool
is_switch(const char *text)
{
    return strcmp(text, "on") == 0 || strcmp(text, "off") == 0;
}

bool
step_vf_value_ok(const Step *step, const char *value)
{
    switch (step_kind(step->kind)->setting) {
    case VF_MAC: return is_mac(value);
    case VF_VLAN: return is_vlan(value);
    case VF_RATE: return is_rate(value);
    case VF_LINK: return is_switch(value) || strcmp(value, "auto") == 0;
    case VF_SPOOF:
    case VF_TRUST: return is_switch(value);
    case VF_N_SETTINGS:
    default: return false;
    }
}

/* The first interface of the physical function, or NULL and error set. */
static char *
interface_of(HostHand *hand, const char *bdf, GError **error)
{
    g_auto(GStrv) names =
        host_root_names(hand->root, "/sys/bus/pci/devices/%s/net", bdf);

    if (names[0] != NULL && hand->ops->vf_get != NULL)
        return g_strdup(names[0]);
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                "%s is no network card with a driver of the host, so nothing "
                "can be set of its VFs",
                bdf);
    return NULL;
}

char *
step_read_vf(HostHand *hand, const Step *step, GError **error)
{
    char bdf[HOST_BDF_SIZE];
    unsigned vf;
    int err = -EINVAL;
    char *value = NULL;

    if (!step_vf_split(step->target, bdf, &vf))
        return NULL;
    g_autofree char *ifname = interface_of(hand, bdf, error);
    if (ifname == NULL)
        return NULL;
    value = hand->ops->vf_get(hand, ifname, vf, step_kind(step->kind)->setting,
                              &err);
    if (value == NULL)
        (void) step_fail(error, err, step->kind, step->target);
    return value;
}

bool
step_write_vf(HostHand *hand, const Step *step, const char *value,
              GError **error)
{
    char bdf[HOST_BDF_SIZE];
    unsigned vf;

    if (!step_vf_split(step->target, bdf, &vf))
        return false;
    g_autofree char *ifname = interface_of(hand, bdf, error);
    if (ifname == NULL)
        return false;
    int err = hand->ops->vf_set(hand, ifname, vf,
                                step_kind(step->kind)->setting, value);
    return err == 0 || step_fail(error, err, step->kind, step->target);
}

/* ---- NVMe ---- */

enum {
    LIST_BYTES = 4096,
    LIST_MAX = 127,
    ENTRY_BYTES = 32, /* after a first one of which byte 0 is their number */
    ENTRY_STATE = 4,  /* bit 0: online */
    ENTRY_VF = 8,
    ENTRY_QUEUES = 10,
    ENTRY_INTERRUPTS = 12
};
enum { MANAGE_OFFLINE = 7, MANAGE_ASSIGN = 8, MANAGE_ONLINE = 9 };
enum { RESOURCE_QUEUES = 0, RESOURCE_INTERRUPTS = 1 };

static unsigned
u16(const guint8 *p)
{
    return p[0] | (unsigned) p[1] << 8;
}

/* "/dev/nvme0" of the physical function. */
static char *
nvme_node(HostHand *hand, const char *bdf, GError **error)
{
    g_auto(GStrv) names =
        host_root_names(hand->root, "/sys/bus/pci/devices/%s/nvme", bdf);

    if (names[0] != NULL)
        return g_strdup_printf("/dev/%s", names[0]);
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                "%s is no NVMe controller with a driver of the host", bdf);
    return NULL;
}

/* The entry of virtual function vf (from 0), and the controller's node. */
static char *
find_controller(HostHand *hand, const Step *step, guint8 ret[ENTRY_BYTES],
                GError **error)
{
    char bdf[HOST_BDF_SIZE];
    unsigned vf;
    g_autofree guint8 *list = g_malloc0(LIST_BYTES);

    if (!step_vf_split(step->target, bdf, &vf))
        return NULL;
    char *node = nvme_node(hand, bdf, error);
    if (node == NULL)
        return NULL;
    int err = hand->ops->nvme_list(hand, node, list);
    for (unsigned i = 1; err == 0 && i <= MIN(list[0], LIST_MAX); i++) {
        const guint8 *entry = list + (gsize) i * ENTRY_BYTES;
        if (u16(entry + ENTRY_VF) == vf + 1) {
            memcpy(ret, entry, ENTRY_BYTES);
            return node;
        }
    }
    g_free(node);
    if (err != 0)
        (void) step_fail(error, err < 0 ? err : -EIO,
                         "secondary controllers of", bdf);
    else
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                    "%s has no secondary controller for VF %u", bdf, vf);
    return NULL;
}

char *
step_read_nvme(HostHand *hand, const Step *step, GError **error)
{
    guint8 entry[ENTRY_BYTES];
    g_autofree char *node = find_controller(hand, step, entry, error);

    if (node == NULL)
        return NULL;
    if (strcmp(step->kind, "nvme-state") == 0)
        return g_strdup(entry[ENTRY_STATE] & 1 ? "online" : "offline");
    return g_strdup_printf("%u",
                           u16(entry + (strcmp(step->kind, "nvme-queues") == 0
                                            ? ENTRY_QUEUES
                                            : ENTRY_INTERRUPTS)));
}

bool
step_write_nvme(HostHand *hand, const Step *step, const char *value,
                GError **error)
{
    guint8 entry[ENTRY_BYTES];
    g_autofree char *node = find_controller(hand, step, entry, error);
    unsigned action = MANAGE_ASSIGN, resource = RESOURCE_QUEUES, number = 0;

    if (node == NULL)
        return false;
    if (strcmp(step->kind, "nvme-state") == 0)
        action = strcmp(value, "online") == 0 ? MANAGE_ONLINE : MANAGE_OFFLINE;
    else
        number = (unsigned) g_ascii_strtoull(value, NULL, 10);
    if (strcmp(step->kind, "nvme-interrupts") == 0)
        resource = RESOURCE_INTERRUPTS;
    int err = hand->ops->nvme_manage(hand, node, (guint16) u16(entry), action,
                                     resource, number);
    if (err <= 0)
        return err == 0 || step_fail(error, err, step->kind, step->target);
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_FAILED,
                "%s '%s' to %s: the controller answers with status 0x%x",
                step->kind, step->target, value, (unsigned) err);
    return false;
}
