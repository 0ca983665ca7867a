/* passthrough-wizard/report.h - the words for what was found, the same in the
 * command line and on the pages. All results are the caller's (g_free) unless
 * they are const. Thread: any. */
#pragma once

#include "passthrough-wizard/host-pci.h"

/* "function-level reset", "only with the whole card, 01:00.0 and 01:00.1". */
char *report_reset(const HostPci *host, const HostPciFn *fn);
const char *report_reset_id(HostResetKind kind);

/* Why a group holds more than one card, in one sentence; NULL: it does not. */
typedef enum {
    REPORT_CAUSE_NONE,
    REPORT_CAUSE_BRIDGE,  /* behind a bridge from PCI Express to PCI */
    REPORT_CAUSE_ACS,     /* ports that do not isolate */
    REPORT_CAUSE_CHIPSET, /* parts of one chip on the root bus */
    REPORT_CAUSE_CARD     /* functions of one card */
} ReportCause;
ReportCause report_group_cause(const HostPci *host, const HostGroup *group);
char *report_group_cause_text(const HostPci *host, const HostGroup *group);
/* What a person can do about it; NULL: nothing need be. */
const char *report_group_remedy(ReportCause cause);

/* "yes", "no: port 00:16.0 has none", "unknown: run as root". Of the ports
 * above fn. */
char *report_acs(const HostPci *host, const HostPciFn *fn);
HostTri report_acs_state(const HostPci *host, const HostPciFn *fn);

/* "Xorg (pid 912) has /dev/dri/card0 open", "file system /". */
char *report_use(const HostUse *use);
const char *report_use_id(HostUseKind kind);

/* "01:00.0" of "0000:01:00.0"; points into the function. */
const char *report_short(const HostPciFn *fn);
/* "01:00.0, 01:00.1 and 02:00.0" of an array of HostPciFn. */
char *report_addresses(const GPtrArray *functions);

/* The state of the IOMMU: what a doctor's row and a verdict say. */
typedef enum {
    REPORT_IOMMU_ON,
    REPORT_IOMMU_NO_REMAPPING, /* on, but interrupts are not remapped */
    REPORT_IOMMU_NO_VIRT,      /* the processor has or offers nothing */
    REPORT_IOMMU_GUEST,        /* this host is a guest without one */
    REPORT_IOMMU_FIRMWARE,     /* switched off in the firmware, or not there */
    REPORT_IOMMU_ARGUMENT_OFF, /* switched off by a kernel argument */
    REPORT_IOMMU_ARGUMENT,     /* wants a kernel argument */
    REPORT_IOMMU_KERNEL,       /* the kernel was built without */
    REPORT_IOMMU_UNUSED        /* there, allowed, and not used: see the log */
} ReportIommu;

typedef struct {
    ReportIommu state;
    const char *id;
    char *finding;     /* "Intel VT-d on, 23 groups, interrupts remapped" */
    char *consequence; /* NULL: none */
    char *remedy;      /* NULL: none */
    char *command;     /* NULL: none */
} ReportIommuFinding;
void report_iommu(const HostPci *host, ReportIommuFinding *ret);
void report_iommu_clear(ReportIommuFinding *finding);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ReportIommuFinding, report_iommu_clear)
