/* vmm/audio/wav.c - output "wav": RIFF/WAVE, PCM, 16 bits, stereo (Multimedia
 * Programming Interface and Data Specifications 1.0). It begins with the first
 * sound, and of a long silence one second is kept. Sizes are written after each
 * piece, so that the file of a machine that was killed can be played. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/audio/audio-internal.h"
#include "vmm/core/sysutil.h"

#define HEADER_BYTES 44u
#define FRAME_BYTES  4u
#define MAX_BYTES    (2000u << 20) /* many programs take sizes as signed */

struct AudioOutput {
    int fd;
    guint32 bytes; /* of samples */
};

static void
put32(guint8 *at, guint32 value)
{
    guint32 le = GUINT32_TO_LE(value);

    memcpy(at, &le, sizeof le);
}

static bool
write_header(AudioOutput *w)
{
    guint8 h[HEADER_BYTES] = "RIFF\0\0\0\0WAVEfmt ";

    put32(h + 4, HEADER_BYTES - 8 + w->bytes);
    put32(h + 16, 16);
    put32(h + 20, 1 | 2u << 16); /* PCM, two channels */
    put32(h + 24, AUDIO_RATE);
    put32(h + 28, AUDIO_RATE * FRAME_BYTES);
    put32(h + 32, FRAME_BYTES | 16u << 16);
    memcpy(h + 36, "data", 4);
    put32(h + 40, w->bytes);
    return SYS_RETRY(pwrite(w->fd, h, sizeof h, 0)) == (ssize_t) sizeof h;
}

static AudioOutput *
wav_open(const AudioSpec *spec, char **ret_error)
{
    struct stat st;
    /* not through a symbolic link; a pipe nobody reads must not block us */
    int fd = SYS_RETRY(open(spec->file,
                            O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
                                O_NONBLOCK | O_NOCTTY,
                            0600));

    if (fd < 0) {
        *ret_error = g_strdup_printf(
            "sound file '%s' cannot be written: %s; choose another path",
            spec->file, g_strerror(errno));
        return NULL;
    }
    AudioOutput *w = g_new0(AudioOutput, 1);
    w->fd = fd;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ftruncate(fd, 0) == 0 &&
        write_header(w) && lseek(fd, HEADER_BYTES, SEEK_SET) >= 0)
        return w;
    *ret_error =
        g_strdup_printf("sound file '%s' is not a regular file, or the disk is "
                        "full; choose another path",
                        spec->file);
    sys_close(&w->fd);
    g_free(w);
    return NULL;
}

static void
wav_close(AudioOutput *w)
{
    (void) write_header(w); /* it says nearly as much already */
    sys_close(&w->fd);
    g_free(w);
}

static gssize
wav_wanted(AudioOutput *w, gsize due)
{
    return (gssize) due;
}

static bool
wav_write(AudioOutput *w, const gint16 *frames, gsize n, char **ret_error)
{
    guint32 len = (guint32) (n * FRAME_BYTES);

    if (len > MAX_BYTES - w->bytes) {
        *ret_error = g_strdup("the sound file has its largest size");
        return false;
    }
    if (!sys_write_all(w->fd, frames, len)) {
        *ret_error = g_strdup_printf("the sound file cannot be written: %s",
                                     g_strerror(errno));
        return false;
    }
    w->bytes += len;
    if (write_header(w))
        return true;
    *ret_error = g_strdup("the sound file cannot be written");
    return false;
}

const AudioOutputOps audio_wav_ops = {
    .name = "wav",
    .latency_ns = AUDIO_MAX_LATE * 3 / 2,
    .open = wav_open,
    .close = wav_close,
    .wanted = wav_wanted,
    .write = wav_write,
    .follows_guest = true,
};
