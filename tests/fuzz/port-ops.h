/* tests/fuzz/port-ops.h - a fuzzer's bytes as a guest: each four bytes are one
 * port access or a step of time. */
#pragma once

#include <stdint.h>

#include "tests/unit/fake-vm.h"

/* Byte 0: bits 0-1 size, 2 write, 3 time passes; byte 1 picks the port,
 * bytes 2-3 are the value (repeated in the upper half of a dword). */
static inline void
run_port_ops(FakeVm *vm, const guint16 *ports, unsigned n_ports,
             const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 4 <= size; i += 4) {
        guint16 port = ports[data[i + 1] % n_ports];
        guint32 value = (guint32) (data[i + 2] | data[i + 3] << 8) * 0x10001u;
        unsigned width = 1u << MIN(data[i] & 3, 2);

        if ((data[i] & 8) != 0)
            fake_advance(vm, (gint64) (value & 0xffff) << (data[i] >> 4 & 15));
        else if ((data[i] & 4) != 0)
            io_write(vm->env.ports, port, value, width);
        else
            (void) io_read(vm->env.ports, port, width);
    }
}

/* What the guest did can be saved, restored and reset. */
static inline void
check_state(Device *dev)
{
    g_autoptr(GByteArray) saved = g_byte_array_new();

    if (dev->klass->state == NULL)
        return;
    device_save(dev, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    g_autoptr(GError) error = NULL;
    if (!device_restore(dev, bytes, &error))
        g_error("%s: own state refused: %s", dev->klass->name, error->message);
    device_reset(dev, RESET_COLD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
