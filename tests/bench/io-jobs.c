/* tests/bench/io-jobs.c - the disk and network jobs of the rows blk and net, as
 * a program of the host and, when it is process 1, as all of a guest's user
 * space, told what to do by the kernel's command line:
 *
 *   io-jobs disk FILE SECONDS | serve PORT | net ADDRESS PORT SECONDS
 *   work=disk|net secs=N ip=ADDRESS gw=ADDRESS port=N
 *
 * A guest ends its list with "END" and stands still. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/disk-jobs.h"
#include "tests/bench/net-jobs.h"

#define WAIT_US 100000
#define TRIES   100

/* ---- in a guest ---- */

static char words[4096];

/* The value of NAME= on the command line; "": none. */
static const char *
word(const char *name)
{
    static char value[64];
    size_t len = strlen(name);

    value[0] = '\0';
    for (const char *at = words; (at = strstr(at, name)) != NULL; at += len)
        if ((at == words || at[-1] == ' ') && at[len] == '=') {
            (void) sscanf(at + len + 1, "%63s", value);
            break;
        }
    return value;
}

static void
read_command_line(void)
{
    int fd = open("/proc/cmdline", O_RDONLY);

    if (fd >= 0 && read(fd, words, sizeof words - 1) < 0)
        words[0] = '\0';
    close(fd);
}

static void
use_console(void)
{
    int fd = open("/dev/console", O_RDWR);

    for (int i = 0; fd >= 0 && i < 3; i++)
        (void) dup2(fd, i);
}

static void
guest_disk(double seconds)
{
    static const char *const names[] = {"/dev/vda", "/dev/sda", "/dev/nvme0n1"};

    for (int i = 0; i < TRIES; i++, usleep(WAIT_US))
        for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++)
            if (access(names[k], F_OK) == 0) {
                (void) disk_jobs(names[k], seconds);
                return;
            }
    printf("blk: no disk\n");
}

static void
set_address(int fd, struct ifreq *request, unsigned long what,
            const char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};

    (void) inet_pton(AF_INET, address, &in.sin_addr);
    memcpy(&request->ifr_addr, &in, sizeof in);
    if (ioctl(fd, what, request) != 0)
        perror("net: address");
}

static void
guest_net(double seconds)
{
    struct ifreq request = {.ifr_name = "eth0"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    char gateway[64];

    for (int i = 0; i < TRIES && ioctl(fd, SIOCGIFINDEX, &request) != 0; i++)
        usleep(WAIT_US);
    set_address(fd, &request, SIOCSIFADDR, word("ip"));
    set_address(fd, &request, SIOCSIFNETMASK, "255.255.255.0");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        perror("net: eth0");
    strcpy(gateway, word("gw"));
    (void) net_jobs_run(gateway, (unsigned short) atoi(word("port")), seconds);
}

static void
be_a_guest(void)
{
    (void) mkdir("/dev", 0755);
    (void) mkdir("/proc", 0755);
    (void) mount("dev", "/dev", "devtmpfs", 0, 0);
    (void) mount("proc", "/proc", "proc", 0, 0);
    use_console();
    read_command_line();
    double seconds = atof(word("secs"));
    if (strcmp(word("work"), "disk") == 0)
        guest_disk(seconds);
    else
        guest_net(seconds);
    printf("END\n");
    for (;;)
        pause();
}

/* ---- in the host ---- */

int
main(int argc, char **argv)
{
    if (getpid() == 1)
        be_a_guest();
    if (argc == 4 && strcmp(argv[1], "disk") == 0)
        return disk_jobs(argv[2], atof(argv[3]));
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return net_jobs_serve((unsigned short) atoi(argv[2]));
    if (argc == 5 && strcmp(argv[1], "net") == 0)
        return net_jobs_run(argv[2], (unsigned short) atoi(argv[3]),
                            atof(argv[4]));
    fprintf(stderr, "usage: io-jobs disk FILE SECONDS | serve PORT | "
                    "net ADDRESS PORT SECONDS\n");
    return 2;
}
