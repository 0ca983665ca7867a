/* tests/fuzz/fuzz-control.c - bytes of a client of the control socket. */
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/fake-machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    size_t at = 0;

    while (at < size) {
        ssize_t n = send(fd, data + at, size - at, MSG_NOSIGNAL);
        fake_machine_settle(fm);
        if (n < 0 || control_server_clients(fm->server) == 0)
            break;
        at += (size_t) n;
    }
    fake_machine_settle(fm);
    close(fd);
    fake_machine_free(fm);
    return 0;
}
