/* app/usb-role.c - see usb-role.h. */
#include "app/usb-role.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/exit-codes.h"
#include "passthrough-wizard/usb-list.h"
#include "vmm/core/sysutil.h"

#define CHANNEL        3
#define MAX_INTERFACES 32u
/* While the device is not there this process looks again at this pace. */
#define ABSENT_MS 1000

typedef struct {
    const char *spec;
    int fd;              /* -1: it is not there */
    guint configuration; /* as the host had it */
    char *port;
} Role;

static bool
send_message(const char *text, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {{0}};
    struct iovec iov = {(char *) text, strlen(text)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return SYS_RETRY(sendmsg(CHANNEL, &msg, MSG_NOSIGNAL)) > 0;
}

static guint
configuration_now(const Role *r)
{
    g_autoptr(GPtrArray) list = usb_list("");
    const UsbListed *u = usb_list_find(list, r->port);

    return u != NULL ? u->configuration : 0;
}

/* All of this fails for what is already so, or gone. */
static void
give_back(Role *r)
{
    for (unsigned i = 0; i < MAX_INTERFACES; i++)
        (void) ioctl(r->fd, USBDEVFS_RELEASEINTERFACE, &i);
    if (r->configuration != 0 && configuration_now(r) != r->configuration)
        (void) ioctl(r->fd, USBDEVFS_SETCONFIGURATION, &r->configuration);
    for (unsigned i = 0; i < MAX_INTERFACES; i++) {
        struct usbdevfs_ioctl connect = {(int) i, USBDEVFS_CONNECT, NULL};
        (void) ioctl(r->fd, USBDEVFS_IOCTL, &connect);
    }
}

static void
drop(Role *r)
{
    sys_close(&r->fd);
    g_clear_pointer(&r->port, g_free);
}

/* False: the machine has gone. */
static bool
look(Role *r)
{
    g_autoptr(GPtrArray) list = usb_list("");
    const UsbListed *u = usb_list_find(list, r->spec);
    g_autofree char *obstacle = u != NULL ? usb_list_obstacle(u) : NULL;

    if (u == NULL || obstacle != NULL)
        return true; /* such as what a desktop has just mounted */
    r->fd = open(u->node, O_RDWR | O_CLOEXEC);
    if (r->fd < 0)
        return true;
    r->port = g_strdup(u->port);
    r->configuration = u->configuration;
    return send_message("A", r->fd);
}

/* Until the device or the machine goes. usbfs says HUP when it is pulled. */
static bool
watch(Role *r)
{
    struct pollfd fds[] = {{CHANNEL, POLLIN, 0}, {r->fd, 0, 0}};

    if (poll(fds, r->fd >= 0 ? 2 : 1, r->fd >= 0 ? -1 : ABSENT_MS) < 0)
        return errno == EINTR;
    if (fds[0].revents != 0)
        return false; /* a machine says nothing: it has ended */
    if (r->fd >= 0 && (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
        drop(r);
        return send_message("G", -1);
    }
    return true;
}

/* What keeps the device from the guest right now is an error; that it is not
 * there is none. The machine knows whether it has a port for that speed. */
static bool
answer(const char *spec)
{
    g_autoptr(GPtrArray) list = usb_list("");
    const UsbListed *u = usb_list_find(list, spec);
    g_autofree char *obstacle = u != NULL ? usb_list_obstacle(u) : NULL;
    g_autofree char *text =
        obstacle != NULL
            ? g_strdup_printf("E%s at %s: %s", u->name, u->port, obstacle)
            : g_strconcat("O", u != NULL ? u->speed : "", NULL);

    return send_message(text, -1) && obstacle == NULL;
}

int
usb_role_main(const char *spec)
{
    Role r = {.spec = spec, .fd = -1};

    /* what ends a machine's processes ends the machine first, then us */
    (void) signal(SIGTERM, SIG_IGN);
    (void) signal(SIGINT, SIG_IGN);
    (void) signal(SIGHUP, SIG_IGN);
    if (!answer(spec))
        return EXIT_OK;
    do {
        if (r.fd < 0 && !look(&r))
            break;
    } while (watch(&r));
    if (r.fd >= 0)
        give_back(&r);
    drop(&r);
    return EXIT_OK;
}
