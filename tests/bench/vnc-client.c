/* tests/bench/vnc-client.c - what a VNC server does for one viewer.
 *
 * usage: vnc-client PID SOCKET ENCODING PICTURES [keys]
 *
 * Takes pictures of PICTURES times the screen's pixels from the server at the
 * Unix socket and prints, one a line with its unit:
 *   cpu MICROSECONDS     CPU time of the process PID for one picture, the
 *                        threads of its virtual CPUs left out
 *   rate PICTURES        a second
 * or, with `keys`, presses a key that many times, each after a rest, and prints
 *   key MICROSECONDS     the median from there to the first pixels after it
 * Status 1: the connection ended, or nothing came for too long. */
#include <dirent.h>
#include <rfb/rfbclient.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PICTURES 2 /* not counted: caches and adaptive timers */
#define MAX_KEYS       1000
#define TOO_LONG_US    120e6 /* an emulated PC is slow */
#define REST_US        60e3
#define WAIT_US        20000
#define KEY            'a'

static double pixels; /* arrived */

static double
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static bool
read_text(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "r");
    size_t n = f != NULL ? fread(text, 1, size - 1, f) : 0;

    if (f != NULL)
        fclose(f);
    text[n] = '\0';
    return n > 0;
}

/* QEMU calls the thread of a virtual CPU "CPU N/KVM", Carrel "vcpu:N". */
static bool
is_vcpu(const char *name)
{
    return strncmp(name, "CPU ", 4) == 0 || strncmp(name, "vcpu", 4) == 0;
}

static double
cpu_us(const char *pid)
{
    char path[128], text[64];
    double sum = 0;

    snprintf(path, sizeof path, "/proc/%.16s/task", pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%.16s/task/%.16s/comm", pid,
                 e->d_name);
        if (e->d_name[0] == '.' || !read_text(path, text, sizeof text) ||
            is_vcpu(text))
            continue;
        snprintf(path, sizeof path, "/proc/%.16s/task/%.16s/schedstat", pid,
                 e->d_name);
        if (read_text(path, text, sizeof text))
            sum += strtod(text, NULL) / 1e3;
    }
    if (dir != NULL)
        closedir(dir);
    return sum;
}

static void
count_pixels(rfbClient *client, int x, int y, int w, int h)
{
    pixels += (double) w * h;
}

static rfbClient *
connect_to(char *path, const char *encoding)
{
    rfbEnableClientLogging = FALSE;
    rfbClient *client = rfbGetClient(8, 3, 4);

    client->GotFrameBufferUpdate = count_pixels;
    client->canHandleNewFBSize = TRUE;
    client->appData.encodingsString = encoding;
    client->appData.enableJPEG = FALSE;
    client->appData.compressLevel = 1;
    client->serverHost = strdup(path);
    return rfbInitClient(client, NULL, NULL) ? client : NULL;
}

/* Handles at most one message; false: the connection ended. */
static bool
turn(rfbClient *client)
{
    int n = WaitForMessage(client, WAIT_US);

    return n == 0 || (n > 0 && HandleRFBServerMessage(client));
}

static bool
rest(rfbClient *client, double us)
{
    double end = now_us() + us;

    while (now_us() < end)
        if (!turn(client))
            return false;
    return true;
}

static double
pictures(const rfbClient *client)
{
    return pixels / ((double) client->width * client->height);
}

static bool
take(rfbClient *client, double count)
{
    double end = now_us() + TOO_LONG_US;

    pixels = 0;
    while (pictures(client) < count)
        if (now_us() > end || !turn(client))
            return false;
    return true;
}

static bool
measure_pictures(rfbClient *client, const char *pid, double count)
{
    double t0 = now_us(), cpu0 = cpu_us(pid);

    if (!take(client, count))
        return false;
    double cpu = cpu_us(pid) - cpu0, t = now_us() - t0;
    printf("cpu %.0f us\nrate %.2f /s\n", cpu / pictures(client),
           pictures(client) * 1e6 / t);
    return true;
}

static int
compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static bool
measure_keys(rfbClient *client, int count)
{
    static double times[MAX_KEYS];

    for (int i = 0; i < count; i++) {
        if (!rest(client, REST_US))
            return false;
        double t0 = now_us();
        pixels = 0;
        SendKeyEvent(client, KEY, TRUE);
        SendKeyEvent(client, KEY, FALSE);
        while (pixels == 0)
            if (now_us() > t0 + TOO_LONG_US || !turn(client))
                return false;
        times[i] = now_us() - t0;
        if (!take(client, 0.98 - pictures(client)))
            return false;
    }
    qsort(times, (size_t) count, sizeof *times, compare);
    printf("key %.0f us\n", times[count / 2]);
    return true;
}

int
main(int argc, char **argv)
{
    int count = argc >= 5 ? atoi(argv[4]) : 0;

    if (count < 1 || count > MAX_KEYS) {
        fprintf(stderr,
                "usage: vnc-client PID SOCKET ENCODING PICTURES [keys]\n");
        return 2;
    }
    rfbClient *client = connect_to(argv[2], argv[3]);
    if (client == NULL) {
        fprintf(stderr, "vnc-client: no VNC server at %s\n", argv[2]);
        return 1;
    }
    bool ok = argc > 5 ? rest(client, 1e6) && measure_keys(client, count)
                       : take(client, FIRST_PICTURES) &&
                             measure_pictures(client, argv[1], count);
    if (!ok)
        fprintf(stderr, "vnc-client: the server sent nothing more\n");
    return ok ? 0 : 1;
}
