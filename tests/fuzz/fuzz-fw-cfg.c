/* tests/fuzz/fuzz-fw-cfg.c - fw_cfg: the input is the guest's memory with DMA
 * commands in it, and then its port accesses. */
#include <string.h>

#include "devices/firmware/fw-cfg.h"
#include "tests/fuzz/port-ops.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const guint16 ports[] = {0x510, 0x511, 0x514, 0x518, 0x519};
    FakeVm *vm = fake_vm_new(0x10000);
    Device *dev = device_new(&fw_cfg_class, "fw");
    g_autoptr(GBytes) file = g_bytes_new_static("content", 7);

    fake_vm_realize(vm, dev);
    fw_cfg_add_file(dev, "etc/file", file);
    memcpy(fake_ram(vm), data, MIN(size, 0x1000));
    for (guint32 at = 0; at + 16 <= MIN(size, 0x200); at += 16)
        fake_out32(vm, 0x518, GUINT32_TO_BE(at));
    run_port_ops(vm, ports, G_N_ELEMENTS(ports), data, size);
    check_state(dev);
    device_free(dev);
    fake_vm_free(vm);
    return 0;
}
