/* tests/fuzz/fuzz-virtio-input.c - any mix of the seat's events, the driver's
 * buffers, status events, configuration writes and damaged rings; after a reset
 * a key still arrives. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/input.h>

#include "tests/unit/virtio-rig.h"
#include "vmm/input/input.h"

#define MAX_STEPS 64u

extern const DeviceClass virtio_input_class;

static VirtioRig rig;
static Input *seat;
static guint source;

static void
init(void)
{
    virtio_rig_init(&rig, VR_PCI);
    seat = input_new(rig.vm->env.loop);
    rig.vm->env.input = seat;
    source = input_new_source(seat);
    virtio_rig_add_device(&rig, device_new(&virtio_input_class, "kbd0"));
}

static void
post(InputType type, guint16 code, gint32 value)
{
    const InputEvent evs[] = {{type, code, value}, {INPUT_SYNC, 0, 0}};

    input_post(seat, source, evs, 2);
    fake_advance(rig.vm, 0);
}

/* Five bytes. */
static void
step(const uint8_t *d)
{
    const VrBuf buf = {VR_DATA + 16u * (d[1] & 31), 1u + (d[2] & 15),
                       (d[3] & 1) != 0};

    switch (d[0] % 7) {
    case 0: post(d[1] % 8, (guint16) (d[2] | d[3] << 8), (gint8) d[4]); break;
    case 1: post(INPUT_KEY, d[1], d[2] & 1); break;
    case 2:
        virtio_rig_add(&rig, d[4] & 1, &buf, 1);
        virtio_rig_kick(&rig, d[4] & 1);
        break;
    case 3:
        fake_mmio_write(rig.vm, VR_CONFIG + d[1] % 160, d[2], 1);
        (void) virtio_rig_config(&rig, d[3] % 132, 4);
        break;
    case 4:
        vr_put16(&rig, VR_RINGS + (d[1] & 15) * 0x1000u + (d[2] & 0xfeu),
                 (guint16) (d[3] | d[4] << 8));
        break;
    case 5: memset(fake_ram(rig.vm) + VR_DATA + d[1], d[2], d[3]); break;
    default:
        virtio_rig_start(&rig, d[1] & 1 ? G_MAXUINT64 : ~VIRTIO_F_RING_PACKED,
                         2);
        break;
    }
}

static void
check_key_arrives(void)
{
    const VrBuf buf = {VR_DATA, 8, true};
    guint16 id;
    guint32 len;

    virtio_rig_set_status(&rig, 0);
    fake_advance(rig.vm, 0);
    input_release_all(seat, source);
    fake_advance(rig.vm, 0);
    virtio_rig_start(&rig, G_MAXUINT64, 2);
    virtio_rig_add(&rig, 0, &buf, 1);
    virtio_rig_kick(&rig, 0);
    post(INPUT_KEY, KEY_A, 1);
    if (!virtio_rig_used(&rig, 0, &id, &len) || len != 8 ||
        vr_get16(&rig, VR_DATA + 2) != KEY_A)
        abort();
    post(INPUT_KEY, KEY_A, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (seat == NULL)
        init();
    virtio_rig_start(&rig, ~VIRTIO_F_RING_PACKED, 2);
    for (unsigned n = 0; n < MAX_STEPS && 5 * n + 5 <= size; n++)
        step(data + 5 * n);
    if (!device_is_quiet(rig.dev))
        abort();
    check_key_arrives();
    return 0;
}
