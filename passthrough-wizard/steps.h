/* passthrough-wizard/steps.h - the rows behind the kinds of steps: one row a
 * kind in steps.c, its functions in steps-*.c. Not for users of plan.h. */
#pragma once

#include "passthrough-wizard/host-pci.h"
#include "passthrough-wizard/plan.h"

typedef struct StepKind {
    const char *name;
    bool lasting; /* a restart of the host does not take it back */
    bool action;  /* runs a program; read is NULL */
    bool (*target_ok)(const char *target);
    bool (*value_ok)(const Step *step, const char *value);
    char *(*read)(HostHand *hand, const Step *step, GError **error);
    bool (*write)(HostHand *hand, const Step *step, const char *value,
                  GError **error);
    /* from and to: values; one line, what is done. */
    char *(*say)(const Step *step, const char *from, const char *to);
    VfSetting setting; /* of the kinds vf-... */
    bool root_reads;   /* nobody else is told the value */
    bool fleeting;     /* what it is about may go by itself, and is then as
                          good as taken back; its value is "" */
    /* Others use by now what the step brought: it stays, which is as good as
     * taken back. NULL: never. */
    bool (*stays)(HostHand *hand, const Step *step);
} StepKind;

const StepKind *step_kind(const char *name); /* NULL: none */

/* An address in the one form that sysfs knows, nothing else. */
bool step_is_bdf(const char *text);
/* "BDF N": a physical function and the number of one of its virtual ones. */
bool step_is_vf(const char *text);
bool step_vf_split(const char *text, char ret_bdf[HOST_BDF_SIZE],
                   unsigned *ret_vf);
bool step_is_module(const char *text);    /* one of those that steps may load */
bool step_is_page_size(const char *text); /* "2048kB" */
bool step_is_number(const char *text, guint64 max);
/* Names of drivers, modules and interfaces: a short word of [A-Za-z0-9_.-]. */
bool step_is_word(const char *text);

/* Sets error from -errno: "WHAT TARGET: strerror; ..." ; false. */
bool step_fail(GError **error, int err, const char *what, const char *target);

/* Fails with BUSY when a process has the group of the function open. */
bool step_not_in_use(HostHand *hand, const char *bdf, GError **error);
/* The same of all virtual functions of it. */
bool step_vfs_not_in_use(HostHand *hand, const char *bdf, GError **error);

/* steps-sysfs.c */
char *step_read_module(HostHand *hand, const Step *step, GError **error);
bool step_write_module(HostHand *hand, const Step *step, const char *value,
                       GError **error);
bool step_module_stays(HostHand *hand, const Step *step);
char *step_read_override(HostHand *hand, const Step *step, GError **error);
bool step_write_override(HostHand *hand, const Step *step, const char *value,
                         GError **error);
char *step_read_driver(HostHand *hand, const Step *step, GError **error);
bool step_write_driver(HostHand *hand, const Step *step, const char *value,
                       GError **error);
char *step_read_sysfs(HostHand *hand, const Step *step, GError **error);
bool step_write_sysfs(HostHand *hand, const Step *step, const char *value,
                      GError **error);
/* The path behind the target of a kind that is one value of sysfs; g_free. */
char *step_sysfs_path(const Step *step);

/* huge-pages.c */
bool step_write_pages(HostHand *hand, const Step *step, const char *value,
                      GError **error);

/* rebar.c */
bool step_is_bar(const char *text); /* "BDF N" */
char *step_read_bar(HostHand *hand, const Step *step, GError **error);
bool step_write_bar(HostHand *hand, const Step *step, const char *value,
                    GError **error);

/* steps-node.c */
char *step_read_owner(HostHand *hand, const Step *step, GError **error);
bool step_write_owner(HostHand *hand, const Step *step, const char *value,
                      GError **error);
char *step_read_usb_owner(HostHand *hand, const Step *step, GError **error);
bool step_is_program(const char *target);
bool step_run(HostHand *hand, const Step *step, const char *value,
              GError **error);
bool step_is_our_path(const char *path);

/* steps-vf.c */
bool step_vf_value_ok(const Step *step, const char *value);
char *step_read_vf(HostHand *hand, const Step *step, GError **error);
bool step_write_vf(HostHand *hand, const Step *step, const char *value,
                   GError **error);
char *step_read_nvme(HostHand *hand, const Step *step, GError **error);
bool step_write_nvme(HostHand *hand, const Step *step, const char *value,
                     GError **error);

/* steps-console.c */
bool step_is_display_manager(const char *target);
bool step_is_unit_state(const Step *step, const char *value);
char *step_read_unit(HostHand *hand, const Step *step, GError **error);
bool step_write_unit(HostHand *hand, const Step *step, const char *value,
                     GError **error);
char *step_say_unit(const Step *s, const char *from, const char *to);
bool step_is_vtconsole(const char *target);
bool step_is_bound_or_gone(const Step *step, const char *value);
char *step_read_vtconsole(HostHand *hand, const Step *step, GError **error);
bool step_write_vtconsole(HostHand *hand, const Step *step, const char *value,
                          GError **error);
char *step_say_vtconsole(const Step *s, const char *from, const char *to);
bool step_is_frame_buffer(const char *target);
bool step_is_fb_driver(const Step *step, const char *value);
char *step_read_fb_driver(HostHand *hand, const Step *step, GError **error);
bool step_write_fb_driver(HostHand *hand, const Step *step, const char *value,
                          GError **error);
char *step_say_fb_driver(const Step *s, const char *from, const char *to);
