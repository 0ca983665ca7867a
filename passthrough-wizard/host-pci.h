/* passthrough-wizard/host-pci.h - the host as passthrough sees it: its PCI
 * functions, what isolates them, what resets them, and who needs them.
 *
 * Read once from a HostRoot; a value afterwards, nothing in it changes. Facts
 * that the kernel did not tell are "unknown", never a guess: reading beyond
 * byte 64 of a function's configuration space needs root, so capabilities of
 * it may be unknown. Documents: Linux Documentation/ABI/testing/sysfs-bus-pci,
 * PCI Express Base 5.0, Intel VT-d 4.1 section 8 (DMAR), AMD IOMMU 3.08
 * section 5 (IVRS). Thread: any one at a time. */
#pragma once

#include "passthrough-wizard/host-root.h"
#include "profiles/pci-address.h"

#define HOST_BDF_SIZE PCI_ADDRESS_SIZE

typedef enum { HOST_UNKNOWN, HOST_NO, HOST_YES } HostTri;

/* ---- what a function is used for -------------------------------------- */

typedef enum {
    HOST_USE_ROOT_DISK,     /* a file system of the running host: / /boot ... */
    HOST_USE_DISK,          /* another file system, swap, or a volume on it */
    HOST_USE_DEFAULT_ROUTE, /* the network interface of the default route */
    HOST_USE_SSH,           /* carries a session of ours: an SSH connection */
    HOST_USE_NETWORK,       /* an interface that is up */
    HOST_USE_CONSOLE,       /* draws the console */
    HOST_USE_KEYBOARD,      /* a keyboard hangs on this USB controller */
    HOST_USE_PROCESS,       /* a process has a node of it open */
    HOST_USE_MACHINE        /* a process has its /dev/vfio group open */
} HostUseKind;

typedef struct {
    HostUseKind kind;
    char *what; /* "/boot", "eth0", "/dev/dri/card0", a keyboard's name */
    guint pid;  /* processes; 0: none */
    char *comm; /* their name; NULL: none */
} HostUse;

/* ---- reset -------------------------------------------------------------- */

/* What resetting the function alone, or with its slot, comes to. */
typedef enum {
    HOST_RESET_UNKNOWN,  /* kernel before 5.15 and no capabilities readable */
    HOST_RESET_NONE,     /* works once; afterwards the host must restart */
    HOST_RESET_SLOT,     /* only with all of its bus: the card's functions */
    HOST_RESET_BUS,      /* alone on its bus: the bus's reset */
    HOST_RESET_PM,       /* only by D3hot: some devices claim it and lie */
    HOST_RESET_SPECIFIC, /* a device-specific or ACPI method */
    HOST_RESET_FLR       /* function-level reset: what one wants */
} HostResetKind;

/* ---- configuration space ------------------------------------------------ */

/* Access Control Services, PCI Express 7.7.11. */
enum {
    HOST_ACS_SV = 1 << 0, /* source validation */
    HOST_ACS_TB = 1 << 1, /* translation blocking */
    HOST_ACS_RR = 1 << 2, /* request redirect */
    HOST_ACS_CR = 1 << 3, /* completion redirect */
    HOST_ACS_UF = 1 << 4, /* upstream forwarding */
    HOST_ACS_ISOLATES = HOST_ACS_SV | HOST_ACS_RR | HOST_ACS_CR | HOST_ACS_UF
};

/* PCI Express capability's device/port type (7.5.3.2). */
typedef enum {
    HOST_PCIE_ENDPOINT = 0,
    HOST_PCIE_LEGACY_ENDPOINT = 1,
    HOST_PCIE_ROOT_PORT = 4,
    HOST_PCIE_UPSTREAM = 5,
    HOST_PCIE_DOWNSTREAM = 6,
    HOST_PCIE_TO_PCI = 7,
    HOST_PCI_TO_PCIE = 8,
    HOST_PCIE_INTEGRATED = 9,
    HOST_PCIE_NONE = 255 /* conventional PCI, or not known */
} HostPcieType;

typedef struct {
    gsize bytes;          /* of configuration space that could be read */
    guint8 header;        /* header type without bit 7 */
    bool multi_function;  /* bit 7 of it */
    bool gone;            /* all ones: the device does not answer */
    HostTri capabilities; /* YES: list read; UNKNOWN: only 64 bytes */
    HostTri extended;     /* the same of the list at 0x100 */
    HostPcieType pcie;
    HostTri flr;        /* in the PCI Express or Advanced Features cap. */
    HostTri pm_reset;   /* power management without No_Soft_Reset */
    unsigned msi, msix; /* vectors; 0: no such capability (or unknown) */
    HostTri acs;
    guint16 acs_cap, acs_ctl; /* HOST_ACS_*, when acs is YES */
    HostTri sriov, ari, rebar;
} HostPciConfig;

/* Fills *ret from len bytes of configuration space. Never fails, never reads
 * beyond len, ends on every loop of pointers. */
void host_pci_config_parse(const guint8 *data, gsize len, HostPciConfig *ret);

/* ---- a function --------------------------------------------------------- */

typedef struct {
    guint64 start, size; /* size 0: not there */
    bool io, prefetchable, is_64bit;
} HostBar;

enum { HOST_BAR_ROM = 6, HOST_N_BARS = 7 };

typedef struct {
    char bdf[HOST_BDF_SIZE];
    guint32 domain;
    guint8 bus, slot, function;
    guint16 vendor, device, subvendor, subdevice;
    guint32 class_code; /* base, sub, interface: 0x030000 */
    guint8 revision;
    char *class_name;      /* "VGA", "Audio"; never NULL */
    char *vendor_name;     /* never NULL: "vendor 1b36" when unknown */
    char *device_name;     /* never NULL */
    char *sysfs;           /* "/sys/devices/pci0000:00/..." below the root */
    char *driver;          /* NULL: none */
    char *driver_module;   /* NULL: built in, or none */
    char *driver_override; /* NULL: none */
    char *modalias;        /* NULL: the file is missing */
    char *parent;          /* BDF of the bridge above; NULL: root bus */
    int group;             /* IOMMU group; -1: none */
    int numa_node;         /* -1: no matter */
    int boot_vga;          /* 1, 0; -1: no such file */
    bool enabled;          /* somebody enabled it (sysfs enable) */
    bool express;          /* PCI Express: sysfs knows a link */
    bool has_rom_file;
    char *power_state;    /* "D0", "D3cold"; NULL: unknown */
    char **reset_methods; /* as the file says; NULL: no such file */
    HostResetKind reset;  /* what that comes to, siblings looked at */
    HostBar bars[HOST_N_BARS];
    HostPciConfig config;

    /* SR-IOV. A physical function has total_vfs > 0, a virtual one physfn. */
    unsigned total_vfs, num_vfs, vf_offset, vf_stride, vf_device;
    bool vf_autoprobe;
    char **vfs;   /* BDFs in order; NULL: none */
    char *physfn; /* BDF; NULL: no virtual function */
    int vf_index; /* of a virtual function; else -1 */

    char **netdevs;  /* interface names; NULL: none */
    char **blocks;   /* block devices: "nvme0n1", "sda"; NULL: none */
    char **nodes;    /* "/dev/dri/card0", ...; NULL: none */
    GPtrArray *uses; /* of HostUse; empty, never NULL */
} HostPciFn;

bool host_pci_fn_is_bridge(const HostPciFn *fn);  /* class 06 */
bool host_pci_fn_is_display(const HostPciFn *fn); /* class 03 */
bool host_pci_fn_is_nvme(const HostPciFn *fn);    /* class 0108 */
bool host_pci_fn_is_network(const HostPciFn *fn); /* class 02 */
bool host_pci_fn_is_usb(const HostPciFn *fn);     /* class 0c03 */
/* "0000:01:00.0 VGA NVIDIA AD104 [GeForce RTX 4070]"; g_free. */
char *host_pci_fn_title(const HostPciFn *fn);
/* The first use of that kind, or NULL. */
const HostUse *host_pci_fn_use(const HostPciFn *fn, HostUseKind kind);

/* ---- IOMMU -------------------------------------------------------------- */

typedef enum {
    HOST_IOMMU_NONE, /* no table of the firmware, none in use */
    HOST_IOMMU_INTEL,
    HOST_IOMMU_AMD,
    HOST_IOMMU_OTHER /* in use, but neither of the two */
} HostIommuKind;

typedef struct {
    HostIommuKind kind;
    bool table;        /* DMAR or IVRS among the firmware's tables */
    bool enabled;      /* the kernel uses it: /sys/class/iommu is not empty */
    char **units;      /* "dmar0", "ivhd0"; NULL: none */
    HostTri remapping; /* of interrupts */
    HostTri firmware_remapping; /* DMAR's INTR_REMAP */
    unsigned address_bits;      /* of DMA addresses; 0: unknown */
    HostTri unsafe_interrupts;  /* vfio_iommu_type1's parameter */
    bool off_by_argument;       /* intel_iommu=off, amd_iommu=off, iommu=off */
    bool on_by_argument;        /* intel_iommu=on */
    bool nointremap;            /* intremap=off and the like */
    bool acs_override;          /* pcie_acs_override= */
    HostTri kernel_driver;      /* CONFIG_INTEL_IOMMU / CONFIG_AMD_IOMMU */
    HostTri default_on;         /* CONFIG_INTEL_IOMMU_DEFAULT_ON */
    HostTri kernel_remapping;   /* CONFIG_IRQ_REMAP */
    unsigned n_groups;
    char *default_domain; /* "identity", "DMA", "DMA-FQ"; NULL: unknown */
} HostIommu;

typedef struct {
    char vendor[16]; /* "GenuineIntel", "AuthenticAMD", or "" */
    char *model;     /* never NULL */
    bool vmx, svm;   /* offered to the kernel */
    bool in_vm;      /* this host is a guest */
    unsigned n_cpus;
} HostCpu;

typedef struct {
    int id;
    char *type;           /* NULL: unknown */
    GPtrArray *functions; /* of HostPciFn, borrowed, in order of address */
    bool direct;          /* the firmware claims memory of it for itself (RMRR):
                             the kernel will not give it to VFIO */
} HostGroup;

/* ---- all of it ---------------------------------------------------------- */

typedef struct HostPci {
    HostCpu cpu;
    HostIommu iommu;
    GPtrArray *functions; /* of HostPciFn, in order of address */
    GPtrArray *groups;    /* of HostGroup, in order of number */
    bool vfio_modules;    /* vfio-pci is there: loaded, built in or a file */
    bool vfio_loaded;     /* /sys/bus/pci/drivers/vfio-pci */
    bool other_keyboard;  /* one that hangs on no USB controller: PS/2 */
    bool sees_processes;  /* /proc/PID/fd of everybody was readable: without
                             root only one's own processes are seen */
    char *kernel;         /* release; never NULL */
    char *cmdline;        /* never NULL */
} HostPci;

/* Looks at everything. Takes well below a second on a live host; call it off
 * a user interface's thread. Fails (CARREL_HOST_ERROR_*) only when there is no
 * PCI bus in the tree. The caller frees; root may go before it. */
HostPci *host_pci_read(const HostRoot *root, GError **error);
void host_pci_free(HostPci *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostPci, host_pci_free)

/* By an address as pci_address_parse() takes it; NULL: no such function. */
const HostPciFn *host_pci_find(const HostPci *host, const char *bdf);
/* The same, with an error that names what is near. */
const HostPciFn *host_pci_require(const HostPci *host, const char *bdf,
                                  GError **error);
const HostGroup *host_pci_group(const HostPci *host, int id);
/* All functions of fn's slot (fn too; a virtual function is alone), in order;
 * elements borrowed, the array the caller's. */
GPtrArray *host_pci_slot(const HostPci *host, const HostPciFn *fn);
/* What a reset of fn's bus hits: all functions on it but virtual ones. Behind a
 * port of PCI Express that is the slot. */
GPtrArray *host_pci_bus(const HostPci *host, const HostPciFn *fn);
/* What goes together with fn: the functions of its slot in its group, and of a
 * display card its sound and USB-C wherever they are grouped. Bridges stay. */
GPtrArray *host_pci_card(const HostPci *host, const HostPciFn *fn);
/* Another function with the same vendor and device id is there: it must be
 * told apart by its address, never by ids. */
bool host_pci_has_twin(const HostPci *host, const HostPciFn *fn);
