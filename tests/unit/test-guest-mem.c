/* tests/unit/test-guest-mem.c - slots, dirty logs, DMA. */
#include <errno.h>
#include <string.h>

#include "tests/unit/cu-main.h"
#include "vmm/core/error.h"
#include "vmm/mem/dma.h"
#include "vmm/mem/guest-mem.h"

#define PAGE 4096u

typedef struct {
    GuestMem *mem;
    MemBacking *ram;
    MemSlot *low, *high;
    Dma *dma;
} Fixture;

/* RAM at 0..16 KiB and 1 MiB..+16 KiB, one backing. */
static Fixture
begin(void)
{
    Fixture f = {.mem = guest_mem_new()};

    f.ram = mem_backing_new(f.mem, "ram", 8 * PAGE, NULL);
    f.low = mem_slot_new(f.mem, "low", f.ram, 0, 4 * PAGE);
    f.high = mem_slot_new(f.mem, "high", f.ram, 4 * PAGE, 4 * PAGE);
    CU_ASSERT_EQUAL(mem_slot_map(f.low, 0, MEM_RW), 0);
    CU_ASSERT_EQUAL(mem_slot_map(f.high, 0x100000, MEM_RW), 0);
    f.dma = dma_new(f.mem);
    return f;
}

static void
end(Fixture *f)
{
    dma_free(f->dma);
    guest_mem_free(f->mem);
}

static void
test_copy(void)
{
    Fixture f = begin();
    char out[6] = "";

    CU_ASSERT_EQUAL(dma_write(f.dma, 0x100010, "hello", 6), 0);
    CU_ASSERT_STRING_EQUAL((char *) mem_backing_host(f.ram) + 4 * PAGE + 0x10,
                           "hello");
    CU_ASSERT_EQUAL(dma_read(f.dma, 0x100010, out, 6), 0);
    CU_ASSERT_STRING_EQUAL(out, "hello");
    end(&f);
}

static void
test_hole_copies_nothing(void)
{
    Fixture f = begin();
    guint8 buf[32];

    memset(buf, 0xaa, sizeof buf);
    CU_ASSERT_EQUAL(dma_read(f.dma, 4 * PAGE - 16, buf, 32), -EFAULT);
    CU_ASSERT_EQUAL(buf[0], 0xaa);
    CU_ASSERT_EQUAL(dma_write(f.dma, 4 * PAGE - 16, buf, 32), -EFAULT);
    CU_ASSERT_EQUAL(((guint8 *) mem_backing_host(f.ram))[4 * PAGE - 16], 0);
    end(&f);
}

static void
test_wrapping_address(void)
{
    Fixture f = begin();
    guint8 byte = 0;

    CU_ASSERT_EQUAL(dma_read(f.dma, G_MAXUINT64, &byte, 1), -EFAULT);
    CU_ASSERT_EQUAL(dma_read(f.dma, 0, &byte, G_MAXSIZE), -EFAULT);
    end(&f);
}

static void
test_adjacent_slots(void)
{
    Fixture f = begin();
    guint8 buf[8] = {1, 2, 3, 4, 5, 6, 7, 8}, back[8] = {0};

    mem_slot_unmap(f.high);
    CU_ASSERT_EQUAL(mem_slot_map(f.high, 4 * PAGE, MEM_RW), 0);
    CU_ASSERT_EQUAL(dma_write(f.dma, 4 * PAGE - 4, buf, 8), 0);
    CU_ASSERT_EQUAL(dma_read(f.dma, 4 * PAGE - 4, back, 8), 0);
    CU_ASSERT_EQUAL(memcmp(buf, back, 8), 0);
    end(&f);
}

static void
test_rom(void)
{
    Fixture f = begin();
    guint8 byte = 7;

    CU_ASSERT_EQUAL(mem_slot_map(f.high, 0x100000, MEM_RO), 0);
    CU_ASSERT_EQUAL(dma_write(f.dma, 0x100000, &byte, 1), -EFAULT);
    CU_ASSERT_EQUAL(dma_read(f.dma, 0x100000, &byte, 1), 0);
    CU_ASSERT_EQUAL(byte, 0);
    CU_ASSERT_PTR_NULL(guest_mem_ptr(f.mem, 0x100000, 1, true));
    CU_ASSERT_PTR_NOT_NULL(guest_mem_ptr(f.mem, 0x100000, 1, false));
    end(&f);
}

static void
test_bad_maps(void)
{
    Fixture f = begin();

    CU_ASSERT_EQUAL(mem_slot_map(f.high, 3 * PAGE, MEM_RW), -EEXIST);
    CU_ASSERT_EQUAL(mem_slot_map(f.high, 0x100001, MEM_RW), -EINVAL);
    CU_ASSERT_EQUAL(
        mem_slot_map(f.high, (G_GUINT64_CONSTANT(1) << 52) - PAGE, MEM_RW),
        -EINVAL);
    end(&f);
}

static void
test_bus_master_off(void)
{
    Fixture f = begin();
    guint8 byte = 0;
    DmaSeg seg = {0, 1, false};
    struct iovec iov;

    dma_set_enabled(f.dma, false);
    CU_ASSERT_EQUAL(dma_read(f.dma, 0, &byte, 1), -EACCES);
    CU_ASSERT_EQUAL(dma_pin(f.dma, &seg, 1, &iov, 1), -EACCES);
    end(&f);
}

static void
test_pin_splits(void)
{
    Fixture f = begin();
    struct iovec iov[2];
    DmaSeg seg = {4 * PAGE - 100, 200, true};

    mem_slot_unmap(f.high);
    mem_slot_map(f.high, 4 * PAGE, MEM_RW);
    CU_ASSERT_EQUAL(dma_pin(f.dma, &seg, 1, iov, 1), -ENOBUFS);
    CU_ASSERT_EQUAL(dma_pin(f.dma, &seg, 1, iov, 2), 2);
    CU_ASSERT_EQUAL(iov[0].iov_len, 100);
    CU_ASSERT_EQUAL(iov[1].iov_len, 100);
    seg.addr = 8 * PAGE - 1;
    CU_ASSERT_EQUAL(dma_pin(f.dma, &seg, 1, iov, 2), -EFAULT);
    end(&f);
}

static void
test_atomic_loads(void)
{
    Fixture f = begin();
    guint64 value = 0;

    CU_ASSERT_EQUAL(dma_store_le(f.dma, 0x20, 4, 0x11223344), 0);
    CU_ASSERT_EQUAL(dma_load_le(f.dma, 0x20, 2, &value), 0);
    CU_ASSERT_EQUAL(value, 0x3344);
    CU_ASSERT_EQUAL(dma_load_le(f.dma, 0x21, 2, &value), 0);
    CU_ASSERT_EQUAL(value, 0x2233);
    CU_ASSERT_EQUAL(dma_load_le(f.dma, 0x80000, 2, &value), -EFAULT);
    CU_ASSERT_EQUAL(value, 0x2233);
    end(&f);
}

static void
test_dirty_log(void)
{
    Fixture f = begin();
    guint64 bits = 0;
    struct iovec iov;
    DmaSeg seg = {0x103000, 16, true};

    CU_ASSERT_EQUAL(dma_write(f.dma, 0x100000, "x", 1), 0);
    mem_slot_set_dirty_log(f.high, true);
    CU_ASSERT_FALSE(mem_slot_dirty_fetch(f.high, &bits));
    dma_write(f.dma, 0x100fff, "xy", 2);
    CU_ASSERT_EQUAL(dma_pin(f.dma, &seg, 1, &iov, 1), 1);
    dma_unpin(f.dma, &iov, 1, 16);
    CU_ASSERT_TRUE(mem_slot_dirty_fetch(f.high, &bits));
    CU_ASSERT_EQUAL(bits, 0x0b);
    CU_ASSERT_FALSE(mem_slot_dirty_fetch(f.high, &bits));
    end(&f);
}

/* KVM and devices by io_uring must see the same page after a fork; huge pages
 * need the alignment. */
static void
test_private_ram(void)
{
    Fixture f = begin();
    MemBacking *ram = mem_backing_new_private(f.mem, "ram", 16 * PAGE, NULL);
    MemBacking *file = mem_backing_new(f.mem, "rom", PAGE, NULL);

    CU_ASSERT_EQUAL(mem_backing_fd(ram), -1);
    CU_ASSERT_TRUE(mem_backing_fd(file) >= 0);
    CU_ASSERT_EQUAL((guintptr) mem_backing_host(ram) % (2 << 20), 0);
    CU_ASSERT_EQUAL(((guint8 *) mem_backing_host(ram))[16 * PAGE - 1], 0);
    CU_ASSERT_EQUAL(guest_mem_total(f.mem), 25 * PAGE);
    mem_backing_fill(ram, 15 * PAGE + 1, "private", 7);
    mem_backing_fill(file, PAGE - 6, "shared", 6);
    CU_ASSERT_NSTRING_EQUAL((char *) mem_backing_host(ram) + 15 * PAGE + 1,
                            "private", 7);
    CU_ASSERT_NSTRING_EQUAL((char *) mem_backing_host(file) + PAGE - 6,
                            "shared", 6);
    end(&f);
}

/* Writes all, gives one page back, and looks at what is left. */
static void
check_discard(MemBacking *(*make)(GuestMem *, const char *, guint64,
                                  GError **) )
{
    GuestMem *mem = guest_mem_new();
    MemBacking *ram = make(mem, "ram", 4 * PAGE, NULL);
    MemSlot *slot = mem_slot_new(mem, "ram", ram, 0, 4 * PAGE);
    guint8 *host = mem_backing_host(ram);

    CU_ASSERT_EQUAL(mem_slot_map(slot, 0x10000, MEM_RW), 0);
    memset(host, 7, 4 * PAGE);
    CU_ASSERT_EQUAL(guest_mem_discard(mem, 0x11000, PAGE), -EACCES);
    mem_backing_allow_discard(ram);
    CU_ASSERT_EQUAL(guest_mem_discard(mem, 0x11000, PAGE), 0);
    CU_ASSERT_EQUAL(host[PAGE - 1], 7);
    CU_ASSERT_EQUAL(host[PAGE], 0);
    CU_ASSERT_EQUAL(host[2 * PAGE - 1], 0);
    CU_ASSERT_EQUAL(host[2 * PAGE], 7);
    CU_ASSERT_EQUAL(guest_mem_discard_host(mem, host + 3 * PAGE, PAGE), 0);
    CU_ASSERT_EQUAL(host[3 * PAGE], 0);
    guest_mem_free(mem);
}

static void
test_discard(void)
{
    check_discard(mem_backing_new);
    check_discard(mem_backing_new_private);
}

static void
test_discard_refuses(void)
{
    Fixture f = begin();
    guint8 *host = mem_backing_host(f.ram);

    mem_backing_allow_discard(f.ram);
    memset(host, 7, 8 * PAGE);
    CU_ASSERT_EQUAL(guest_mem_discard(f.mem, 1, PAGE), -EINVAL);
    CU_ASSERT_EQUAL(guest_mem_discard(f.mem, 0, 100), -EINVAL);
    CU_ASSERT_EQUAL(guest_mem_discard(f.mem, 0x80000, PAGE), -EFAULT);
    CU_ASSERT_EQUAL(guest_mem_discard_host(f.mem, host, 9 * PAGE), -EFAULT);
    CU_ASSERT_EQUAL(guest_mem_discard_host(f.mem, host + 1, PAGE), -EINVAL);
    guest_mem_keep(f.mem);
    CU_ASSERT_EQUAL(guest_mem_discard(f.mem, 0, PAGE), -EBUSY);
    CU_ASSERT_EQUAL(host[0], 7);
    guest_mem_let_go(f.mem);
    CU_ASSERT_EQUAL(mem_slot_map(f.low, 0, MEM_RO), 0);
    CU_ASSERT_EQUAL(guest_mem_discard(f.mem, 0, PAGE), -EACCES);
    CU_ASSERT_EQUAL(host[0], 7);
    end(&f);
}

/* A CPU finds it, a device finds a hole: also a pin and a ring. */
static void
test_cpus_only(void)
{
    Fixture f = begin();
    MemBacking *registers = mem_backing_new(f.mem, "registers", PAGE, NULL);
    MemSlot *slot = mem_slot_new(f.mem, "registers", registers, 0, PAGE);
    DmaSeg seg = {4 * PAGE, 16, false};
    struct iovec iov;
    guint64 value = 0;
    guint32 word = 7;

    mem_backing_set_cpus_only(registers);
    CU_ASSERT_EQUAL(mem_slot_map(slot, 4 * PAGE, MEM_RO), 0);
    CU_ASSERT_TRUE(mem_slot_is_mapped(slot, NULL));
    CU_ASSERT_EQUAL(mem_slot_map(f.high, 4 * PAGE, MEM_RW), -EEXIST);
    CU_ASSERT_PTR_NULL(guest_mem_ptr(f.mem, 4 * PAGE, 4, false));
    CU_ASSERT_EQUAL(dma_read(f.dma, 4 * PAGE, &word, 4), -EFAULT);
    CU_ASSERT_EQUAL(dma_load_le(f.dma, 4 * PAGE, 2, &value), -EFAULT);
    CU_ASSERT_EQUAL(dma_pin(f.dma, &seg, 1, &iov, 1), -EFAULT);
    CU_ASSERT_EQUAL(word, 7);
    end(&f);
}

/* The number of free huge pages is the host's: what cannot be had is refused
 * in words, and what can is aligned and all there. */
static void
test_huge_pages(void)
{
    GuestMem *mem = guest_mem_new();
    g_autoptr(GError) error = NULL;
    guint64 too_many = G_GUINT64_CONSTANT(1) << 46;

    CU_ASSERT_EQUAL(mem_pages_size(MEM_PAGES_TRANSPARENT), 0);
    CU_ASSERT_EQUAL(mem_pages_size(MEM_PAGES_SMALL), 0);
    CU_ASSERT_EQUAL(mem_pages_size(MEM_PAGES_2M), 2 << 20);
    CU_ASSERT_EQUAL(mem_pages_size(MEM_PAGES_1G), 1 << 30);
    CU_ASSERT_PTR_NULL(
        mem_backing_new_ram(mem, "ram", too_many, MEM_PAGES_2M, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(error->message, "'ram' needs 33554432 huge pages of 2 MiB"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "memory.hugepages"));
    CU_ASSERT_EQUAL(guest_mem_total(mem), 0);
    guest_mem_free(mem);
}

static void
test_huge_pages_are_kept(void)
{
    GuestMem *mem = guest_mem_new();
    /* a page and a half */
    MemBacking *ram =
        mem_backing_new_ram(mem, "ram", 3 << 20, MEM_PAGES_2M, NULL);

    if (ram != NULL) { /* the host has some */
        MemSlot *slot = mem_slot_new(mem, "ram", ram, 0, 3 << 20);
        guint8 *host = mem_backing_host(ram);
        CU_ASSERT_EQUAL((guintptr) host % (2 << 20), 0);
        CU_ASSERT_EQUAL(mem_backing_len(ram), 3 << 20);
        CU_ASSERT_EQUAL(mem_slot_map(slot, 0, MEM_RW), 0);
        mem_backing_fill(ram, (2 << 20) - 2, "huge", 4);
        CU_ASSERT_NSTRING_EQUAL((char *) host + (2 << 20) - 2, "huge", 4);
        mem_backing_allow_discard(ram); /* has no effect */
        CU_ASSERT_EQUAL(guest_mem_discard(mem, 0, PAGE), -EACCES);
    }
    guest_mem_free(mem);
    CU_PASS("with or without huge pages on this host");
}

static void
test_small_pages(void)
{
    GuestMem *mem = guest_mem_new();
    MemBacking *ram =
        mem_backing_new_ram(mem, "ram", 16 * PAGE, MEM_PAGES_SMALL, NULL);

    CU_ASSERT_EQUAL(mem_backing_fd(ram), -1);
    CU_ASSERT_EQUAL(((guint8 *) mem_backing_host(ram))[16 * PAGE - 1], 0);
    guest_mem_free(mem);
}

CU_MAIN("guest-mem", {"dma_reads_what_dma_wrote", test_copy},
        {"a_range_with_a_hole_copies_nothing", test_hole_copies_nothing},
        {"addresses_that_wrap_are_refused", test_wrapping_address},
        {"a_copy_crosses_adjacent_slots", test_adjacent_slots},
        {"rom_can_be_read_but_not_written", test_rom},
        {"overlapping_or_unaligned_maps_are_refused", test_bad_maps},
        {"nothing_moves_while_bus_mastering_is_off", test_bus_master_off},
        {"a_pin_splits_at_slots_and_refuses_holes", test_pin_splits},
        {"ring_loads_are_little_endian_and_checked", test_atomic_loads},
        {"the_dirty_log_has_pages_written_by_dma", test_dirty_log},
        {"private_ram_is_aligned_and_has_no_descriptor", test_private_ram},
        {"discarded_pages_and_no_others_read_as_zero", test_discard},
        {"what_is_no_free_ram_is_not_discarded", test_discard_refuses},
        {"registers_are_no_memory_for_a_device", test_cpus_only},
        {"too_few_huge_pages_are_refused_in_words", test_huge_pages},
        {"reserved_pages_are_aligned_and_kept", test_huge_pages_are_kept},
        {"small_pages_are_private_ram", test_small_pages})
