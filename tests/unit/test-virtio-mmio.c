/* tests/unit/test-virtio-mmio.c - virtio by memory-mapped registers. */
#include <string.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-card.h"

typedef struct {
    VirtioRig r;
    VirtioCard *card;
} Fixture;

static void
begin(Fixture *f)
{
    f->card = virtio_card_begin(&f->r, VR_MMIO);
}

static void
end(Fixture *f)
{
    virtio_rig_free(&f->r);
}

static guint32
get(Fixture *f, unsigned offset)
{
    return (guint32) fake_mmio_read(f->r.vm, VR_MODERN + offset, 4);
}

static void
set(Fixture *f, unsigned offset, guint32 value)
{
    fake_mmio_write(f->r.vm, VR_MODERN + offset, value, 4);
}

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
    Fixture f;

    begin(&f);
    CU_ASSERT_EQUAL(get(&f, 0x000), 0x74726976);
    CU_ASSERT_EQUAL(get(&f, 0x004), 2);
    CU_ASSERT_EQUAL(get(&f, 0x008), 1);
    CU_ASSERT_EQUAL(get(&f, 0x034), 64);
    CU_ASSERT_EQUAL(get(&f, 0x0b0), G_MAXUINT32); /* no shared memory */
    /* registers are dwords */
    CU_ASSERT_EQUAL(fake_mmio_read(f.r.vm, VR_MODERN, 2), 0xffff);
    fake_mmio_write(f.r.vm, VR_MODERN + 0x70, 1, 1);
    CU_ASSERT_EQUAL(get(&f, 0x70), 0);
    end(&f);
}

static void
test_life(void)
{
    Fixture f;

    begin(&f);
    virtio_rig_start(&f.r, G_MAXUINT64, 2);
    CU_ASSERT_EQUAL(get(&f, 0x70), 0x0f);
    CU_ASSERT_EQUAL(f.card->notified[1], 1);
    virtio_rig_kick(&f.r, 1);
    CU_ASSERT_EQUAL(f.card->notified[1], 2);
    set(&f, 0x50, 3); /* no such queue */
    set(&f, 0x30, 77);
    CU_ASSERT_EQUAL(get(&f, 0x34), 0);
    set(&f, 0x30, 1);
    CU_ASSERT_EQUAL(get(&f, 0x44), 1);
    set(&f, 0x44, 0); /* drivers take it back */
    CU_ASSERT_EQUAL(get(&f, 0x44), 0);
    virtio_rig_kick(&f.r, 1);
    CU_ASSERT_EQUAL(f.card->notified[1], 2);
    set(&f, 0x70, 0);
    CU_ASSERT_EQUAL(f.card->n_stopped, 1);
    end(&f);
}

static void
test_interrupt(void)
{
    Fixture f;

    begin(&f);
    virtio_rig_start(&f.r, G_MAXUINT64, 1);
    serve_one(&f);
    CU_ASSERT_TRUE(f.r.vm->level[VR_MMIO_IRQ]);
    CU_ASSERT_EQUAL(get(&f, 0x60), 1);
    CU_ASSERT_TRUE(f.r.vm->level[VR_MMIO_IRQ]); /* reading is not enough */
    set(&f, 0x64, 1);
    CU_ASSERT_FALSE(f.r.vm->level[VR_MMIO_IRQ]);
    virtio_lock(f.r.v);
    virtio_config_changed(f.r.v);
    virtio_unlock(f.r.v);
    CU_ASSERT_EQUAL(get(&f, 0x60), 2);
    CU_ASSERT_EQUAL(get(&f, 0xfc), 1);
    set(&f, 0x70, 0);
    CU_ASSERT_FALSE(f.r.vm->level[VR_MMIO_IRQ]);
    end(&f);
}

static void
test_config(void)
{
    Fixture f;

    begin(&f);
    fake_mmio_write(f.r.vm, VR_MODERN + 0x101, 0x77, 1);
    CU_ASSERT_EQUAL(f.card->s.config[1], 0x77);
    CU_ASSERT_EQUAL(get(&f, 0x100), 0x7700);
    CU_ASSERT_EQUAL(get(&f, 0x100 + CARD_CONFIG), G_MAXUINT32);
    end(&f);
}

static void
test_place_is_checked(void)
{
    FakeVm *vm = fake_vm_new(4096);
    g_autoptr(GError) none = NULL;
    g_autoptr(GError) odd = NULL;
    g_autoptr(GError) taken = NULL;
    Device *a = device_new(&virtio_card_class, "a");
    Device *b = device_new(&virtio_card_class, "b");

    CU_ASSERT_FALSE(device_realize(a, &vm->env, &none));
    device_set_u64(a, "mmio-base", 0xd0000800, NULL);
    CU_ASSERT_FALSE(device_realize(a, &vm->env, &odd));
    device_set_u64(a, "mmio-base", 0xd0000000, NULL);
    CU_ASSERT_TRUE(device_realize(a, &vm->env, NULL));
    device_set_u64(b, "mmio-base", 0xd0000000, NULL);
    CU_ASSERT_FALSE(device_realize(b, &vm->env, &taken));
    CU_ASSERT_PTR_NOT_NULL(strstr(taken->message, "b: cannot be at"));
    device_free(a);
    device_free(b);
    fake_vm_free(vm);
}

static void
test_restore(void)
{
    Fixture f;

    begin(&f);
    virtio_rig_start(&f.r, G_MAXUINT64, 1);
    serve_one(&f);
    device_quiesce(f.r.dev);
    GByteArray *out = g_byte_array_new();
    device_save(f.r.dev, out);
    g_autoptr(GBytes) saved = g_byte_array_free_to_bytes(out);
    device_reset(f.r.dev, RESET_COLD);
    CU_ASSERT_EQUAL(get(&f, 0x60), 0);
    CU_ASSERT_TRUE(device_restore(f.r.dev, saved, NULL));
    device_resume(f.r.dev);
    CU_ASSERT_EQUAL(get(&f, 0x60), 1);
    set(&f, 0x64, 1);
    serve_one(&f);
    CU_ASSERT_EQUAL(get(&f, 0x60), 1);
    end(&f);
}

CU_MAIN("virtio-mmio", {"it_says_what_it_is", test_identity},
        {"queues_live_and_end", test_life},
        {"the_line_stays_up_until_acknowledged", test_interrupt},
        {"configuration_takes_any_width", test_config},
        {"an_address_of_its_own_is_needed", test_place_is_checked},
        {"a_running_device_is_restored", test_restore})
