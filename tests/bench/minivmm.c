/* tests/bench/minivmm.c - the floor: one KVM_RUN loop that boots a ROM image,
 * with interrupt controllers and timer in the kernel and a serial port that
 * only writes. Whatever a real program needs beyond this time is its own.
 *
 * usage: minivmm ROM MEMORY-MIB */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROM_SIZE   0x10000u
#define ROM_TOP    0xffff0000u /* below 4 GiB, and once more below 1 MiB */
#define ROM_LOW    0xf0000u
#define TSS        0xfeffd000u
#define COM1       0x3f8u
#define COM1_LSR   5u
#define COM1_SCR   7u
#define LSR_EMPTY  0x60u
#define MAX_CPUID  200
#define HYPERVISOR (1u << 31)
#define DEADLINE   (1u << 24) /* TSC deadline timer, CPUID.1:ECX */

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static void *
memory(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED)
        die("mmap");
    return at;
}

static void
map_slot(int vm, unsigned slot, uint64_t gpa, uint64_t size, void *host)
{
    struct kvm_userspace_memory_region r = {
        .slot = slot,
        .guest_phys_addr = gpa,
        .memory_size = size,
        .userspace_addr = (uintptr_t) host,
        .flags = slot >= 2 ? KVM_MEM_READONLY : 0,
    };

    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r) < 0)
        die("KVM_SET_USER_MEMORY_REGION");
}

static void
load_rom(int vm, const char *path)
{
    uint8_t *rom = memory(ROM_SIZE);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, rom, ROM_SIZE) != ROM_SIZE)
        die(path);
    close(fd);
    map_slot(vm, 2, ROM_TOP, ROM_SIZE, rom);
    map_slot(vm, 3, ROM_LOW, ROM_SIZE, rom);
}

static int
create_vm(int kvm)
{
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);

    if (vm < 0 || ioctl(vm, KVM_SET_TSS_ADDR, TSS) < 0 ||
        ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0 ||
        ioctl(vm, KVM_CREATE_PIT2, &pit) < 0)
        die("KVM_CREATE_VM");
    return vm;
}

static struct kvm_run *
create_vcpu(int kvm, int vm, int *ret_fd)
{
    struct kvm_cpuid2 *c =
        calloc(1, sizeof *c + MAX_CPUID * sizeof(struct kvm_cpuid_entry2));
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    int fd = ioctl(vm, KVM_CREATE_VCPU, 0);

    if (c == NULL)
        die("memory");
    c->nent = MAX_CPUID;
    if (fd < 0 || size < 0 || ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c) < 0)
        die("KVM_CREATE_VCPU");
    for (unsigned i = 0; i < c->nent; i++)
        if (c->entries[i].function == 1)
            c->entries[i].ecx |= HYPERVISOR | DEADLINE;
    if (ioctl(fd, KVM_SET_CPUID2, c) < 0)
        die("KVM_SET_CPUID2");
    free(c);
    *ret_fd = fd;
    struct kvm_run *run =
        mmap(NULL, (size_t) size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (run == MAP_FAILED)
        die("mmap of the CPU");
    return run;
}

static void
handle_io(struct kvm_run *run)
{
    uint8_t *data = (uint8_t *) run + run->io.data_offset;
    unsigned port = run->io.port;

    if (run->io.direction == KVM_EXIT_IO_IN)
        memset(data, port == COM1 + COM1_LSR ? LSR_EMPTY : 0xff,
               (size_t) run->io.size * run->io.count);
    else if (port == COM1 && write(STDOUT_FILENO, data, 1) != 1)
        die("serial port");
}

static void
run_cpu(int cpu, struct kvm_run *run)
{
    for (;;) {
        if (ioctl(cpu, KVM_RUN, 0) < 0 && errno != EINTR)
            die("KVM_RUN");
        switch (run->exit_reason) {
        case KVM_EXIT_IO: handle_io(run); break;
        case KVM_EXIT_MMIO:
            if (!run->mmio.is_write)
                memset(run->mmio.data, 0xff, sizeof run->mmio.data);
            break;
        case KVM_EXIT_INTR: break;
        default: fprintf(stderr, "exit %u\n", run->exit_reason); exit(1);
        }
    }
}

int
main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: minivmm ROM MEMORY-MIB\n");
        return 2;
    }
    size_t size = strtoul(argv[2], NULL, 10) << 20;
    int cpu, kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0)
        die("/dev/kvm");
    int vm = create_vm(kvm);
    uint8_t *ram = memory(size);
    map_slot(vm, 0, 0, 0xa0000, ram);
    map_slot(vm, 1, 0x100000, size - 0x100000, ram + 0x100000);
    load_rom(vm, argv[1]);
    struct kvm_run *run = create_vcpu(kvm, vm, &cpu);
    run_cpu(cpu, run);
    return 0;
}
