/* profiles/schema.c - the table of everything that machine.ini may say, and
 * the rules of single values. Rules that join several keys are in check.c. */
#include "profiles/schema.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "profiles/pci-address.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

enum {
    MAX_WORD = 64,      /* longest section or key for which we suggest */
    MAX_TEXT = 256,     /* ordinary strings */
    MAX_NOTE = 600,     /* of a template */
    MAX_PATH = 4095,    /* PATH_MAX without the final zero */
    MAX_PORT_NAME = 64, /* of a virtio console's port */
    MAX_SMBIOS = 64,    /* what old readers of such a text have room for */
    MAX_SERIAL = 20,    /* ATA IDENTIFY words 10-19 */
    MAX_CMDLINE = 2047, /* Linux' COMMAND_LINE_SIZE without the zero */
    MAX_VENDOR = 12,    /* three registers of a CPUID leaf */
    MAX_PASSWORD = 8,   /* the VNC challenge uses a 56-bit key: 8 bytes */
    SCHEMA_VERSION = 1  /* of the file format */
};

static const char *
check_listen(const char *text)
{
    static const char allowed[] =
        "unix, or tcp:ADDRESS:PORT such as tcp:127.0.0.1:5901";
    guint8 address[sizeof(struct in6_addr)];
    guint64 port;

    if (strcmp(text, "unix") == 0)
        return NULL;
    if (!g_str_has_prefix(text, "tcp:"))
        return allowed;
    const char *colon = strrchr(text + 4, ':');
    if (colon == NULL || !schema_parse_u64(colon + 1, &port) || port == 0 ||
        port > 65535)
        return allowed;
    g_autofree char *host = g_strndup(text + 4, (gsize) (colon - text - 4));
    gsize len = strlen(host);
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, address) == 1 ? NULL : allowed;
    }
    if (strcmp(host, "localhost") == 0)
        return NULL;
    return inet_pton(AF_INET, host, address) == 1 ? NULL : allowed;
}

static const char *
check_id(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!g_ascii_islower(*c) && !g_ascii_isdigit(*c) && *c != '-')
            return "lower-case letters, digits and '-'";
    return NULL;
}

static const char *
check_uuid(const char *text)
{
    return *text == '\0' || g_uuid_string_is_valid(text)
               ? NULL
               : "a UUID such as 6f2c1a9e-0b5d-4c3e-8f7a-1d2e3c4b5a69";
}

bool
schema_parse_resolution(const char *text, guint64 *ret_width,
                        guint64 *ret_height)
{
    g_auto(GStrv) parts = g_strsplit(text, "x", 2);

    return g_strv_length(parts) == 2 && schema_parse_u64(parts[0], ret_width) &&
           schema_parse_u64(parts[1], ret_height);
}

static const char *
check_resolution(const char *text)
{
    guint64 width, height;

    if (*text == '\0' ||
        (schema_parse_resolution(text, &width, &height) && width >= 640 &&
         width <= 2560 && width % 8 == 0 && height >= 480 && height <= 1600))
        return NULL;
    return "WIDTHxHEIGHT from 640x480 to 2560x1600, the width a multiple of 8";
}

static const char *
check_megabytes(const char *text)
{
    guint64 bytes;

    if (schema_parse_size(text, &bytes) && bytes % MIB != 0)
        return "a multiple of 1M";
    return NULL;
}

static const char *
check_tsc(const char *text)
{
    guint64 khz;

    if (schema_parse_u64(text, &khz) && khz != 0 && khz < 1000)
        return "0 (the host's), or 1000 kHz and more";
    return NULL;
}

static const char *
check_rebar(const char *text)
{
    guint64 bytes;

    return *text == '\0' || strcmp(text, "max") == 0 ||
                   (schema_parse_size(text, &bytes) && bytes >= MIB &&
                    (bytes & (bytes - 1)) == 0)
               ? NULL
               : "max, or a power of two of 1M at least, such as 256M or 8G";
}

static const char *
check_pins(const char *text)
{
    g_autoptr(GArray) list = schema_parse_cpus(text);

    return strcmp(text, "off") == 0 || strcmp(text, "auto") == 0 || list != NULL
               ? NULL
               : "off, auto, or processors of the host such as 2,3,8-11";
}

static const char *
check_speed(const char *text)
{
    static const char *const names[] = {"full",    "286",      "386", "486",
                                        "pentium", "pentium2", NULL};
    char *end;
    double percent = g_ascii_strtod(text, &end);

    if (g_strv_contains(names, text) || (end != text && strcmp(end, "%") == 0 &&
                                         percent >= 0.01 && percent <= 100))
        return NULL;
    return "full, 286, 386, 486, pentium, pentium2, or 0.01% to 100%";
}

static const char *
check_mac(const char *text)
{
    static const char allowed[] =
        "six bytes such as 52:54:00:12:34:56, the first one even";

    if (*text == '\0')
        return NULL;
    if (strlen(text) != 17)
        return allowed;
    for (unsigned i = 0; i < 17; i++)
        if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
            return allowed;
    /* the lowest bit marks an address of a group, which no card has */
    if (g_ascii_xdigit_value(text[1]) & 1)
        return allowed;
    return strcmp(text, "00:00:00:00:00:00") == 0 ? allowed : NULL;
}

/* Names of interfaces and switches: what the kernel and a path take. */
static const char *
check_interface(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && strchr("._-", *c) == NULL)
            return "letters, digits, '.', '_' and '-'";
    return *text == '.' ? "a name that does not begin with '.'" : NULL;
}

static const char *
check_pci_address(const char *text)
{
    PciAddress address;

    return *text == '\0' || pci_address_split(text, &address)
               ? NULL
               : "an address such as 0000:01:00.0";
}

static const char *
check_usb_device(const char *text)
{
    static const char allowed[] =
        "a port such as 1-2 or 1-2.3, or numbers such as 046d:c52b";
    gsize len = strlen(text);

    if (len == 9 && text[4] == ':') {
        for (gsize i = 0; i < len; i++)
            if (i != 4 && !g_ascii_isxdigit(text[i]))
                return allowed;
        return NULL;
    }
    bool port = g_ascii_isdigit(*text) && strchr(text, '-') != NULL &&
                strspn(text, "0123456789-.") == len;
    return len == 0 || port ? NULL : allowed;
}

static const char *
check_usb_port(const char *text)
{
    bool ok = strlen(text) == 3 && text[0] >= '0' && text[0] <= '7' &&
              text[1] == '.' && text[2] >= '1' && text[2] <= '4';

    return *text == '\0' || ok
               ? NULL
               : "a hub's number and one of its ports, 0.1 to 7.4";
}

static const char *
check_mtu(const char *text)
{
    guint64 mtu;

    if (schema_parse_u64(text, &mtu) && mtu != 0 && mtu < 68)
        return "0 (the usual one), or 68 bytes and more";
    return NULL;
}

/* One end of a forward: PORT, or ADDRESS:PORT. */
static bool
is_forward_end(const char *text)
{
    const char *colon = strrchr(text, ':');
    guint8 address[sizeof(struct in6_addr)];
    guint64 port;

    if (!schema_parse_u64(colon != NULL ? colon + 1 : text, &port) ||
        port == 0 || port > 65535)
        return false;
    if (colon == NULL)
        return true;
    g_autofree char *host = g_strndup(text, (gsize) (colon - text));
    gsize len = strlen(host);
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, address) == 1;
    }
    return inet_pton(AF_INET, host, address) == 1;
}

static const char *
check_forwards(const char *text)
{
    static const char allowed[] =
        "rules such as tcp:127.0.0.1:2222->22, separated by commas";
    g_auto(GStrv) rules = g_strsplit(text, ",", -1);

    for (unsigned i = 0; *text != '\0' && rules[i] != NULL; i++) {
        const char *rule = g_strstrip(rules[i]);
        if (g_str_has_prefix(rule, "tcp:") || g_str_has_prefix(rule, "udp:"))
            rule += 4;
        g_auto(GStrv) ends = g_strsplit(rule, "-", 2);
        if (g_strv_length(ends) != 2 || !is_forward_end(ends[0]) ||
            !is_forward_end(ends[1] + (ends[1][0] == '>')))
            return allowed;
    }
    return NULL;
}

/* clang-format off */
static const SchemaSection sections[] = {
    { "machine",      0, 0, "the machine as a whole" },
    { "cpu",          0, 0, "the processors: how many of what, where they run, what they show of the hypervisor" },
    { "clock",        0, 0, "what the guest counts time by" },
    { "memory",       0, 0, "what the host puts behind the guest's RAM" },
    { "ivshmem",      0, 0, "memory that the guest shares with a program of the host, such as Looking Glass" },
    { "smbios",       0, 0, "what the machine says it is (dmidecode, /sys/class/dmi/id, Windows' system information)" },
    { "display",      0, 0, "the graphics card" },
    { "vnc",          0, 0, "the screen over the network" },
    { "floppy#",      2, 0, "floppy drives A: and B:; the section makes the drive, path is the disk in it" },
    { "disk#",        4, 0, "hard disks; with model=ide, disks and CD drives together are at most four" },
    { "cd#",          4, 0, "CD drives; the section makes the drive, path is the disc in it" },
    { "rng",          0, 0, "random numbers for the guest" },
    { "balloon",      0, 0, "memory that the guest lends to the host while it runs (carrel memory)" },
    { "input",        0, 0, "keyboard and pointer" },
    { "sound",        0, 0, "the sound card, and where it is heard" },
    { "serial#",      4, 0, "serial ports COM1 to COM4" },
    { "console#",     8, 0, "ports of a virtio console: number 0 is a console (hvc0 in Linux), the others are channels for programs; needs a driver in the guest" },
    { "net#",         4, 0, "network cards; the section makes the card" },
    { "usb#",         8, 0, "ports of the USB controller (machine.usb): the section plugs something in" },
    { "pci#",         8, 0, "PCI devices of this host that the guest has to itself (carrel passthrough)" },
    { "firmware-log", 0, 0, "what the firmware prints to its debug port" },
    { "template",     0, SCHEMA_TEMPLATE, "what a template file says about itself" },
};

#define BOOLS "true|false"
#define DISK_MODELS "ide|ahci|virtio-blk|virtio-scsi"
#define DRIVES "floppy|cd|disk"
#define BOOT_FROM DRIVES "|net"
#define T SCHEMA_TEMPLATE

/* section, key, type, flags, min, max, choices, default, unit, since, help, check */
static const SchemaKey keys[] = {
    { "machine", "schema", SCHEMA_INT, 0, 1, SCHEMA_VERSION, NULL, "1", NULL, "0.1", "version of the file format", NULL },
    { "machine", "description", SCHEMA_STRING, 0, 0, MAX_TEXT, NULL, "", NULL, "0.1", "one line about the machine, shown in lists", NULL },
    { "machine", "template", SCHEMA_STRING, 0, 0, MAX_WORD, NULL, "", NULL, "0.1", "the template it was made from; for information", check_id },
    { "machine", "chipset", SCHEMA_ENUM, 0, 0, 0, "pc-i440fx|pc-q35|pc-virtio", "pc-i440fx", NULL, "0.1", "main board: pc-i440fx is a PC of 1996 with PCI and ISA; pc-q35 one of 2007 with PCI Express and SATA, for systems from about 2009 on; pc-virtio has no firmware and no legacy devices and starts a kernel", NULL },
    { "machine", "memory", SCHEMA_SIZE, 0, 1 * MIB, 64 * GIB, NULL, "128M", NULL, "0.1", "RAM of the guest", check_megabytes },
    { "machine", "cpus", SCHEMA_INT, 0, 1, 64, NULL, "1", NULL, "0.1", "number of processors", NULL },
    { "machine", "cpu-model", SCHEMA_ENUM, 0, 0, 0, "host|486|pentium|pentium3|qemu64", "host", NULL, "0.1", "the processor that the guest sees; host is the host's own", NULL },
    { "machine", "tsc-khz", SCHEMA_INT, 0, 0, 10000000, NULL, "0", "kHz", "0.1", "speed of the time stamp counter; 0 is the host's; slower helps old programs that count loops", check_tsc },
    { "machine", "speed", SCHEMA_STRING, 0, 1, MAX_WORD, NULL, "full", NULL, "0.2", "how fast the processors are: full, a percentage such as 12.5%, or like a 286, 386, 486, pentium or pentium2, for programs that are unplayable on anything faster; carrel speed changes it while the machine runs", check_speed },
    { "machine", "hide-hypervisor", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.1", "do not tell the guest that it runs in a virtual machine", NULL },
    { "machine", "sandbox", SCHEMA_BOOL, 0, 0, 0, BOOLS, "true", NULL, "0.2", "confine the machine's process to what it needs; false only to find out whether that is what fails", NULL },
    { "machine", "acpi", SCHEMA_BOOL, 0, 0, 0, BOOLS, "true", NULL, "0.1", "give the guest ACPI tables; false for systems that stumble over them", NULL },
    { "machine", "s3", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.2", "let the guest suspend to RAM; a key, the power button, its alarm clock or carrel wake wake it. Not with uefi or pc-q35", NULL },
    { "machine", "hpet", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.2", "give the guest high precision event timers; guests with KVM's or Hyper-V's clock have no use for them", NULL },
    { "machine", "kernel", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "kernel that chipset=pc-virtio starts: Linux bzImage, ELF with PVH note, or Multiboot 1", NULL },
    { "machine", "initrd", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "initial RAM disk, or first Multiboot module, of the kernel", NULL },
    { "machine", "cmdline", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_CMDLINE, NULL, "", NULL, "0.2", "command line of the kernel", NULL },
    { "machine", "kernel-unpack", SCHEMA_BOOL, 0, 0, 0, BOOLS, "true", NULL, "0.2", "unpack a bzImage on the host and keep the result in the cache folder; false: it unpacks itself in the guest, at an address of its own choice (KASLR)", NULL },
    { "machine", "firmware", SCHEMA_FILE, 0, 1, MAX_PATH, NULL, "bios-256k.bin", NULL, "0.1", "BIOS: a name looked up in the firmware folders, or a path; uefi is the distribution's UEFI for PCs", NULL },
    { "machine", "uefi-vars", SCHEMA_PATH, 0, 1, MAX_PATH, NULL, "uefi-vars.fd", NULL, "0.2", "firmware=uefi: the file of its variables, made at the first start", NULL },
    { "machine", "secure-boot", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.2", "firmware=uefi: make its variables with Microsoft's keys, so that only signed systems start; a system that runs can change them, as there is no system management mode", NULL },
    { "machine", "vga-firmware", SCHEMA_FILE, 0, 0, MAX_PATH, NULL, "vgabios-stdvga.bin", NULL, "0.1", "BIOS of the graphics card: a name or a path; vgabios-cirrus.bin when that is the card and nothing is said", NULL },
    { "machine", "boot", SCHEMA_LIST, 0, 1, 0, BOOT_FROM, "floppy,cd,disk", NULL, "0.1", "what to start from, in order; net is the network cards (PXE)", NULL },
    { "machine", "boot-menu", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.1", "let the BIOS offer a choice of drives at start (Esc)", NULL },
    { "machine", "rtc", SCHEMA_ENUM, 0, 0, 0, "utc|localtime", "utc", NULL, "0.1", "what the guest's clock shows; DOS and Windows want localtime", NULL },
    { "machine", "usb", SCHEMA_ENUM, 0, 0, 0, "none|uhci|ehci|xhci", "none", NULL, "0.2", "USB controller: uhci is USB 1 with two ports, for Windows 98 to XP and their time; ehci is USB 2 with eight and companions for USB 1, for Windows XP to 7; xhci is USB 3 with eight, for Linux and Windows 8 and later", NULL },
    { "machine", "debug-exit", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.1", "add a port by which a test program in the guest ends the machine", NULL },
    { "machine", "host-sleep", SCHEMA_ENUM, 0, 0, 0, "pause|block|ignore", "pause", NULL, "0.2", "when the host goes to sleep: pause the machine until it is awake; block: keep the host from sleeping while the machine runs; ignore: do nothing", NULL },
    { "machine", "protected", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.1", "refuse to delete, rename or overwrite the machine", NULL },

    { "cpu", "sockets", SCHEMA_INT, 0, 1, 8, NULL, "1", NULL, "0.2", "sockets that the guest's processors are spread over; desktop Windows uses two at most", NULL },
    { "cpu", "threads", SCHEMA_ENUM, 0, 0, 0, "auto|1|2", "auto", NULL, "0.2", "threads of each core that the guest sees; auto: 2 where cpu.pin=auto gives it both threads of the host's cores, else 1", NULL },
    { "cpu", "pin", SCHEMA_STRING, 0, 1, MAX_TEXT, NULL, "off", NULL, "0.2", "where the guest's processors run: off is anywhere; auto chooses whole cores below one cache (carrel show says which); or one of the host's for each, such as 2,10,3,11", check_pins },
    { "cpu", "io-pin", SCHEMA_STRING, 0, 1, MAX_TEXT, NULL, "auto", NULL, "0.2", "where the threads of devices run: auto is what cpu.pin leaves over, off is anywhere; or a list", check_pins },
    { "cpu", "hyperv", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.2", "speak Hyper-V's interface, by which Windows keeps time, waits for locks and sends interrupts at a fraction of the cost; Linux knows it too", NULL },
    { "cpu", "hv-vendor", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_VENDOR, NULL, "", NULL, "0.2", "with hyperv: another name than 'Microsoft Hv' for the hypervisor, for drivers that refuse that one; Linux then does not know it", NULL },
    { "cpu", "kvm", SCHEMA_BOOL, 0, 0, 0, BOOLS, "true", NULL, "0.2", "show KVM's own interface, by which Linux finds its clock and locks; false hides KVM, and with hyperv leaves Hyper-V's", NULL },
    { "clock", "kvmclock", SCHEMA_BOOL, 0, 0, 0, BOOLS, "true", NULL, "0.2", "show KVM's clock, which Linux and BSD use; false: they count by the time stamp counter or another timer", NULL },
    { "clock", "invariant-tsc", SCHEMA_ENUM, 0, 0, 0, "auto|on|off", "auto", NULL, "0.2", "tell the guest that the time stamp counter never changes its speed; auto: when the host's does not and the processor's model knows of it; on: or the machine does not start", NULL },

    { "memory", "hugepages", SCHEMA_ENUM, 0, 0, 0, "off|transparent|2M|1G", "transparent", NULL, "0.2", "size of the host's pages: transparent is large ones where the host finds some; 2M and 1G are reserved when the machine starts (carrel start asks for root) and given back when it ends", NULL },

    { "ivshmem", "model", SCHEMA_ENUM, 0, 0, 0, "none|ivshmem-plain", "none", NULL, "0.2", "ivshmem-plain is a PCI card whose memory is a file below /dev/shm", NULL },
    { "ivshmem", "name", SCHEMA_STRING, 0, 0, MAX_WORD, NULL, "looking-glass", NULL, "0.2", "name of the file below /dev/shm; empty is the machine's name. One machine at a time has it; one that is there stays, one that is made goes with the machine", check_interface },
    { "ivshmem", "size", SCHEMA_SIZE, SCHEMA_POWER_OF_2, 1 * MIB, 1 * GIB, NULL, "32M", NULL, "0.2", "size of the memory, a power of two; Looking Glass needs 32M for 1920x1080, 64M for 2560x1440, 128M for 3840x2160", NULL },
    { "ivshmem", "mode", SCHEMA_ENUM, 0, 0, 0, "0600|0660|0666", "0600", NULL, "0.2", "who may open the file: its owner, also its group, or everybody", NULL },
    { "ivshmem", "group", SCHEMA_STRING, 0, 0, MAX_WORD, NULL, "", NULL, "0.2", "group of a file that is made; empty is the user's own", check_interface },

    { "smbios", "manufacturer", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_SMBIOS, NULL, "Carrel", NULL, "0.2", "who made the machine", NULL },
    { "smbios", "product", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_SMBIOS, NULL, "", NULL, "0.2", "which of their products it is; empty for the chipset's name", NULL },
    { "smbios", "version", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_SMBIOS, NULL, "1", NULL, "0.2", "version of that", NULL },
    { "smbios", "serial", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_SMBIOS, NULL, "", NULL, "0.2", "serial number of the machine; empty for none", NULL },
    { "smbios", "uuid", SCHEMA_STRING, 0, 0, 36, NULL, "", NULL, "0.2", "identity of the machine; empty for one made of the machine's name", check_uuid },
    { "smbios", "sku", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_SMBIOS, NULL, "", NULL, "0.2", "number by which the product is ordered; empty for none", NULL },
    { "smbios", "family", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_SMBIOS, NULL, "", NULL, "0.2", "family of products; empty for none", NULL },
    { "smbios", "asset-tag", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_SMBIOS, NULL, "", NULL, "0.2", "tag of the chassis, by which an owner knows it; empty for none", NULL },

    { "display", "model", SCHEMA_ENUM, 0, 0, 0, "vga|cirrus|none", "vga", NULL, "0.1", "graphics card: vga for all that need no driver; cirrus, a Cirrus Logic GD5446, for Windows 95 to XP, OS/2 and others of their time; none leaves the serial ports only", NULL },
    { "display", "vram", SCHEMA_SIZE, SCHEMA_POWER_OF_2, 1 * MIB, 64 * MIB, NULL, "16M", NULL, "0.1", "memory of the graphics card, a power of two; 16M is enough for 2560x1600; a cirrus has 4M, or less", NULL },
    { "display", "resolution", SCHEMA_STRING, 0, 0, 9, NULL, "", NULL, "0.2", "what the monitor prefers, such as 1920x1080, 640x480 to 2560x1600: systems with a driver for the card choose it by themselves; empty for 1024x768", check_resolution },

    { "vnc", "enabled", SCHEMA_BOOL, 0, 0, 0, BOOLS, "true", NULL, "0.1", "serve the screen to VNC viewers", NULL },
    { "vnc", "listen", SCHEMA_STRING, 0, 1, MAX_TEXT, NULL, "unix", NULL, "0.1", "unix: a socket only this user can open; tcp:ADDRESS:PORT: the network", check_listen },
    { "vnc", "password", SCHEMA_STRING, SCHEMA_SECRET | SCHEMA_ASCII, 0, MAX_PASSWORD, NULL, "", NULL, "0.1", "password of VNC viewers, up to 8 characters; empty asks for none", NULL },
    { "vnc", "view-only", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.1", "viewers see the screen but cannot type or point", NULL },
    { "vnc", "websocket", SCHEMA_BOOL, 0, 0, 0, BOOLS, "true", NULL, "0.1", "also accept browsers (WebSocket) on the same port", NULL },

    { "floppy#", "path", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.1", "image of the floppy in the drive; empty for no disk", NULL },
    { "floppy#", "type", SCHEMA_ENUM, 0, 0, 0, "auto|360K|720K|1.2M|1.44M|2.88M", "auto", NULL, "0.1", "the drive; auto takes the one that fits the image, else 1.44M", NULL },
    { "floppy#", "read-only", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.1", "write-protect the disk", NULL },
    { "floppy#", "snapshot", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.1", "throw away what the guest writes when the machine ends", NULL },

    { "disk#", "path", SCHEMA_PATH, 0, 1, MAX_PATH, NULL, "", NULL, "0.1", "image file or block device", NULL },
    { "disk#", "format", SCHEMA_ENUM, 0, 0, 0, "raw|qcow2", "raw", NULL, "0.1", "format of the file; never guessed from its content", NULL },
    { "disk#", "backing", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.1", "the image under a qcow2 image that is based on one; no other file is opened as such", NULL },
    { "disk#", "backing-format", SCHEMA_ENUM, 0, 0, 0, "raw|qcow2", "raw", NULL, "0.1", "format of backing", NULL },
    { "disk#", "backing2", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.1", "the image under backing, where that is based on one too", NULL },
    { "disk#", "backing2-format", SCHEMA_ENUM, 0, 0, 0, "raw|qcow2", "raw", NULL, "0.1", "format of backing2", NULL },
    { "disk#", "model", SCHEMA_ENUM, 0, 0, 0, DISK_MODELS, "ide", NULL, "0.1", "how the guest sees the disk; ahci is SATA, for systems from about 2006 on, and what chipset=pc-q35 has in place of ide; virtio-blk is fast, virtio-scsi joins disks and CD drives on one controller; both need a driver in the guest", NULL },
    { "disk#", "read-only", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.1", "the guest cannot write", NULL },
    { "disk#", "snapshot", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.1", "throw away what the guest writes when the machine ends", NULL },
    { "disk#", "direct", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.1", "bypass the host's page cache (O_DIRECT)", NULL },
    { "disk#", "serial", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_SERIAL, NULL, "", NULL, "0.1", "serial number that the guest sees; empty for one made of the disk's number", NULL },

    { "cd#", "path", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.1", "image of the disc in the drive; empty for no disc", NULL },
    { "cd#", "format", SCHEMA_ENUM, 0, 0, 0, "iso", "iso", NULL, "0.1", "format of the file; never guessed from its content", NULL },
    { "cd#", "model", SCHEMA_ENUM, 0, 0, 0, "ide|ahci|virtio-scsi", "ide", NULL, "0.1", "how the guest sees the drive; ahci is SATA; virtio-scsi needs a driver in the guest", NULL },

    { "rng", "model", SCHEMA_ENUM, 0, 0, 0, "none|virtio-rng", "none", NULL, "0.2", "give the guest random numbers of the host; virtio-rng needs a driver in the guest", NULL },

    { "balloon", "model", SCHEMA_ENUM, 0, 0, 0, "none|virtio-balloon", "none", NULL, "0.2", "the balloon; virtio-balloon needs a driver in the guest", NULL },
    { "balloon", "size", SCHEMA_SIZE, 0, 0, 64 * GIB, NULL, "0", NULL, "0.2", "how much it takes from the guest at the start", check_megabytes },
    { "balloon", "deflate-on-oom", SCHEMA_BOOL, 0, 0, 0, BOOLS, "true", NULL, "0.2", "the guest may take memory back when it runs out", NULL },
    { "balloon", "reporting", SCHEMA_BOOL, 0, 0, 0, BOOLS, "true", NULL, "0.2", "the guest reports memory that it does not use, and the host gets it", NULL },

    { "input", "keyboard", SCHEMA_ENUM, 0, 0, 0, "ps2|virtio", "ps2", NULL, "0.2", "virtio adds a keyboard beside the PS/2 one, which firmware needs; it gets the keys once the guest has a driver for it", NULL },
    { "input", "pointer", SCHEMA_ENUM, 0, 0, 0, "ps2|virtio-tablet|virtio-mouse", "ps2", NULL, "0.2", "virtio-tablet points where the viewer points; it gets the events once the guest has a driver for it", NULL },
    { "input", "evdev0", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "a keyboard or mouse of this host that the guest can have to itself, such as /dev/input/by-id/usb-...-event-kbd; see evdev-toggle", NULL },
    { "input", "evdev1", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "a second one", NULL },
    { "input", "evdev2", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "a third one", NULL },
    { "input", "evdev3", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "a fourth one", NULL },
    { "input", "evdev-toggle", SCHEMA_ENUM, 0, 0, 0, "ctrl-ctrl|alt-alt|shift-shift|meta-meta|ctrl-scrolllock|scrolllock", "ctrl-ctrl", NULL, "0.2", "keys that hand evdev0 and the others to the guest and back, held together and let go; ctrl-ctrl are both Ctrl keys", NULL },
    { "input", "evdev-start", SCHEMA_ENUM, 0, 0, 0, "host|guest", "host", NULL, "0.2", "who has evdev0 and the others when the machine starts", NULL },

    { "sound", "model", SCHEMA_ENUM, 0, 0, 0, "none|speaker|adlib|sb16|ac97", "none", NULL, "0.2", "sound hardware: the PC's speaker, which the others have too; adlib is FM music for DOS games; sb16 is a Sound Blaster 16 with FM (port 220, interrupt 5, DMA 1 and 5) for DOS to Windows 2000; ac97 is for Linux and Windows with its driver", NULL },
    { "sound", "output", SCHEMA_ENUM, 0, 0, 0, "alsa|wav|none", "alsa", NULL, "0.2", "where it is heard: alsa is this computer, also by PipeWire and PulseAudio; wav is a file; without a sound card the machine runs silently", NULL },
    { "sound", "device", SCHEMA_STRING, 0, 0, MAX_TEXT, NULL, "", NULL, "0.2", "name of the device of output=alsa, such as hw:1,0; empty is ALSA's default", NULL },
    { "sound", "file", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "the file of output=wav; it is written anew at each start", NULL },
    { "sound", "volume", SCHEMA_INT, 0, 0, 100, NULL, "100", "%", "0.2", "how loud the machine is on this computer", NULL },

    { "serial#", "kind", SCHEMA_ENUM, 0, 0, 0, "pane|pty|socket|file|null", "pane", NULL, "0.1", "the other end: pane (carrel console --serial), a pty, a Unix socket, a file, or nothing", NULL },
    { "serial#", "path", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.1", "file: where the output goes; socket: its path; pty: a link to it", NULL },

    { "net#", "kind", SCHEMA_ENUM, 0, 0, 0, "user|tap|bridge|macvtap|switch|none", "user", NULL, "0.2", "what the card's cable leads to: user is NAT that needs no privileges, none is no cable", NULL },
    { "net#", "model", SCHEMA_ENUM, 0, 0, 0, "virtio-net|e1000|rtl8139|rtl8139c|pcnet|rtl8029|ne2000", "virtio-net", NULL, "0.2", "the card that the guest sees: virtio-net is the fastest and needs a driver that knows it, e1000 is for systems since 2002, rtl8139 since 1999, rtl8139c the same for drivers that refuse a C+, pcnet since 1996, rtl8029 for those with an NE2000 driver for PCI, ne2000 for DOS and others of the ISA time: ports 0x300 and interrupt 3 as net0, 0x320 and 7 as net1", NULL },
    { "net#", "mac", SCHEMA_STRING, 0, 0, 17, NULL, "", NULL, "0.2", "address of the card; empty for one made of the machine's name", check_mac },
    { "net#", "interface", SCHEMA_STRING, 0, 0, 15, NULL, "", NULL, "0.2", "tap: the tap; macvtap: the host's card that the guest shares", check_interface },
    { "net#", "bridge", SCHEMA_STRING, 0, 0, 15, NULL, "", NULL, "0.2", "bridge: the host's bridge", check_interface },
    { "net#", "switch", SCHEMA_STRING, 0, 1, 32, NULL, "lan", NULL, "0.2", "switch: its name; your machines with the same one hear each other", check_interface },
    { "net#", "forward", SCHEMA_STRING, 0, 0, 4095, NULL, "", NULL, "0.2", "user: ports of the host that lead to the guest: tcp:127.0.0.1:2222->22, separated by commas", check_forwards },
    { "net#", "restrict", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.2", "user: the guest reaches nothing outside, only who comes by a forward is answered", NULL },
    { "net#", "host-access", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.2", "user: the guest may connect to services of this host's loopback, as 10.0.2.2", NULL },
    { "net#", "boot-rom", SCHEMA_FILE, 0, 0, MAX_PATH, NULL, "auto", NULL, "0.2", "where machine.boot has net: the program that starts the guest from this card, a name looked up in the firmware folders or a path; auto for the model's own of ipxe-qemu, empty for none", NULL },
    { "net#", "tftp", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "user: folder whose files the guest may read by TFTP from 10.0.2.2", NULL },
    { "net#", "bootfile", SCHEMA_STRING, SCHEMA_ASCII, 0, 127, NULL, "", NULL, "0.2", "user: what a guest that starts from the network is told to load: a file in the folder of tftp, or what its boot program understands, such as a URL", NULL },
    { "net#", "mtu", SCHEMA_INT, 0, 0, 65521, NULL, "0", "bytes", "0.2", "largest packet; 0 is the interface's own, else 1500", check_mtu },
    { "net#", "queues", SCHEMA_INT, 0, 1, 8, NULL, "1", NULL, "0.2", "virtio-net on tap, bridge, macvtap: pairs of queues, for guests with several processors", NULL },
    { "net#", "vhost", SCHEMA_ENUM, 0, 0, 0, "auto|on|off", "auto", NULL, "0.2", "virtio-net on tap, bridge, macvtap: let the host's kernel move the frames: faster, and no figures or filters; auto where the host can", NULL },
    { "net#", "busy-poll", SCHEMA_INT, 0, 0, 10000, NULL, "0", "us", "0.2", "with vhost: how long the host's kernel looks for more frames before it sleeps; shorter answers for processor time", NULL },
    { "net#", "capture", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "write all frames to this new file, in pcap format", NULL },
    { "net#", "capture-limit", SCHEMA_SIZE, 0, 64 * KIB, 1024 * GIB, NULL, "1G", NULL, "0.2", "a capture ends at this size", NULL },
    { "net#", "link", SCHEMA_ENUM, 0, 0, 0, "up|down", "up", NULL, "0.2", "whether the cable is plugged in when the machine starts", NULL },

    { "pci#", "model", SCHEMA_ENUM, 0, 0, 0, "vfio-pci", "vfio-pci", NULL, "0.2", "how the guest gets the device", NULL },
    { "pci#", "host", SCHEMA_STRING, 0, 0, PCI_ADDRESS_SIZE - 1, NULL, "", NULL, "0.2", "address of the device on this host, such as 0000:01:00.0; it is to be bound to vfio-pci", check_pci_address },
    { "pci#", "consent", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.2", "carrel start takes the device from the host without showing the steps and asking first, as with --yes; the host has it back when the machine ends", NULL },
    { "pci#", "console", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.2", "carrel start hands the host's console over with its only graphics card: the display manager ends, and is back when the machine has ended", NULL },
    { "pci#", "functions", SCHEMA_ENUM, 0, 0, 0, "all|one", "all", NULL, "0.2", "all: the card's other functions go along, such as the sound of a graphics card; one: only this", NULL },
    { "pci#", "mac", SCHEMA_STRING, 0, 0, 17, NULL, "", NULL, "0.2", "address of a network card's virtual function, which `carrel start` gives it and takes back; empty for the one that it has", check_mac },
    { "pci#", "rom", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "file with the expansion ROM that the guest sees; empty for the device's own", NULL },
    { "pci#", "rebar", SCHEMA_STRING, 0, 0, 16, NULL, "", NULL, "0.2", "size of the device's largest resizable BAR while the guest has it, such as 256M, 8G or max; empty: as it is. carrel start sets it when it binds the device", check_rebar },
    { "pci#", "device-rom", SCHEMA_BOOL, 0, 0, 0, BOOLS, "true", NULL, "0.2", "whether the guest sees the device's own expansion ROM", NULL },

    { "console#", "kind", SCHEMA_ENUM, 0, 0, 0, "pty|socket|file|null", "socket", NULL, "0.2", "the other end: a pty, a Unix socket (in the machine's runtime folder when it has no path), a file, or nothing", NULL },
    { "console#", "path", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "file: where the output goes; socket: its path; pty: a link to it", NULL },
    { "console#", "name", SCHEMA_STRING, SCHEMA_ASCII, 0, MAX_PORT_NAME, NULL, "", NULL, "0.2", "what the guest calls the port: /dev/virtio-ports/NAME in Linux", NULL },

    { "usb#", "model", SCHEMA_ENUM, 0, 0, 0, "tablet|keyboard|mouse|storage|hub|host", "tablet", NULL, "0.2", "what is plugged in; tablet points where the viewer points, storage is a stick with an image, hub has four more ports, host is a device of this computer", NULL },
    { "usb#", "port", SCHEMA_STRING, 0, 0, 3, NULL, "", NULL, "0.2", "where: empty is the controller's port of that number (usb0 is in the first); 0.2 is port 2 of the hub that usb0 is", check_usb_port },
    { "usb#", "path", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.2", "storage: image file or block device", NULL },
    { "usb#", "format", SCHEMA_ENUM, 0, 0, 0, "raw|qcow2", "raw", NULL, "0.2", "storage: format of the file; never guessed from its content", NULL },
    { "usb#", "read-only", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.2", "storage: the guest cannot write", NULL },
    { "usb#", "snapshot", SCHEMA_BOOL, 0, 0, 0, BOOLS, "false", NULL, "0.2", "storage: throw away what the guest writes when the machine ends", NULL },
    { "usb#", "host", SCHEMA_STRING, 0, 0, MAX_WORD, NULL, "", NULL, "0.2", "host: which device, by the port it is in (1-2) or by its numbers (046d:c52b); carrel usb list shows both. It comes and goes as it is plugged in", check_usb_device },

    { "firmware-log", "kind", SCHEMA_ENUM, 0, 0, 0, "pane|file|null", "pane", NULL, "0.1", "where the firmware's messages go: pane keeps the last ones for carrel logs", NULL },
    { "firmware-log", "path", SCHEMA_PATH, 0, 0, MAX_PATH, NULL, "", NULL, "0.1", "the file of kind=file", NULL },

    { "template", "id", SCHEMA_STRING, T, 1, MAX_WORD, NULL, "", NULL, "0.1", "name of the template and of its file", check_id },
    { "template", "title", SCHEMA_STRING, T, 1, MAX_TEXT, NULL, "", NULL, "0.1", "name for people", NULL },
    { "template", "summary", SCHEMA_STRING, T, 0, MAX_TEXT, NULL, "", NULL, "0.1", "one line: what it is good for", NULL },
    { "template", "note", SCHEMA_STRING, T, 0, MAX_NOTE, NULL, "", NULL, "0.2", "what to know before installing, printed by carrel new", NULL },
    { "template", "disk-model", SCHEMA_ENUM, T, 0, 0, DISK_MODELS, "ide", NULL, "0.2", "disk#.model of the machine's disks where it is not given", NULL },
    { "template", "needs", SCHEMA_LIST, T, 0, 0, DRIVES, "", NULL, "0.1", "media of which one must be given to start", NULL },
    { "template", "os", SCHEMA_ENUM, T, 0, 0, "any|dos|linux|windows|bsd|other", "any", NULL, "0.1", "family of the guest's operating system", NULL },
};
/* clang-format on */

#undef T

const SchemaSection *
schema_sections(unsigned *ret_n)
{
    *ret_n = G_N_ELEMENTS(sections);
    return sections;
}

const SchemaKey *
schema_keys(unsigned *ret_n)
{
    *ret_n = G_N_ELEMENTS(keys);
    return keys;
}

const SchemaSection *
schema_find_section(const char *section)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(sections); i++) {
        const SchemaSection *s = &sections[i];
        gsize stem = strlen(s->section) - 1;

        if (s->count == 0 && strcmp(section, s->section) == 0)
            return s;
        /* one digit: counts stay below ten, so disk00 is no second disk0 */
        if (s->count > 0 && strncmp(section, s->section, stem) == 0 &&
            section[stem] >= '0' &&
            (unsigned) (section[stem] - '0') < s->count &&
            section[stem + 1] == '\0')
            return s;
    }
    return NULL;
}

const SchemaKey *
schema_find(const char *section, const char *key)
{
    const SchemaSection *s = schema_find_section(section);

    /* the key first: it differs sooner */
    for (unsigned i = 0; s != NULL && i < G_N_ELEMENTS(keys); i++)
        if (keys[i].key[0] == key[0] && strcmp(keys[i].key, key) == 0 &&
            strcmp(keys[i].section, s->section) == 0)
            return &keys[i];
    return NULL;
}

const SchemaKey *
schema_find_full(const char *full_key)
{
    const char *dot = strchr(full_key, '.');

    if (dot == NULL)
        return NULL;
    g_autofree char *section = g_strndup(full_key, (gsize) (dot - full_key));
    return schema_find(section, dot + 1);
}
