/* tests/lab/oss-volume.c - turns all knobs of the first card up, by the OSS
 * mixer: Linux leaves cards muted. */
#include <linux/ioctl.h>

#include "bare.h"

#define OSS_CHANNELS 25
#define OSS_FULL     0x6464 /* percent, left and right */

void
_start(void)
{
    static const char done[] = "volume-is-up\n";
    int fd = (int) call(SYS_OPEN, (long) "/dev/mixer", OPEN_RW, 0);

    if (fd < 0)
        end(1);
    for (unsigned i = 0; i < OSS_CHANNELS; i++) { /* few are there */
        int volume = OSS_FULL;
        call(SYS_IOCTL, fd, (long) _IOWR('M', i, int), (long) &volume);
    }
    call(SYS_WRITE, 1, (long) done, sizeof done - 1);
    end(0);
}
