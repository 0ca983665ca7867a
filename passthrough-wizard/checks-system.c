/* passthrough-wizard/checks-system.c - what every machine needs of the host: the
 * processor, memory, firmware, network. The table is at the bottom. */
#include <stdio.h>
#include <string.h>

#include "passthrough-wizard/checks-internal.h"

/* ---- KVM ----------------------------------------------------------------- */

static const char *
kvm_module(const CheckCase *c)
{
    return c->host != NULL && strcmp(c->host->cpu.vendor, "AuthenticAMD") == 0
               ? "kvm_amd"
               : "kvm_intel";
}

static void
say_no_kvm(CheckCase *c)
{
    const HostCpu *cpu = c->host != NULL ? &c->host->cpu : NULL;
    g_autofree char *command =
        g_strdup_printf("sudo modprobe %s", kvm_module(c));

    check_say(c, CHECK_BAD, g_strdup("there is no /dev/kvm"));
    if (cpu != NULL && !cpu->vmx && !cpu->svm && cpu->in_vm)
        check_advise(c, "No machine can run here.",
                     "This host is itself a virtual machine, and is not "
                     "offered virtualization: switch nested virtualization on "
                     "for it, or work on the real host.",
                     NULL, NULL);
    else if (cpu != NULL && !cpu->vmx && !cpu->svm)
        check_advise(c, "No machine can run here.",
                     "Switch virtualization on in the firmware setup: \"SVM "
                     "Mode\" (AMD) or \"Intel Virtualization Technology\".",
                     NULL, NULL);
    else
        check_advise(c, "No machine can run here.",
                     "Load the kernel's module. If it refuses, the firmware "
                     "has virtualization switched off: `sudo dmesg | grep kvm` "
                     "says so.",
                     command, NULL);
}

static void
look_kvm(CheckCase *c)
{
    HostNode node;

    if (!host_root_stat(c->root, "/dev/kvm", &node)) {
        say_no_kvm(c);
        return;
    }
    if (!node.can_read || !node.can_write) {
        check_say(c, CHECK_BAD,
                  g_strdup_printf("/dev/kvm is not yours to open (mode %04o)",
                                  node.mode));
        check_advise(c, "No machine can run as this user.",
                     "Join the group kvm, then log out and in again.",
                     "sudo usermod -aG kvm \"$USER\"",
                     "sudo gpasswd -d \"$USER\" kvm");
        return;
    }
    g_autofree char *nested = host_root_line(
        c->root, "/sys/module/%s/parameters/nested", kvm_module(c));
    bool on = nested != NULL && (*nested == 'Y' || *nested == '1');
    const char *name =
        strcmp(kvm_module(c), "kvm_amd") == 0 ? "AMD-V" : "Intel VT-x";
    check_say(c, CHECK_OK,
              nested != NULL ? g_strdup_printf("/dev/kvm usable, %s, nested %s",
                                               name, on ? "on" : "off")
                             : g_strdup("/dev/kvm usable"));
}

/* ---- clock --------------------------------------------------------------- */

static void
look_clock(CheckCase *c)
{
    g_autofree char *now =
        host_root_line(c->root, "/sys/devices/system/clocksource/"
                                "clocksource0/current_clocksource");

    if (now == NULL) {
        check_say(c, CHECK_NONE, g_strdup("the kernel does not say"));
        return;
    }
    bool good = strcmp(now, "tsc") == 0 || strcmp(now, "kvm-clock") == 0;
    check_say(c, good ? CHECK_OK : CHECK_HINT,
              g_strdup_printf("clock source %s", now));
    if (!good)
        check_advise(c,
                     "Reading the time costs a system call, and guests cannot "
                     "use the processor's counter.",
                     "`sudo dmesg | grep -i tsc` says why the kernel gave the "
                     "processor's counter up; a firmware update often helps.",
                     NULL, NULL);
}

/* ---- memory -------------------------------------------------------------- */

/* kB of a row of /proc/meminfo, in bytes; 0: none. */
static guint64
meminfo(const CheckCase *c, const char *name)
{
    g_autofree char *text =
        host_root_read(c->root, "/proc/meminfo", 65536, NULL, NULL);
    const char *at = text != NULL ? strstr(text, name) : NULL;

    if (at == NULL || (at != text && at[-1] != '\n'))
        return 0;
    return g_ascii_strtoull(at + strlen(name), NULL, 10) * 1024;
}

static void
look_memory(CheckCase *c)
{
    guint64 total = meminfo(c, "MemTotal:"), free = meminfo(c, "MemAvailable:");
    g_autofree char *all = check_size(total), *avail = check_size(free);

    if (total == 0) {
        check_say(c, CHECK_NONE, g_strdup("the kernel does not say"));
        return;
    }
    check_say(c, free >= c->wants.memory ? CHECK_OK : CHECK_HINT,
              g_strdup_printf("%s, %s available", all, avail));
    if (free < c->wants.memory) {
        g_autofree char *want = check_size(c->wants.memory);
        g_autofree char *text = g_strdup_printf(
            "A machine of %s does not fit beside what runs now.", want);
        check_advise(c, text, "End programs, or give the machine less memory.",
                     NULL, NULL);
    }
}

/* Pages of one size, all and free. */
static guint64
huge_pages(const CheckCase *c, const char *size, guint64 *ret_free)
{
    *ret_free = (guint64) host_root_int(
        c->root, 0, "/sys/kernel/mm/hugepages/hugepages-%s/free_hugepages",
        size);
    return (guint64) host_root_int(
        c->root, 0, "/sys/kernel/mm/hugepages/hugepages-%s/nr_hugepages", size);
}

static void
look_huge_pages(CheckCase *c)
{
    guint64 free_small, free_big;
    guint64 small = huge_pages(c, "2048kB", &free_small);
    guint64 big = huge_pages(c, "1048576kB", &free_big);
    g_autofree char *thp =
        host_root_line(c->root, "/sys/kernel/mm/transparent_hugepage/enabled");
    bool transparent = thp != NULL && strstr(thp, "[never]") == NULL;

    if (small + big > 0) {
        check_say(c, CHECK_OK,
                  g_strdup_printf("reserved: %" G_GUINT64_FORMAT
                                  " of 2 MiB (%" G_GUINT64_FORMAT
                                  " free), %" G_GUINT64_FORMAT
                                  " of 1 GiB (%" G_GUINT64_FORMAT " free)",
                                  small, free_small, big, free_big));
        return;
    }
    if (transparent) {
        check_say(c, CHECK_OK,
                  g_strdup("none reserved; transparent ones are used"));
        return;
    }
    check_say(c, CHECK_HINT,
              g_strdup("none reserved, and transparent ones are off"));
    check_advise(c, "Machines use pages of 4 KiB and run slower.",
                 "Let the kernel use transparent huge pages where they are "
                 "asked for.",
                 "echo madvise | sudo tee "
                 "/sys/kernel/mm/transparent_hugepage/enabled",
                 "echo never | sudo tee "
                 "/sys/kernel/mm/transparent_hugepage/enabled");
}

/* ---- firmware ------------------------------------------------------------ */

static bool
any_exists(const CheckCase *c, const char *const *paths)
{
    for (; *paths != NULL; paths++)
        if (host_root_exists(c->root, *paths))
            return true;
    return false;
}

static void
look_firmware(CheckCase *c)
{
    static const char *const seabios[] = {
        "/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin",
        "/usr/local/share/qemu/bios-256k.bin", NULL};
    static const char *const ovmf[] = {
        "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd",
        "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        "/usr/share/edk2/ovmf/OVMF_CODE.fd", NULL};
    bool bios = any_exists(c, seabios), uefi = any_exists(c, ovmf);

    check_say(c, bios ? CHECK_OK : CHECK_BAD,
              g_strdup_printf("SeaBIOS %s, OVMF (UEFI) %s",
                              bios ? "yes" : "not found",
                              uefi ? "yes" : "not found"));
    if (!bios)
        check_advise(c, "Machines with a BIOS cannot start.",
                     "Install the package seabios (Debian, Arch) or "
                     "seabios-bin (Fedora).",
                     NULL, NULL);
}

/* ---- network ------------------------------------------------------------- */

static char *
bridges_of(const CheckCase *c)
{
    g_auto(GStrv) names = host_root_names(c->root, "/sys/class/net");
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; names[i] != NULL; i++) {
        g_autofree char *path =
            g_strdup_printf("/sys/class/net/%s/bridge", names[i]);
        if (host_root_exists(c->root, path))
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "",
                                   names[i]);
    }
    return g_string_free(text, FALSE);
}

static void
look_network(CheckCase *c)
{
    g_autofree char *bridges = bridges_of(c);
    HostNode tun;
    bool has_tun = host_root_stat(c->root, "/dev/net/tun", &tun);

    check_say(c, CHECK_OK,
              *bridges != '\0'
                  ? g_strdup_printf("user network; bridges: %s%s", bridges,
                                    has_tun ? "" : ", but no /dev/net/tun")
                  : g_strdup_printf("user network; no bridge%s",
                                    has_tun ? "" : ", no /dev/net/tun"));
    if (has_tun)
        return;
    c->check->state = CHECK_HINT;
    check_advise(c,
                 "Machines reach the network through the user network only, "
                 "not through a bridge.",
                 "Load the kernel's module tun.", "sudo modprobe tun", NULL);
}

static void
look_vhost(CheckCase *c)
{
    HostNode node;

    if (!host_root_stat(c->root, "/dev/vhost-net", &node)) {
        check_say(c, CHECK_HINT, g_strdup("there is no /dev/vhost-net"));
        check_advise(c,
                     "Networks on a bridge move packets in the machine's "
                     "process, which is slower.",
                     "Load the kernel's module vhost_net.",
                     "sudo modprobe vhost_net", "sudo modprobe -r vhost_net");
        return;
    }
    bool usable = node.can_read && node.can_write;
    check_say(c, usable ? CHECK_OK : CHECK_HINT,
              g_strdup_printf("/dev/vhost-net %s",
                              usable ? "usable" : "is not yours to open"));
    if (!usable)
        check_advise(c,
                     "Networks on a bridge move packets in the machine's "
                     "process, which is slower.",
                     "Join the group kvm, then log out and in again.",
                     "sudo usermod -aG kvm \"$USER\"",
                     "sudo gpasswd -d \"$USER\" kvm");
}

/* clang-format off */
static const CheckRow rows[] = {
    { "kvm",        "KVM",        look_kvm },
    { "clock",      "clock",      look_clock },
    { "memory",     "memory",     look_memory },
    { "huge-pages", "huge pages", look_huge_pages },
    { "firmware",   "firmware",   look_firmware },
    { "network",    "network",    look_network },
    { "vhost-net",  "vhost-net",  look_vhost },
};
/* clang-format on */

const CheckRow *
checks_system(gsize *ret_n)
{
    *ret_n = G_N_ELEMENTS(rows);
    return rows;
}
