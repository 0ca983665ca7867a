/* tests/unit/test-virtio-pci.c - virtio over PCI: capabilities, the common
 * registers, the legacy ports, configuration access, interrupts. */
#include <string.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-card.h"

#define OK (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER)

typedef struct {
    VirtioRig r;
    VirtioCard *card;
} Fixture;

static void
begin(Fixture *f, VirtioRigHow how)
{
    f->card = virtio_card_begin(&f->r, how);
}

static void
end(Fixture *f)
{
    virtio_rig_free(&f->r);
}

static guint32
common(Fixture *f, unsigned offset, unsigned size)
{
    return (guint32) fake_mmio_read(f->r.vm, VR_COMMON + offset, size);
}

static void
set_common(Fixture *f, unsigned offset, guint32 value, unsigned size)
{
    fake_mmio_write(f->r.vm, VR_COMMON + offset, value, size);
}

static guint32
port(Fixture *f, unsigned offset, unsigned size)
{
    return (guint32) io_read(f->r.vm->env.ports, VR_PORT + offset, size);
}

static void
set_port(Fixture *f, unsigned offset, guint32 value, unsigned size)
{
    io_write(f->r.vm->env.ports, VR_PORT + offset, value, size);
}

/* Gives a buffer back, which interrupts. */
static void
serve_one(Fixture *f)
{
    const VrBuf one[] = {{VR_DATA, 8, true}};
    CardElem e;

    virtio_rig_add(&f->r, 0, one, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f->card, 0, &e));
    virtio_card_give(f->card, 0, &e, 0);
}

static void
test_identity(void)
{
    VirtioRig r;

    virtio_rig_init(&r, VR_PCI);
    virtio_rig_add_device(&r, device_new(&virtio_card_class, "card0"));
    CU_ASSERT_EQUAL(vr_config_read(&r, PCI_VENDOR_ID, 4), 0x10001af4);
    CU_ASSERT_EQUAL(vr_config_read(&r, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x00011af4);
    CU_ASSERT_EQUAL(vr_config_read(&r, PCI_REVISION_ID, 1), 0);
    CU_ASSERT_EQUAL(vr_config_read(&r, PCI_CLASS_DEVICE, 2), 0x0200);
    virtio_rig_free(&r);
    virtio_rig_init(&r, VR_PCI);
    Device *dev = device_new(&virtio_card_class, "card0");
    device_set_u64(dev, "legacy", false, NULL);
    virtio_rig_add_device(&r, dev);
    CU_ASSERT_EQUAL(vr_config_read(&r, PCI_DEVICE_ID, 2), 0x1041);
    CU_ASSERT_EQUAL(vr_config_read(&r, PCI_REVISION_ID, 1), 1);
    CU_ASSERT_EQUAL(vr_config_read(&r, PCI_BAR0, 4), 0);
    virtio_rig_free(&r);
}

static void
test_capabilities(void)
{
    static const struct {
        guint8 type;
        guint32 offset, length;
    } wanted[] = {{5, 0, 0},
                  {2, 0x3000, 12},
                  {4, 0x2000, CARD_CONFIG},
                  {3, 0x1000, 1},
                  {1, 0, 0x38}}; /* last added first */
    Fixture f;

    begin(&f, VR_PCI);
    for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
        unsigned cap = vr_capability(&f.r, 9, i);
        CU_ASSERT_NOT_EQUAL(cap, 0);
        CU_ASSERT_EQUAL(vr_config_read(&f.r, cap + 3, 1), wanted[i].type);
        CU_ASSERT_EQUAL(vr_config_read(&f.r, cap + 8, 4), wanted[i].offset);
        CU_ASSERT_EQUAL(vr_config_read(&f.r, cap + 12, 4), wanted[i].length);
    }
    CU_ASSERT_EQUAL(vr_config_read(&f.r, vr_capability(&f.r, 9, 1) + 16, 4), 4);
    end(&f);
}

static void
test_features(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    /* 3, 28 indirect, 29 event index, 32 version 1, 34 packed */
    CU_ASSERT_EQUAL(virtio_rig_offered(&f.r), 0x530000008ull);
    CU_ASSERT_EQUAL(virtio_rig_negotiate(&f.r, G_MAXUINT64), OK | 8);
    CU_ASSERT_TRUE(virtio_has_feature(f.r.v, CARD_FEATURE));
    /* too late */
    set_common(&f, 8, 0, 4);
    set_common(&f, 12, 0, 4);
    CU_ASSERT_TRUE(virtio_has_feature(f.r.v, CARD_FEATURE));
    /* without version 1 */
    CU_ASSERT_EQUAL(virtio_rig_negotiate(&f.r, ~VIRTIO_F_VERSION_1), OK);
    /* with one that was not offered */
    set_common(&f, 20, 0, 1);
    set_common(&f, 20, OK, 1);
    set_common(&f, 8, 1, 4);
    set_common(&f, 12, 0x81, 4);
    set_common(&f, 20, OK | 8, 1);
    CU_ASSERT_EQUAL(common(&f, 20, 1), OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.r.vm->log->str, "not offered"));
    end(&f);
}

static void
test_queue_registers(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    CU_ASSERT_EQUAL(common(&f, 0x12, 2), 3);
    set_common(&f, 0x16, 0, 2);
    set_common(&f, 0x18, 16, 2); /* before FEATURES_OK */
    CU_ASSERT_EQUAL(common(&f, 0x18, 2), 64);
    virtio_rig_negotiate(&f.r, ~VIRTIO_F_RING_PACKED);
    set_common(&f, 0x18, 0, 2);
    set_common(&f, 0x18, 24, 2); /* no power of two */
    set_common(&f, 0x18, 128, 2);
    CU_ASSERT_EQUAL(common(&f, 0x18, 2), 64);
    set_common(&f, 0x18, 32, 2);
    CU_ASSERT_EQUAL(common(&f, 0x18, 2), 32);
    fake_mmio_write(f.r.vm, VR_COMMON + 0x20, 0x1122334455667780ull, 8);
    CU_ASSERT_EQUAL(common(&f, 0x24, 4), 0x11223344);
    set_common(&f, 0x20, VR_RINGS, 4);
    set_common(&f, 0x24, 0, 4);
    set_common(&f, 0x20, 0xff, 1); /* no field has one byte here */
    CU_ASSERT_EQUAL(common(&f, 0x20, 4), VR_RINGS);
    set_common(&f, 0x1a, 3, 2);
    CU_ASSERT_EQUAL(common(&f, 0x1a, 2), 3);
    set_common(&f, 0x1a, 4, 2); /* there is no such vector */
    CU_ASSERT_EQUAL(common(&f, 0x1a, 2), 0xffff);
    set_common(&f, 0x1c, 1, 2);
    set_common(&f, 0x1c, 0, 2); /* cannot be taken back */
    CU_ASSERT_EQUAL(common(&f, 0x1c, 2), 1);
    set_common(&f, 0x20, 0x999000, 4); /* nor moved */
    set_common(&f, 0x18, 64, 2);
    CU_ASSERT_EQUAL(common(&f, 0x20, 4), VR_RINGS);
    CU_ASSERT_EQUAL(common(&f, 0x18, 2), 32);
    set_common(&f, 0x16, 3, 2); /* no such queue */
    set_common(&f, 0x1c, 1, 2);
    CU_ASSERT_EQUAL(common(&f, 0x18, 2), 0);
    CU_ASSERT_EQUAL(common(&f, 0x1c, 2), 0);
    end(&f);
}

static void
test_notification(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    virtio_rig_kick(&f.r, 1); /* nothing is set up */
    CU_ASSERT_EQUAL(f.card->notified[1], 0);
    virtio_rig_start(&f.r, G_MAXUINT64, 2);
    CU_ASSERT_EQUAL(f.card->n_started, 1);
    CU_ASSERT_EQUAL(f.card->notified[1], 1); /* each once at the start */
    virtio_rig_kick(&f.r, 1);
    CU_ASSERT_EQUAL(f.card->notified[1], 2);
    CU_ASSERT_EQUAL(f.card->notified[0], 1);
    virtio_rig_kick(&f.r, 2);  /* never enabled */
    virtio_rig_kick(&f.r, 64); /* nowhere */
    CU_ASSERT_EQUAL(f.card->notified[2], 0);
    device_quiesce(f.r.dev);
    virtio_rig_kick(&f.r, 1);
    CU_ASSERT_EQUAL(f.card->notified[1], 2);
    device_resume(f.r.dev);
    fake_advance(f.r.vm, 0);
    CU_ASSERT_EQUAL(f.card->notified[1], 3);
    virtio_rig_set_status(&f.r, VIRTIO_STATUS_FAILED);
    virtio_rig_kick(&f.r, 1);
    CU_ASSERT_EQUAL(f.card->notified[1], 3);
    virtio_rig_set_status(&f.r, 0);
    CU_ASSERT_EQUAL(f.card->n_stopped, 1);
    virtio_rig_kick(&f.r, 1);
    CU_ASSERT_EQUAL(f.card->notified[1], 3);
    end(&f);
}

static void
test_intx(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    virtio_rig_start(&f.r, G_MAXUINT64, 1);
    CU_ASSERT_FALSE(f.r.irq);
    serve_one(&f);
    CU_ASSERT_TRUE(f.r.irq);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, VR_ISR, 1), 1);
    CU_ASSERT_FALSE(f.r.irq);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, VR_ISR, 1), 0);
    virtio_lock(f.r.v);
    virtio_config_changed(f.r.v);
    virtio_unlock(f.r.v);
    CU_ASSERT_TRUE(f.r.irq);
    CU_ASSERT_EQUAL(common(&f, 0x15, 1), 1); /* generation */
    virtio_rig_set_status(&f.r, 0);
    CU_ASSERT_FALSE(f.r.irq);
    end(&f);
}

static void
test_messages(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    set_common(&f, 0x10, 0, 2); /* configuration: vector 0 */
    virtio_rig_start(&f.r, G_MAXUINT64, 1);
    set_common(&f, 0x10, 0, 2);
    vr_enable_msix(&f.r, 4);
    serve_one(&f);
    CU_ASSERT_EQUAL(f.r.vm->last_msi_data, 0x41);
    CU_ASSERT_FALSE(f.r.irq);
    virtio_lock(f.r.v);
    virtio_config_changed(f.r.v);
    CU_ASSERT_TRUE(virtio_interrupt_fd(f.r.v, 0) >= 0);
    CU_ASSERT_EQUAL(virtio_interrupt_fd(f.r.v, 1), -1); /* no vector */
    virtio_unlock(f.r.v);
    CU_ASSERT_EQUAL(f.r.vm->last_msi_data, 0x40);
    CU_ASSERT_EQUAL(f.r.vm->msis, 2);
    end(&f);
}

static void
test_device_config(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    fake_mmio_write(f.r.vm, VR_CONFIG + 4, 0x11223344, 4);
    CU_ASSERT_EQUAL(f.card->s.config[5], 0x33);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, VR_CONFIG + 6, 1), 0x22);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, VR_CONFIG + 4, 8), 0x11223344);
    fake_mmio_write(f.r.vm, VR_CONFIG + 10, G_MAXUINT32, 4); /* beyond */
    CU_ASSERT_EQUAL(f.card->s.config[10], 0);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, VR_CONFIG + 10, 4), G_MAXUINT32);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, VR_CONFIG + 0xffe, 2), 0xffff);
    end(&f);
}

/* 4.1.4.9: all of BAR 4 by way of configuration space. */
static void
test_config_window(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    unsigned cap = vr_capability(&f.r, 9, 0);
    vr_config_write(&f.r, cap + 4, 4, 1); /* BAR */
    vr_config_write(&f.r, cap + 8, 0x14, 4);
    vr_config_write(&f.r, cap + 12, 1, 4);
    vr_config_write(&f.r, cap + 16, 1, 1);
    CU_ASSERT_EQUAL(virtio_rig_status(&f.r), 1);
    CU_ASSERT_EQUAL(vr_config_read(&f.r, cap + 16, 1), 1);
    vr_config_write(&f.r, cap + 8, 0x12, 4);
    vr_config_write(&f.r, cap + 12, 2, 4);
    CU_ASSERT_EQUAL(vr_config_read(&f.r, cap + 16, 4), 3); /* queues */
    /* windows that show nothing */
    static const guint32 odd[][3] = {
        {4, 0x14, 3},       {4, 0x13, 2},       {4, 0x4000, 4},
        {4, 0xfffffffc, 4}, {4, 0xffffffff, 1}, {7, 0x14, 1},
        {0, 0x12, 1},       {4, 0x14, 0},       {4, 0x14, 0xffffffff}};
    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++) {
        vr_config_write(&f.r, cap + 4, odd[i][0], 1);
        vr_config_write(&f.r, cap + 8, odd[i][1], 4);
        vr_config_write(&f.r, cap + 12, odd[i][2], 4);
        vr_config_write(&f.r, cap + 16, 0, 4);
        (void) vr_config_read(&f.r, cap + 16, 4);
    }
    CU_ASSERT_EQUAL(virtio_rig_status(&f.r), 1);
    end(&f);
}

static void
test_legacy(void)
{
    Fixture f;

    begin(&f, VR_LEGACY);
    CU_ASSERT_EQUAL(port(&f, 0, 4), 0x38000008); /* 3, 27, 28, 29 */
    CU_ASSERT_EQUAL(port(&f, 12, 2), 64);
    virtio_rig_start(&f.r, 0, 1);
    CU_ASSERT_EQUAL(port(&f, 18, 1), OK | VIRTIO_STATUS_DRIVER_OK);
    CU_ASSERT_EQUAL(port(&f, 8, 4), VR_RINGS / 4096);
    virtio_rig_kick(&f.r, 0);
    CU_ASSERT_TRUE(f.card->notified[0] >= 1);
    serve_one(&f);
    CU_ASSERT_TRUE(f.r.irq);
    CU_ASSERT_EQUAL(port(&f, 19, 1), 1);
    CU_ASSERT_FALSE(f.r.irq);
    f.card->s.config[0] = 0xaa;
    CU_ASSERT_EQUAL(port(&f, 20, 1), 0xaa);
    /* with messages on, two vectors come before the configuration */
    vr_enable_msix(&f.r, 4);
    CU_ASSERT_EQUAL(port(&f, 24, 1), 0xaa);
    set_port(&f, 14, 0, 2);
    set_port(&f, 22, 1, 2);
    CU_ASSERT_EQUAL(port(&f, 22, 2), 1);
    serve_one(&f);
    CU_ASSERT_EQUAL(f.r.vm->last_msi_data, 0x41);
    set_port(&f, 14, 3, 2);
    CU_ASSERT_EQUAL(port(&f, 12, 2), 0);
    set_port(&f, 14, 0, 2);
    set_port(&f, 8, 0, 4); /* takes the queue back */
    CU_ASSERT_EQUAL(port(&f, 8, 4), 0);
    end(&f);
}

/* Drivers of before Linux 3.18 read the partition table first. */
static void
test_legacy_without_driver_ok(void)
{
    Fixture f;

    begin(&f, VR_LEGACY);
    virtio_rig_negotiate(&f.r, 0);
    virtio_rig_set_queue(&f.r, 0, 0);
    vr_config_write(&f.r, PCI_COMMAND, 3, 2); /* and no bus mastering */
    virtio_rig_set_status(&f.r, VIRTIO_STATUS_DRIVER);
    virtio_rig_kick(&f.r, 0);
    CU_ASSERT_TRUE(f.card->notified[0] > 0);
    serve_one(&f);
    CU_ASSERT_TRUE(f.r.irq);
    end(&f);
}

static void
test_restore_while_running(void)
{
    Fixture f;
    CardElem e;
    const VrBuf one[] = {{VR_DATA, 8, true}};

    begin(&f, VR_PCI);
    virtio_rig_start(&f.r, G_MAXUINT64, 2);
    serve_one(&f);
    device_quiesce(f.r.dev);
    GByteArray *out = g_byte_array_new();
    device_save(f.r.dev, out);
    g_autoptr(GBytes) saved = g_byte_array_free_to_bytes(out);
    device_reset(f.r.dev, RESET_COLD);
    CU_ASSERT_FALSE(f.r.irq);
    CU_ASSERT_TRUE(device_restore(f.r.dev, saved, NULL));
    CU_ASSERT_TRUE(f.r.irq);
    CU_ASSERT_EQUAL(f.card->n_started, 2);
    device_resume(f.r.dev);
    virtio_rig_add(&f.r, 0, one, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    virtio_card_give(f.card, 0, &e, 0);
    end(&f);
}

static VirtioUse
use_of(Fixture *f)
{
    VirtioUse use = {.writes = 99};

    CU_ASSERT_TRUE(virtio_get_use(f->r.dev, &use));
    return use;
}

/* Polls, takes nothing that it can do without, once after a reset. */
static void
test_firmware_is_no_system(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    CU_ASSERT_FALSE(use_of(&f).by_firmware);
    virtio_rig_start(&f.r, VIRTIO_F_VERSION_1, 1);
    serve_one(&f);
    CU_ASSERT_TRUE(use_of(&f).by_firmware);
    CU_ASSERT_FALSE(use_of(&f).by_system);
    CU_ASSERT_EQUAL(use_of(&f).buffers, 0);
    device_reset(f.r.dev, RESET_WARM); /* and again after each reset */
    virtio_rig_start(&f.r, VIRTIO_F_VERSION_1, 1);
    CU_ASSERT_FALSE(use_of(&f).by_system);
    end(&f);
}

static void
test_second_driver_is_a_system(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    virtio_rig_start(&f.r, VIRTIO_F_VERSION_1, 1);
    virtio_rig_set_status(&f.r, 0);
    virtio_rig_start(&f.r, VIRTIO_F_VERSION_1, 1);
    CU_ASSERT_TRUE(use_of(&f).by_system);
    serve_one(&f);
    CU_ASSERT_EQUAL(use_of(&f).buffers, 1);
    device_reset(f.r.dev, RESET_WARM); /* what was seen stays seen */
    CU_ASSERT_TRUE(use_of(&f).by_system);
    end(&f);
}

static void
test_event_index_is_a_system(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    virtio_rig_start(&f.r, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX, 1);
    CU_ASSERT_TRUE(use_of(&f).by_system);
    CU_ASSERT_FALSE(use_of(&f).by_firmware);
    end(&f);
}

static void
test_messages_are_a_system(void)
{
    Fixture f;

    begin(&f, VR_PCI);
    vr_enable_msix(&f.r, 3);
    virtio_rig_start(&f.r, VIRTIO_F_VERSION_1, 1);
    CU_ASSERT_TRUE(use_of(&f).by_system);
    end(&f);
}

/* ---- common configuration as memory ---- */

/* Where memory says something else than the register would. */
static unsigned
differences(Fixture *f)
{
    unsigned n = 0;

    for (unsigned offset = 0; offset < 0x60; offset++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            Gpa at = VR_COMMON + offset;
            n += !fake_cpu_reads(f->r.vm, at, size,
                                 fake_mmio_read(f->r.vm, at, size));
        }
    }
    return n;
}

static void
test_common_after_writes(void)
{
    GRand *rand = g_rand_new_with_seed(11);
    Fixture f;

    begin(&f, VR_PCI);
    CU_ASSERT_EQUAL(differences(&f), 0);
    for (unsigned i = 0; i < 3000; i++) {
        unsigned size = 1u << g_rand_int_range(rand, 0, 3);
        guint32 value = g_rand_int_range(rand, 0, 3) == 0
                            ? g_rand_int(rand)
                            : (guint32) g_rand_int_range(rand, 0, 16);
        if (i % 16 < 12)
            set_common(&f, (unsigned) g_rand_int_range(rand, 0, 0x40), value,
                       size);
        else
            set_port(&f, (unsigned) g_rand_int_range(rand, 0, 24), value, size);
        if (i % 50 == 0)
            CU_ASSERT_EQUAL(differences(&f), 0);
    }
    device_reset(f.r.dev, RESET_COLD);
    g_rand_free(rand);
    end(&f);
}

static void
test_common_after_events(void)
{
    const VrBuf one[] = {{VR_DATA, 8, true}};
    CardElem e;
    Fixture f;

    begin(&f, VR_PCI);
    virtio_rig_start(&f.r, G_MAXUINT64, 1);
    CU_ASSERT_EQUAL(differences(&f), 0);
    virtio_lock(f.r.v);
    virtio_config_changed(f.r.v);
    virtio_unlock(f.r.v);
    CU_ASSERT_EQUAL(common(&f, 0x15, 1), 1);
    CU_ASSERT_EQUAL(differences(&f), 0);
    /* a reset that waits for a buffer to come back */
    virtio_rig_add(&f.r, 0, one, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    virtio_rig_set_status(&f.r, 0);
    CU_ASSERT_NOT_EQUAL(common(&f, 0x14, 1), 0);
    CU_ASSERT_EQUAL(differences(&f), 0);
    virtio_card_give(f.card, 0, &e, 0);
    CU_ASSERT_EQUAL(common(&f, 0x14, 1), 0);
    CU_ASSERT_EQUAL(differences(&f), 0);
    virtio_rig_start(&f.r, G_MAXUINT64, 1);
    virtio_lock(f.r.v);
    virtio_fail(f.r.v, "the test wants it");
    virtio_unlock(f.r.v);
    CU_ASSERT_EQUAL(common(&f, 0x14, 1) & 0x40, 0x40);
    CU_ASSERT_EQUAL(differences(&f), 0);
    end(&f);
}

static void
test_common_after_restore(void)
{
    g_autoptr(GByteArray) saved = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    Fixture f;

    begin(&f, VR_PCI);
    virtio_rig_start(&f.r, G_MAXUINT64, 2);
    device_save(f.r.dev, saved);
    g_autoptr(GBytes) state = g_bytes_new(saved->data, saved->len);
    device_reset(f.r.dev, RESET_COLD);
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, VR_COMMON, 4), 0xffffffff);
    CU_ASSERT_TRUE_FATAL(device_restore(f.r.dev, state, &error));
    CU_ASSERT_EQUAL(common(&f, 0x14, 1) & 0x4, 0x4);
    CU_ASSERT_EQUAL(differences(&f), 0);
    end(&f);
}

/* To a device they are the hole in memory that they were without it. */
static void
test_common_is_no_buffer(void)
{
    const VrBuf buffer[] = {{VR_COMMON, 8, false}};
    guint32 value = 0;
    CardElem e;
    Fixture f;

    begin(&f, VR_PCI);
    virtio_rig_start(&f.r, G_MAXUINT64, 1);
    CU_ASSERT_PTR_NOT_NULL(fake_cpu_ptr(f.r.vm, VR_COMMON, 8, false));
    CU_ASSERT_EQUAL(guest_mem_read(f.r.vm->env.mem, VR_COMMON, &value, 4),
                    -EFAULT);
    virtio_rig_add(&f.r, 0, buffer, 1);
    CU_ASSERT_FALSE(virtio_card_pop(f.card, 0, &e));
    CU_ASSERT_EQUAL(common(&f, 0x14, 1) & 0x40, 0x40);
    end(&f);
}

CU_MAIN("virtio-pci", {"numbers_say_transitional_or_modern", test_identity},
        {"capabilities_lead_to_the_registers", test_capabilities},
        {"features_are_settled_once", test_features},
        {"queues_are_set_up_before_they_are_enabled", test_queue_registers},
        {"only_live_queues_are_notified", test_notification},
        {"intx_follows_the_interrupt_status", test_intx},
        {"messages_replace_intx", test_messages},
        {"device_configuration_has_an_end", test_device_config},
        {"configuration_space_reaches_the_bar", test_config_window},
        {"the_legacy_ports_work", test_legacy},
        {"legacy_drivers_forget_driver_ok", test_legacy_without_driver_ok},
        {"a_running_device_is_restored", test_restore_while_running},
        {"a_driver_that_polls_is_firmware", test_firmware_is_no_system},
        {"a_second_driver_is_a_system", test_second_driver_is_a_system},
        {"messages_are_a_systems", test_messages_are_a_system},
        {"the_event_index_is_a_systems", test_event_index_is_a_system},
        {"memory_shows_common_configuration", test_common_after_writes},
        {"that_memory_follows_the_device", test_common_after_events},
        {"that_memory_follows_a_restore", test_common_after_restore},
        {"that_memory_is_no_buffer_of_a_device", test_common_is_no_buffer})
