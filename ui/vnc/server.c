/* ui/vnc/server.c - see server.h: listening, start and stop. */
#include "ui/vnc/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "ui/vnc/gate-internal.h"
#include "vmm/core/error.h"
#include "vmm/core/sysutil.h"

#define BACKLOG 128

static bool
add_listener(VncServer *server, int fd, bool tcp)
{
    if (server->n_listeners == GATE_MAX_LISTENERS)
        return false;
    server->listeners[server->n_listeners++] = (GateListener){fd, tcp};
    return true;
}

/* ---- Unix socket ---- */

static bool
listen_unix(VncServer *server, const char *path, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    struct stat old;

    /* By way of the folder: its own path may be too long for an address. */
    CARREL_AUTO_FD int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return sys_error(error, errno, "VNC socket's folder '%s'", dir);
    if (g_snprintf(address.sun_path, sizeof address.sun_path,
                   "/proc/self/fd/%d/%s", dir_fd,
                   name) >= (int) sizeof address.sun_path)
        return sys_error(error, ENAMETOOLONG, "VNC socket '%s'", path);
    /* A socket that an ended machine has left; anything else stays. */
    if (lstat(path, &old) == 0 && S_ISSOCK(old.st_mode))
        (void) unlink(path);
    CARREL_AUTO_FD int fd =
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode of the socket's inode is the mode of the file to come. */
    if (fd < 0 || fchmod(fd, 0600) != 0 ||
        bind(fd, (struct sockaddr *) &address, sizeof address) != 0)
        return sys_error(error, errno, "VNC socket '%s'", path);
    server->unix_path = g_strdup(path);
    if (chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0)
        return sys_error(error, errno, "VNC socket '%s'", path);
    if (add_listener(server, fd, false))
        (void) sys_steal_fd(&fd);
    server->address = g_strdup_printf("unix:%s", path);
    return true;
}

/* ---- TCP ---- */

static void
note_tcp_address(VncServer *server, int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "0";

    if (getsockname(fd, (struct sockaddr *) &address, &size) != 0 ||
        getnameinfo((struct sockaddr *) &address, size, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    g_free(server->address);
    server->address = g_strdup_printf(
        address.ss_family == AF_INET6 ? "tcp:[%s]:%s" : "tcp:%s:%s", host,
        port);
    server->port = (guint16) g_ascii_strtoull(port, NULL, 10);
}

static int
listen_on(const struct addrinfo *where)
{
    const int one = 1;
    CARREL_AUTO_FD int fd =
        socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (where->ai_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) ||
        bind(fd, where->ai_addr, where->ai_addrlen) != 0 ||
        listen(fd, BACKLOG) != 0)
        return -1;
    return sys_steal_fd(&fd);
}

static bool
may_listen_on(const VncServer *server, const struct addrinfo *where,
              const char *text, GError **error)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};

    memcpy(&address, where->ai_addr,
           MIN((gsize) where->ai_addrlen, sizeof address));
    if (server->password != NULL || lockout_peer_is_loopback(&address))
        return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_PERMISSION,
                "VNC address '%s': others can reach it and there is no "
                "password; set vnc.password, or listen on unix or "
                "tcp:127.0.0.1:PORT",
                text);
    return false;
}

static bool
listen_tcp(VncServer *server, const VncConfig *config, GError **error)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    g_autofree char *port = g_strdup_printf("%u", config->tcp_port);
    struct addrinfo *found = NULL;
    bool ok = true;
    int err = 0;

    int code = getaddrinfo(config->tcp_address, port, &hints, &found);
    if (code != 0) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
                    "VNC address '%s': %s", config->tcp_address,
                    gai_strerror(code));
        return false;
    }
    unsigned before = server->n_listeners;
    for (const struct addrinfo *a = found; a != NULL && ok; a = a->ai_next) {
        ok = may_listen_on(server, a, config->tcp_address, error);
        int fd = ok ? listen_on(a) : -1;
        if (fd < 0) {
            err = errno;
            continue;
        }
        note_tcp_address(server, fd);
        if (!add_listener(server, fd, true))
            sys_close(&fd);
        else if (config->tcp_port == 0)
            break; /* "any port" is one port */
    }
    freeaddrinfo(found);
    if (ok && server->n_listeners == before)
        return sys_error(error, err, "VNC address %s port %u",
                         config->tcp_address, config->tcp_port);
    return ok;
}

/* ---- life ---- */

static bool
make_seats(VncServer *server, const char *desktop_name, GError **error)
{
    for (unsigned i = 0; i < VNC_MAX_VIEWERS; i++) {
        server->seats[i] = vnc_viewer_new(
            i, desktop_name, server->display,
            server->view_only ? NULL : server->input, server->wake_fd, error);
        if (server->seats[i] == NULL)
            return false;
    }
    return true;
}

static bool
set_up(VncServer *server, const VncConfig *config, GError **error)
{
    server->wake_fd = sys_eventfd(error);
    if (server->wake_fd < 0)
        return false;
    /* First, while there are low descriptors. */
    if (!make_seats(server,
                    config->desktop_name != NULL ? config->desktop_name
                                                 : "Carrel",
                    error))
        return false;
    if (config->unix_path != NULL &&
        !listen_unix(server, config->unix_path, error))
        return false;
    if (config->tcp_address != NULL && !listen_tcp(server, config, error))
        return false;
    if (server->n_listeners == 0) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
                    "VNC server: there is nothing to listen on");
        return false;
    }
    server->thread = g_thread_try_new("vnc", gate_thread, server, error);
    return server->thread != NULL;
}

VncServer *
vnc_server_start(const VncConfig *config, Display *display, Input *input,
                 GError **error)
{
    VncServer *server = g_new0(VncServer, 1);

    server->display = display;
    server->input = input;
    if (config->password != NULL && config->password[0] != '\0')
        server->password = g_strdup(config->password);
    server->view_only = config->view_only || input == NULL;
    server->websocket = config->websocket;
    server->log = config->log;
    server->log_data = config->log_data;
    server->conns = g_ptr_array_new();
    server->wake_fd = -1;
    if (!set_up(server, config, error)) {
        vnc_server_stop(server);
        return NULL;
    }
    return server;
}

void
vnc_server_stop(VncServer *server)
{
    if (server == NULL)
        return;
    if (server->thread != NULL) {
        g_atomic_int_set(&server->stop, 1);
        sys_eventfd_signal(server->wake_fd);
        (void) g_thread_join(server->thread);
    }
    for (unsigned i = 0; i < VNC_MAX_VIEWERS; i++)
        vnc_viewer_free(server->seats[i]);
    for (unsigned i = 0; i < server->n_listeners; i++)
        sys_close(&server->listeners[i].fd);
    if (server->unix_path != NULL)
        (void) unlink(server->unix_path); /* the folder may be gone already */
    sys_close(&server->wake_fd);
    g_ptr_array_unref(server->conns);
    if (server->password != NULL)
        explicit_bzero(server->password, strlen(server->password));
    g_free(server->password);
    g_free(server->unix_path);
    g_free(server->address);
    g_free(server);
}

unsigned
vnc_server_clients(VncServer *server)
{
    return (unsigned) g_atomic_int_get(&server->n_clients);
}

char *
vnc_server_address(VncServer *server)
{
    return g_strdup(server->address);
}

guint16
vnc_server_port(VncServer *server)
{
    return server->port;
}
