/* tests/unit/test-vfio-container.c - groups, guest RAM before the IOMMU, and the
 * resets of devices, on a fake kernel. */
#include <errno.h>
#include <linux/vfio.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/vfio-fake.h"

static void
expect_open_error(VfioFake *f, CarrelVfioError code)
{
    g_autoptr(GError) error = NULL;
    VfioContainer *c = vfio_container_new(&f->sys, NULL);
    VfioHost *host = vfio_host_open(c, VF_GROUP, "0000:05:00.0", &error);

    CU_ASSERT_PTR_NULL(host);
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_VFIO_ERROR, (int) code));
    vfio_host_close(host);
    vfio_container_free(c);
    vfio_fake_free(f);
}

static void
test_not_viable(void)
{
    VfioFake *f = vfio_fake_new();

    f->not_viable = true;
    expect_open_error(f, CARREL_VFIO_ERROR_NOT_VIABLE);
}

static void
test_unsafe(void)
{
    VfioFake *f = vfio_fake_new();

    f->iommu_error = EPERM;
    expect_open_error(f, CARREL_VFIO_ERROR_UNSAFE);
}

static void
test_foreign_node(void)
{
    VfioFake *f = vfio_fake_new();

    f->open_error = EACCES;
    expect_open_error(f, CARREL_VFIO_ERROR_PERMISSION);
}

static void
test_busy(void)
{
    VfioFake *f = vfio_fake_new();

    f->open_error = EBUSY;
    expect_open_error(f, CARREL_VFIO_ERROR_BUSY);
}

static void
test_unbound(void)
{
    VfioFake *f = vfio_fake_new();

    f->open_error = ENOENT;
    expect_open_error(f, CARREL_VFIO_ERROR_NO_DRIVER);
}

/* ---- memory ---- */

typedef struct {
    FakeVm *vm;
    VfioFake *f;
    VfioContainer *c;
    guint left; /* groups */
} Space;

static void
space_begin(Space *s)
{
    s->left = 0;
    s->vm = fake_vm_new(1 << 20);
    s->f = vfio_fake_new();
    s->c = vfio_container_new(&s->f->sys, NULL);
    CU_ASSERT_TRUE(vfio_container_add_group(s->c, VF_GROUP, NULL));
    CU_ASSERT_TRUE(vfio_container_group_fd(s->c, VF_GROUP) >= 0);
}

static void
space_end(Space *s)
{
    vfio_container_free(s->c);
    fake_vm_free(s->vm);
    vfio_fake_free(s->f);
}

static void
test_maps_all_ram(void)
{
    Space s;

    space_begin(&s);
    guest_mem_add_ram(s.vm->env.mem, 0, s.vm->ram, 0, 0xa0000);
    guest_mem_add_ram(s.vm->env.mem, 0xc0000, s.vm->ram, 0xc0000, 0x40000);
    CU_ASSERT_TRUE(vfio_container_map_ram(s.c, s.vm->env.mem, NULL));
    CU_ASSERT_EQUAL(s.f->mapped, 0xe0000);
    CU_ASSERT_EQUAL(s.f->lowest, 0);
    CU_ASSERT_EQUAL(s.f->highest, 0xfffff);
    /* again is fine, and maps nothing twice */
    CU_ASSERT_TRUE(vfio_container_map_ram(s.c, s.vm->env.mem, NULL));
    CU_ASSERT_EQUAL(s.f->maps, 2);
    space_end(&s);
}

static void
test_keeps_pages(void)
{
    Space s;

    space_begin(&s);
    mem_backing_allow_discard(s.vm->ram);
    guest_mem_add_ram(s.vm->env.mem, 0, s.vm->ram, 0, 1 << 20);
    CU_ASSERT_EQUAL(guest_mem_discard(s.vm->env.mem, 0x1000, 0x1000), 0);
    CU_ASSERT_TRUE(vfio_container_map_ram(s.c, s.vm->env.mem, NULL));
    CU_ASSERT_EQUAL(guest_mem_discard(s.vm->env.mem, 0x1000, 0x1000), -EBUSY);
    g_clear_pointer(&s.c, vfio_container_free);
    CU_ASSERT_EQUAL(guest_mem_discard(s.vm->env.mem, 0x1000, 0x1000), 0);
    space_end(&s);
}

/* The window of message interrupts, which the IOMMU never maps. */
static void
test_msi_window(void)
{
    Space s;
    g_autoptr(GError) error = NULL;

    space_begin(&s);
    guest_mem_add_ram(s.vm->env.mem, 0xfee00000, s.vm->ram, 0, 1 << 20);
    CU_ASSERT_FALSE(vfio_container_map_ram(s.c, s.vm->env.mem, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_ADDRESS));
    CU_ASSERT_EQUAL(s.f->maps, 0);
    space_end(&s);
}

static void
test_map_fails(void)
{
    Space s;
    g_autoptr(GError) error = NULL;

    space_begin(&s);
    s.f->map_error = EFAULT;
    guest_mem_add_ram(s.vm->env.mem, 0, s.vm->ram, 0, 1 << 20);
    CU_ASSERT_FALSE(vfio_container_map_ram(s.c, s.vm->env.mem, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_ADDRESS));
    space_end(&s);
}

/* Nothing stays of what went well before, and the next try is a whole one. */
static void
test_map_again(void)
{
    Space s;

    space_begin(&s);
    s.f->map_error = ENOMEM;
    s.f->map_ok = 1;
    mem_backing_allow_discard(s.vm->ram);
    guest_mem_add_ram(s.vm->env.mem, 0, s.vm->ram, 0, 0xa0000);
    guest_mem_add_ram(s.vm->env.mem, 0xc0000, s.vm->ram, 0xc0000, 0x40000);
    CU_ASSERT_FALSE(vfio_container_map_ram(s.c, s.vm->env.mem, NULL));
    CU_ASSERT_EQUAL(s.f->maps, 1);
    CU_ASSERT_EQUAL(s.f->mapped, 0);
    CU_ASSERT_EQUAL(vfio_container_mapped(s.c), 0);
    CU_ASSERT_EQUAL(guest_mem_discard(s.vm->env.mem, 0x1000, 0x1000), 0);
    CU_ASSERT_TRUE(vfio_container_map_ram(s.c, s.vm->env.mem, NULL));
    CU_ASSERT_EQUAL(s.f->mapped, 0xe0000);
    CU_ASSERT_EQUAL(vfio_container_mapped(s.c), 0xe0000);
    space_end(&s);
}

/* ---- back to the host ---- */

static void
note_leave(void *data, int fd)
{
    Space *s = data;

    CU_ASSERT_TRUE(fd >= 0);
    CU_ASSERT_TRUE(s->f->joined);
    s->left++;
}

/* The group leaves with the last of its devices, and comes again. */
static void
test_group_leaves(void)
{
    Space s;

    space_begin(&s);
    vfio_container_set_leave(s.c, note_leave, &s);
    mem_backing_allow_discard(s.vm->ram);
    guest_mem_add_ram(s.vm->env.mem, 0, s.vm->ram, 0, 1 << 20);
    for (unsigned turn = 1; turn <= 2; turn++) {
        VfioHost *a = vfio_host_open(s.c, VF_GROUP, "0000:05:00.0", NULL);
        VfioHost *b = vfio_host_open(s.c, VF_GROUP, "0000:05:00.1", NULL);
        CU_ASSERT_TRUE(a != NULL && b != NULL);
        CU_ASSERT_TRUE(vfio_container_map_ram(s.c, s.vm->env.mem, NULL));
        CU_ASSERT_EQUAL(s.f->mapped, 1 << 20);
        vfio_host_close(a);
        CU_ASSERT_TRUE(s.f->group_open && s.f->joined);
        CU_ASSERT_EQUAL(guest_mem_discard(s.vm->env.mem, 0, 0x1000), -EBUSY);
        vfio_host_close(b);
        CU_ASSERT_FALSE(s.f->group_open || s.f->joined);
        CU_ASSERT_EQUAL(s.left, turn);
        CU_ASSERT_EQUAL(vfio_container_mapped(s.c), 0);
        CU_ASSERT_EQUAL(guest_mem_discard(s.vm->env.mem, 0, 0x1000), 0);
    }
    space_end(&s);
}

static void
test_no_device_no_group(void)
{
    VfioFake *f = vfio_fake_new();
    VfioContainer *c = vfio_container_new(&f->sys, NULL);

    CU_ASSERT_PTR_NULL(vfio_host_open(c, VF_GROUP, "0000:06:00.0", NULL));
    CU_ASSERT_FALSE(f->group_open);
    vfio_container_free(c);
    vfio_fake_free(f);
}

/* ---- resets ---- */

static void
test_reset_alone(void)
{
    VfioRig r;
    int err;

    vfio_rig_begin(&r);
    CU_ASSERT_EQUAL(vfio_host_reset(r.host, &err), VFIO_RESET_FUNCTION);
    CU_ASSERT_EQUAL(r.fake->fn[0].resets, 1);
    CU_ASSERT_EQUAL(r.fake->hot_resets, 0);
    vfio_rig_end(&r);
}

static void
test_reset_slot(void)
{
    VfioFake *f = vfio_fake_new();
    VfioContainer *c = vfio_container_new(&f->sys, NULL);
    int err;

    f->no_reset = true;
    VfioHost *host = vfio_host_open(c, VF_GROUP, "0000:05:00.0", NULL);
    CU_ASSERT_EQUAL(vfio_host_reset(host, &err), VFIO_RESET_SLOT);
    CU_ASSERT_EQUAL(f->hot_resets, 1);
    f->foreign_slot = true;
    CU_ASSERT_EQUAL(vfio_host_reset(host, &err), VFIO_RESET_NONE);
    CU_ASSERT_EQUAL(err, -EPERM);
    CU_ASSERT_EQUAL(f->hot_resets, 1);
    vfio_host_close(host);
    vfio_container_free(c);
    vfio_fake_free(f);
}

CU_MAIN("vfio-container",
        {"a_group_with_a_host_driver_is_refused", test_not_viable},
        {"no_interrupt_remapping_is_refused", test_unsafe},
        {"a_node_of_another_user_is_refused", test_foreign_node},
        {"a_group_of_another_machine_is_busy", test_busy},
        {"an_unbound_group_has_no_node", test_unbound},
        {"all_ram_is_mapped_once", test_maps_all_ram},
        {"pinned_pages_stay_until_the_container_goes", test_keeps_pages},
        {"ram_in_the_message_window_is_refused", test_msi_window},
        {"a_mapping_that_fails_is_explained", test_map_fails},
        {"after_a_failure_all_is_mapped_anew", test_map_again},
        {"a_group_leaves_with_its_last_device", test_group_leaves},
        {"a_group_without_devices_is_not_kept", test_no_device_no_group},
        {"a_function_is_reset_by_itself", test_reset_alone},
        {"a_slot_is_reset_if_all_of_it_is_ours", test_reset_slot})
