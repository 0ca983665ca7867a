/* tests/fuzz/fuzz-virtio-balloon.c - page numbers, reports, statistics and
 * damaged rings of any content. Only pages that were named are lost: a page of
 * memory that is no RAM for balloons stays as it is, and after a reset a page
 * can be given back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/virtio-balloon.h"
#include "tests/unit/virtio-rig.h"

#define MAX_STEPS 64u
#define QUEUES    5u
#define LENT      0x300000u
#define OTHER     0x80000000u /* memory of another kind */

extern const DeviceClass virtio_balloon_class;

static VirtioRig rig;
static guint8 *other;

static void
init(void)
{
    virtio_rig_init(&rig, VR_PCI);
    MemBacking *vram = mem_backing_new(rig.vm->env.mem, "vram", 4096, NULL);
    MemSlot *slot = mem_slot_new(rig.vm->env.mem, "vram", vram, 0, 4096);
    if (mem_slot_map(slot, OTHER, MEM_RW) < 0)
        abort();
    other = mem_backing_host(vram);
    memset(other, 0xc5, 4096);
    virtio_rig_add_device(&rig, device_new(&virtio_balloon_class, "balloon"));
}

/* Six bytes. */
static void
step(const uint8_t *d)
{
    static const guint32 pfns[] = {LENT >> 12, OTHER >> 12, G_MAXUINT32,
                                   (LENT >> 12) + 1};
    static const guint32 lens[] = {4, 3, 40, 4096, 16384, 20000, 33, 8192};
    const VrBuf bufs[] = {
        {VR_DATA + 0x1000u * (d[1] & 7), lens[d[2] & 7], false},
        {d[3] & 2 ? OTHER : LENT + 0x1000u * (d[3] >> 4), 4096,
         (d[3] & 1) != 0}};
    VirtioBalloonInfo info;

    switch (d[0] % 7) {
    case 0:
        for (unsigned i = 0; i < 8; i++)
            vr_put32(&rig, VR_DATA + 0x1000u * (d[1] & 7) + 4 * i,
                     pfns[d[2 + i % 4] & 3] + i);
        G_GNUC_FALLTHROUGH;
    case 1:
        virtio_rig_add(&rig, d[4] % QUEUES, bufs + (d[5] & 1),
                       1u + (!(d[5] & 1) && (d[5] & 2)));
        virtio_rig_kick(&rig, d[4] % QUEUES);
        break;
    case 2: virtio_balloon_set_target(rig.dev, (guint64) d[1] << 12); break;
    case 3:
        virtio_balloon_get(rig.dev, &info);
        fake_advance(rig.vm, 0);
        break;
    case 4: fake_mmio_write(rig.vm, VR_CONFIG + d[1] % 12, d[2], 1); break;
    case 5:
        vr_put16(&rig,
                 VR_RINGS + (d[1] & 63) * 0x1000u % 0x28000u + (d[2] & 0xfeu),
                 (guint16) (d[3] | d[4] << 8));
        break;
    default:
        virtio_rig_start(&rig, d[1] & 1 ? G_MAXUINT64 : ~VIRTIO_F_RING_PACKED,
                         QUEUES);
        break;
    }
}

static void
check_page_goes(void)
{
    const VrBuf buf = {VR_DATA, 4, false};

    virtio_rig_start(&rig, G_MAXUINT64, QUEUES);
    fake_ram(rig.vm)[LENT] = 1;
    vr_put32(&rig, VR_DATA, LENT >> 12);
    virtio_rig_add(&rig, 0, &buf, 1);
    if (virtio_rig_finish(&rig, 0) != 0 || fake_ram(rig.vm)[LENT] != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (other == NULL)
        init();
    virtio_rig_start(&rig, ~VIRTIO_F_RING_PACKED, QUEUES);
    for (unsigned n = 0; n < MAX_STEPS && 6 * n + 6 <= size; n++)
        step(data + 6 * n);
    if (!device_is_quiet(rig.dev))
        abort();
    check_page_goes();
    for (unsigned i = 0; i < 4096; i++)
        if (other[i] != 0xc5)
            abort();
    return 0;
}
