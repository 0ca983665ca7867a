/* tests/unit/fake-vm.c - see fake-vm.h. */
#include "tests/unit/fake-vm.h"

#include <errno.h>
#include <string.h>

static int
fake_set_level(void *backend, unsigned pin, bool level)
{
    FakeVm *vm = backend;

    if (level && !vm->level[pin])
        vm->rises[pin]++;
    vm->level[pin] = level;
    return 0;
}

static int
fake_send_msi(void *backend, guint64 address, guint32 data)
{
    FakeVm *vm = backend;

    __atomic_add_fetch(&vm->msis, 1, __ATOMIC_RELEASE); /* any thread */
    vm->last_msi_address = address;
    vm->last_msi_data = data;
    return 0;
}

static int
fake_set_pin_fd(void *backend, unsigned pin, int fd, int over_fd, bool bind)
{
    FakeVm *vm = backend;

    if (!vm->can_bind)
        return -ENOTSUP;
    g_assert(vm->pin_fd[pin] == (bind ? -1 : fd));
    g_assert(vm->pin_over_fd[pin] == (bind ? -1 : over_fd));
    vm->pin_fd[pin] = bind ? fd : -1;
    vm->pin_over_fd[pin] = bind ? over_fd : -1;
    *(bind ? &vm->binds : &vm->unbinds) += 1;
    return 0;
}

static const IrqBackendOps fake_irq_ops = {
    .set_level = fake_set_level,
    .send_msi = fake_send_msi,
    .set_pin_fd = fake_set_pin_fd,
};

static int
fake_slot_set(void *backend, unsigned slot, Gpa gpa, guint64 len, void *host,
              bool read_only, bool log_dirty)
{
    FakeVm *vm = backend;

    (void) log_dirty;
    vm->slots[slot] = (FakeSlot){gpa, len, host, read_only};
    return 0;
}

static int
fake_slot_clear(void *backend, unsigned slot)
{
    FakeVm *vm = backend;

    vm->slots[slot] = (FakeSlot){0};
    return 0;
}

static const MemBackendOps fake_mem_ops = {
    .slot_set = fake_slot_set,
    .slot_clear = fake_slot_clear,
};

static void
fake_request(DeviceEnv *env, MachineRequest what, const char *detail)
{
    FakeVm *vm = (FakeVm *) (void *) env;

    vm->requests++;
    vm->last_request = what;
    if (detail != NULL)
        g_string_append_printf(vm->log, "request: %s\n", detail);
}

static void
fake_log(DeviceEnv *env, const char *source, const char *line)
{
    FakeVm *vm = (FakeVm *) (void *) env;

    g_string_append_printf(vm->log, "%s: %s\n", source, line);
}

static bool
fake_speaker(DeviceEnv *env, SpeakerLine *ret_line)
{
    *ret_line = ((FakeVm *) (void *) env)->speaker;
    return ret_line->count != 0;
}

static void
fake_mute_timer(DeviceEnv *env, bool mute)
{
    ((FakeVm *) (void *) env)->timer_muted = mute;
}

FakeVm *
fake_vm_new(gsize ram_size)
{
    FakeVm *vm = g_new0(FakeVm, 1);

    vm->env.vm_name = "fake";
    memset(vm->pin_fd, -1, sizeof vm->pin_fd);
    memset(vm->pin_over_fd, -1, sizeof vm->pin_over_fd);
    vm->env.loop = loop_new_manual();
    vm->env.ports = io_space_new(IO_PORT);
    vm->env.mmio = io_space_new(IO_MMIO);
    vm->env.mem = guest_mem_new();
    guest_mem_set_backend(vm->env.mem, &fake_mem_ops, vm);
    vm->env.irq = irq_chip_new(&fake_irq_ops, vm);
    vm->env.request = fake_request;
    vm->env.log = fake_log;
    vm->env.speaker = fake_speaker;
    vm->env.mute_timer = fake_mute_timer;
    vm->log = g_string_new(NULL);
    io_space_set_memory(vm->env.mmio, vm->env.mem);
    vm->ram_size = (guint) ram_size;
    vm->ram = mem_backing_new(vm->env.mem, "ram", ram_size, NULL);
    mem_backing_allow_discard(vm->ram);
    g_assert(vm->ram != NULL);
    MemSlot *slot = mem_slot_new(vm->env.mem, "ram", vm->ram, 0, ram_size);
    int ret = mem_slot_map(slot, 0, MEM_RW);
    g_assert(ret == 0);
    return vm;
}

void
fake_vm_free(FakeVm *vm)
{
    loop_free(vm->env.loop);
    irq_chip_free(vm->env.irq);
    io_space_free(vm->env.ports);
    io_space_free(vm->env.mmio);
    guest_mem_free(vm->env.mem);
    g_string_free(vm->log, TRUE);
    g_free(vm);
}

void
fake_vm_realize(FakeVm *vm, Device *dev)
{
    g_autoptr(GError) error = NULL;

    if (!device_realize(dev, &vm->env, &error))
        g_error("%s: %s", dev->id, error->message);
    device_reset(dev, RESET_COLD);
}

guint8
fake_in8(FakeVm *vm, guint16 port)
{
    return (guint8) io_read(vm->env.ports, port, 1);
}

guint16
fake_in16(FakeVm *vm, guint16 port)
{
    return (guint16) io_read(vm->env.ports, port, 2);
}

guint32
fake_in32(FakeVm *vm, guint16 port)
{
    return (guint32) io_read(vm->env.ports, port, 4);
}

void
fake_out8(FakeVm *vm, guint16 port, guint8 value)
{
    io_write(vm->env.ports, port, value, 1);
}

void
fake_out16(FakeVm *vm, guint16 port, guint16 value)
{
    io_write(vm->env.ports, port, value, 2);
}

void
fake_out32(FakeVm *vm, guint16 port, guint32 value)
{
    io_write(vm->env.ports, port, value, 4);
}

guint64
fake_mmio_read(FakeVm *vm, Gpa addr, unsigned size)
{
    return io_read(vm->env.mmio, addr, size);
}

void
fake_mmio_write(FakeVm *vm, Gpa addr, guint64 value, unsigned size)
{
    io_write(vm->env.mmio, addr, value, size);
}

guint8 *
fake_cpu_ptr(FakeVm *vm, Gpa addr, guint64 len, bool write)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(vm->slots); i++) {
        const FakeSlot *s = &vm->slots[i];
        if (addr >= s->gpa && addr - s->gpa < s->len &&
            len <= s->len - (addr - s->gpa) && !(write && s->read_only))
            return s->host + (addr - s->gpa);
    }
    return NULL;
}

bool
fake_cpu_reads(FakeVm *vm, Gpa addr, unsigned size, guint64 value)
{
    const guint8 *at = fake_cpu_ptr(vm, addr, size, false);
    guint64 le = GUINT64_TO_LE(value);

    return at != NULL && memcmp(at, &le, size) == 0;
}

guint8 *
fake_ram(FakeVm *vm)
{
    return mem_backing_host(vm->ram);
}

void
fake_advance(FakeVm *vm, gint64 ns)
{
    loop_advance(vm->env.loop, ns);
}
