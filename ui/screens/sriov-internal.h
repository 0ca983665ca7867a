/* ui/screens/sriov-internal.h - between the SR-IOV panel's picture (sriov.c)
 * and what its keys change (sriov-change.c). */
#pragma once

#include "passthrough-wizard/sriov.h"
#include "ui/screens/host-look.h"
#include "ui/widgets/list.h"

typedef struct {
    Screen screen;
    HostLook *look;
    GArray *lines; /* of SriovLine */
    ListPos list;  /* over lines */
    bool persist;
    char chosen[HOST_BDF_SIZE]; /* of the selected line, "" before one is */
} Sriov;

typedef enum {
    LINE_PORT, /* a box's top */
    LINE_HEAD,
    LINE_VF,
    LINE_NONE, /* there are no virtual functions */
    LINE_END
} LineKind;

typedef struct {
    LineKind kind;
    const HostPciFn *pf; /* of the look */
    unsigned vf;         /* LINE_VF */
} SriovLine;

/* The selected line, a PORT or a VF; NULL: there is none. */
const SriovLine *sriov_current(const Sriov *p);
/* What is known of a line's virtual function; NULL: it is a port's. */
const SriovVf *sriov_current_vf(const Sriov *p);

/* Each asks for the value if it needs one, then shows the plan. */
void sriov_ask_number(Sriov *p);
void sriov_remove(Sriov *p);
void sriov_ask_setting(Sriov *p, VfSetting setting);
/* The next of on and off, or of auto, on and off. */
void sriov_next_setting(Sriov *p, VfSetting setting);
void sriov_bind(Sriov *p);
void sriov_ask_undo(Sriov *p);
