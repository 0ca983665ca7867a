/* tests/unit/test-pci-msix.c - the MSI-X capability, its table and pending
 * bits, on a card of the virtio kind. */
#include <string.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-card.h"

#define ENTRY(v) (VR_MSIX + 16 * (v))
#define PBA      (VR_MSIX + 0x800)
#define ENABLE   0x8000u
#define MASK_ALL 0x4000u

typedef struct {
    VirtioRig r;
    VirtioCard *card;
    unsigned cap;
} Fixture;

static void
begin(Fixture *f)
{
    f->card = virtio_card_begin(&f->r, VR_PCI);
    f->cap = vr_capability(&f->r, 0x11, 0);
}

static void
end(Fixture *f)
{
    virtio_rig_free(&f->r);
}

static void
control(Fixture *f, guint32 value)
{
    vr_config_write(&f->r, f->cap + 2, value, 2);
}

static void
mask(Fixture *f, unsigned v, bool on)
{
    fake_mmio_write(f->r.vm, ENTRY(v) + 12, on, 4);
}

static void
send(Fixture *f, unsigned v)
{
    virtio_lock(f->r.v);
    pci_msix_send(&f->r.v->msix, v);
    virtio_unlock(f->r.v);
}

static void
test_capability(void)
{
    Fixture f;

    begin(&f);
    CU_ASSERT_NOT_EQUAL(f.cap, 0);
    /* three queues and the configuration; off, nothing masked */
    CU_ASSERT_EQUAL(vr_config_read(&f.r, f.cap + 2, 2), 3);
    CU_ASSERT_EQUAL(vr_config_read(&f.r, f.cap + 4, 4), 0x001);
    CU_ASSERT_EQUAL(vr_config_read(&f.r, f.cap + 8, 4), 0x801);
    control(&f, 0xffff);
    CU_ASSERT_EQUAL(vr_config_read(&f.r, f.cap + 2, 2), 0xc003);
    end(&f);
}

static void
test_table(void)
{
    Fixture f;

    begin(&f);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, ENTRY(3) + 12, 4), 1);
    fake_mmio_write(f.r.vm, ENTRY(3), 0x12345678aabbccddull, 8);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, ENTRY(3), 4), 0xaabbccdd);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, ENTRY(3) + 4, 4), 0x12345678);
    fake_mmio_write(f.r.vm, ENTRY(3) + 12, G_MAXUINT32, 4);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, ENTRY(3) + 12, 4), 1);
    /* there is no fifth */
    fake_mmio_write(f.r.vm, ENTRY(4), 0xff, 4);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, ENTRY(4), 4), 0);
    end(&f);
}

static void
test_send(void)
{
    Fixture f;

    begin(&f);
    vr_enable_msix(&f.r, 4);
    send(&f, 2);
    CU_ASSERT_EQUAL(f.r.vm->msis, 1);
    CU_ASSERT_EQUAL(f.r.vm->last_msi_address, 0xfee00000);
    CU_ASSERT_EQUAL(f.r.vm->last_msi_data, 0x42);
    /* another place */
    fake_mmio_write(f.r.vm, ENTRY(2), 0xfee01000, 4);
    fake_mmio_write(f.r.vm, ENTRY(2) + 8, 0x99, 4);
    send(&f, 2);
    CU_ASSERT_EQUAL(f.r.vm->last_msi_address, 0xfee01000);
    CU_ASSERT_EQUAL(f.r.vm->last_msi_data, 0x99);
    end(&f);
}

static void
test_masks(void)
{
    Fixture f;

    begin(&f);
    vr_enable_msix(&f.r, 4);
    mask(&f, 1, true);
    send(&f, 1);
    send(&f, 1);
    CU_ASSERT_EQUAL(f.r.vm->msis, 0);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, PBA, 8), 2);
    mask(&f, 1, false);
    CU_ASSERT_EQUAL(f.r.vm->msis, 1);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, PBA, 4), 0);
    control(&f, ENABLE | MASK_ALL);
    send(&f, 3);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, PBA, 4), 8);
    control(&f, ENABLE);
    CU_ASSERT_EQUAL(f.r.vm->msis, 2);
    CU_ASSERT_EQUAL(f.r.vm->last_msi_data, 0x43);
    /* pending bits are not the guest's to write */
    fake_mmio_write(f.r.vm, PBA, G_MAXUINT64, 8);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, PBA, 8), 0);
    end(&f);
}

static void
test_nothing_without_a_vector(void)
{
    Fixture f;

    begin(&f);
    send(&f, 0); /* off */
    vr_enable_msix(&f.r, 4);
    send(&f, 4);
    send(&f, PCI_MSIX_NO_VECTOR);
    CU_ASSERT_EQUAL(f.r.vm->msis, 0);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, PBA, 8), 0);
    virtio_lock(f.r.v);
    CU_ASSERT_EQUAL(pci_msix_eventfd(&f.r.v->msix, 4), -1);
    CU_ASSERT_TRUE(pci_msix_eventfd(&f.r.v->msix, 3) >= 0);
    virtio_unlock(f.r.v);
    end(&f);
}

static void
test_pending_survives_restore(void)
{
    Fixture f;

    begin(&f);
    vr_enable_msix(&f.r, 4);
    mask(&f, 2, true);
    send(&f, 2);
    GByteArray *out = g_byte_array_new();
    device_save(f.r.dev, out);
    g_autoptr(GBytes) saved = g_byte_array_free_to_bytes(out);
    device_reset(f.r.dev, RESET_COLD);
    CU_ASSERT_EQUAL(vr_config_read(&f.r, f.cap + 2, 2), 3);
    CU_ASSERT_TRUE(device_restore(f.r.dev, saved, NULL));
    CU_ASSERT_EQUAL(f.r.vm->msis, 0);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, PBA, 4), 4);
    mask(&f, 2, false);
    CU_ASSERT_EQUAL(f.r.vm->msis, 1);
    CU_ASSERT_EQUAL(f.r.vm->last_msi_data, 0x42);
    end(&f);
}

CU_MAIN("pci-msix", {"the_capability_tells_size_and_places", test_capability},
        {"the_table_keeps_what_is_written", test_table},
        {"a_message_goes_where_the_table_says", test_send},
        {"masked_messages_wait_in_the_pending_bits", test_masks},
        {"no_vector_no_message", test_nothing_without_a_vector},
        {"pending_messages_survive_a_restore", test_pending_survives_restore})
