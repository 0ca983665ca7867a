/* tests/unit/nic-rig.c - see nic-rig.h. */
#include "tests/unit/nic-rig.h"
#include "tests/unit/pci-config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEVFN PCI_DEVFN(12, 0)

guint32
nr_config(NicRig *r, unsigned offset)
{
    return pci_config_get(r->bus, DEVFN, offset, 4);
}

void
nr_config_write(NicRig *r, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(r->bus, DEVFN, offset, value, size);
}

static void
set_irq(void *data, unsigned pirq, bool level)
{
    NicRig *r = data;

    r->n_irqs += level && !r->irq;
    r->irq = level;
}

void
nic_rig_map(NicRig *r)
{
    guint32 mmio = NR_MMIO, ports = NR_PORTS;

    if (r->bus == NULL)
        return;
    for (unsigned i = 0; i < PCI_NUM_BARS; i++) {
        unsigned reg = PCI_BAR0 + 4 * i;
        nr_config_write(r, reg, G_MAXUINT32, 4);
        guint32 answer = nr_config(r, reg);
        if (answer == 0)
            continue;
        bool io = (answer & 1) != 0;
        nr_config_write(r, reg, io ? ports : mmio, 4);
        if (io)
            ports += 0x100;
        else
            mmio += 0x100000;
    }
    nr_config_write(r, PCI_COMMAND,
                    PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
                    2);
}

static bool
has_bus(const DeviceClass *klass)
{
    for (const PropDesc *p = klass->props; p->name != NULL; p++)
        if (strcmp(p->name, "bus") == 0)
            return true;
    return false;
}

static void
make_card(NicRig *r, const DeviceClass *klass, const char *option,
          guint64 value)
{
    r->dev = device_new(klass, "net0");
    device_set_link(r->dev, "net", r->link);
    if (r->bus != NULL) {
        device_set_link(r->dev, "bus", r->bus);
        device_set_u64(r->dev, "addr", DEVFN, NULL);
    }
    if (option != NULL)
        device_set_u64(r->dev, option, value, NULL);
    fake_vm_realize(r->vm, r->dev);
}

void
nic_rig_init(NicRig *r, const DeviceClass *klass, const char *option,
             guint64 value)
{
    int fds[2];

    *r = (NicRig){.host = -1};
    r->vm = fake_vm_new(NR_RAM);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0)
        abort();
    const NetSpec spec = {
        .kind = "socket", .name = "net0", .fds = fds, .n_fds = 1};
    r->link = net_open(&spec, r->vm->env.loop, NULL);
    if (r->link == NULL)
        abort();
    r->host = fds[1];
    if (has_bus(klass)) {
        r->bus = pci_bus_new(&r->vm->env);
        pci_bus_set_irq_router(r->bus, set_irq, r);
    }
    make_card(r, klass, option, value);
    nic_rig_map(r);
}

void
nic_rig_free(NicRig *r)
{
    device_free(r->dev);
    net_close(r->link);
    close(r->host);
    if (r->bus != NULL)
        pci_bus_free(r->bus);
    fake_vm_free(r->vm);
}

void
nic_rig_move(NicRig *r)
{
    const DeviceClass *klass = r->dev->klass;
    GByteArray *out = g_byte_array_new();

    device_quiesce(r->dev);
    device_save(r->dev, out);
    device_free(r->dev);
    make_card(r, klass, NULL, 0);
    device_quiesce(r->dev);
    g_autoptr(GBytes) state = g_byte_array_free_to_bytes(out);
    if (!device_restore(r->dev, state, NULL))
        abort();
    device_resume(r->dev);
    nr_run(r);
}

void
nr_run(NicRig *r)
{
    for (unsigned i = 0; i < 4; i++)
        fake_advance(r->vm, 0);
}

guint32
nr_read(NicRig *r, guint32 reg)
{
    return (guint32) fake_mmio_read(r->vm, NR_MMIO + reg, 4);
}

void
nr_write(NicRig *r, guint32 reg, guint32 value)
{
    fake_mmio_write(r->vm, NR_MMIO + reg, value, 4);
    nr_run(r);
}

void
nr_put32(NicRig *r, guint64 at, guint32 value)
{
    memcpy(fake_ram(r->vm) + at, &value, sizeof value);
}

void
nr_put64(NicRig *r, guint64 at, guint64 value)
{
    memcpy(fake_ram(r->vm) + at, &value, sizeof value);
}

guint32
nr_get32(NicRig *r, guint64 at)
{
    guint32 value;

    memcpy(&value, fake_ram(r->vm) + at, sizeof value);
    return value;
}

void
nr_pattern(guint8 *frame, gsize len, guint8 seed)
{
    for (gsize i = 0; i < len; i++)
        frame[i] = (guint8) (i * 7 + seed);
    memcpy(frame, (const guint8[]){0x52, 0x54, 0, 0x12, 0x34, 0x56}, 6);
    memcpy(frame + 12, (const guint8[]){0x88, 0xb5}, 2);
}

void
nr_host_sends(NicRig *r, const guint8 *frame, gsize len)
{
    g_autofree guint8 *message = g_malloc0(NR_HDR + len);

    memcpy(message + NR_HDR, frame, len);
    if (send(r->host, message, NR_HDR + len, MSG_DONTWAIT) < 0)
        abort();
    nr_run(r);
}

void
nr_host_sends_pattern(NicRig *r, gsize len, guint8 seed)
{
    g_autofree guint8 *frame = g_malloc(len);

    nr_pattern(frame, len, seed);
    nr_host_sends(r, frame, len);
}

gsize
nr_host_gets(NicRig *r, guint8 *frame, gsize cap)
{
    struct iovec iov[2] = {{r->header, NR_HDR}, {frame, cap}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    gssize got = recvmsg(r->host, &m, MSG_DONTWAIT);

    return got < (gssize) NR_HDR ? 0 : (gsize) got - NR_HDR;
}

bool
nr_host_gets_pattern(NicRig *r, gsize len, guint8 seed)
{
    guint8 want[2048], got[2048];

    nr_pattern(want, len, seed);
    return nr_host_gets(r, got, sizeof got) == len &&
           memcmp(want, got, len) == 0;
}

bool
nr_guest_has_pattern(NicRig *r, guint64 at, gsize len, guint8 seed)
{
    guint8 want[2048];

    nr_pattern(want, len, seed);
    return memcmp(fake_ram(r->vm) + at, want, len) == 0;
}
