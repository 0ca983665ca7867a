/* tests/unit/test-virtio-console.c - consoles and channels by virtio. */
#include <string.h>

#include "devices/virtio/virtio-console.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-rig.h"
#include "vmm/char/char.h"
#include "vmm/loop/loop.h"

#define SPLIT       (~VIRTIO_F_RING_PACKED)
#define NO_PORTS    (~VIRTIO_BIT(1))
#define CONTROL_IN  2u
#define CONTROL_OUT 3u
#define RX1         4u
#define TX1         5u
#define QUEUES      6u

enum {
    DEVICE_READY,
    DEVICE_ADD,
    REMOVE,
    PORT_READY,
    CONSOLE,
    RESIZE,
    OPEN,
    NAME
};

extern const DeviceClass virtio_console_class;

typedef struct {
    VirtioRig r;
    CharLink *chr[2];
} Fixture;

static Device *
make(Fixture *f)
{
    Device *dev = device_new(&virtio_console_class, "console");

    device_set_link(dev, "chr0", f->chr[0]);
    device_set_link(dev, "chr1", f->chr[1]);
    device_set_string(dev, "name1", "org.test", NULL);
    return dev;
}

static void
begin(Fixture *f, VirtioRigHow how, guint64 accept)
{
    virtio_rig_init(&f->r, how);
    for (unsigned i = 0; i < 2; i++)
        f->chr[i] = char_open("null", NULL, f->r.vm->env.loop, NULL);
    virtio_rig_add_device(&f->r, make(f));
    virtio_rig_start(&f->r, accept, QUEUES);
}

static void
end(Fixture *f)
{
    device_free(f->r.dev);
    f->r.dev = NULL;
    char_close(f->chr[0]);
    char_close(f->chr[1]);
    virtio_rig_free(&f->r);
}

static void
control(Fixture *f, guint32 id, guint16 event, guint16 value)
{
    const VrBuf buf = {VR_DATA, 8, false};

    vr_put32(&f->r, VR_DATA, id);
    vr_put16(&f->r, VR_DATA + 4, event);
    vr_put16(&f->r, VR_DATA + 6, value);
    virtio_rig_add(&f->r, CONTROL_OUT, &buf, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&f->r, CONTROL_OUT), 0);
}

/* n control buffers of 64 bytes from VR_DATA + 0x1000 on. */
static void
give_control(Fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const VrBuf buf = {VR_DATA + 0x1000 + 64 * i, 64, true};
        virtio_rig_add(&f->r, CONTROL_IN, &buf, 1);
    }
    virtio_rig_kick(&f->r, CONTROL_IN);
}

static guint32
used_len(Fixture *f, unsigned queue)
{
    guint16 id;
    guint32 len;

    return virtio_rig_used(&f->r, queue, &id, &len) ? len : G_MAXUINT32;
}

static void
check_message(Fixture *f, unsigned i, guint32 id, guint16 event, guint16 value,
              guint32 len)
{
    guint64 at = VR_DATA + 0x1000 + 64 * i;

    CU_ASSERT_EQUAL(used_len(f, CONTROL_IN), len);
    CU_ASSERT_EQUAL(vr_get32(&f->r, at), id);
    CU_ASSERT_EQUAL(vr_get16(&f->r, at + 4), event);
    CU_ASSERT_EQUAL(vr_get16(&f->r, at + 6), value);
}

static void
put_text(Fixture *f, guint64 at, const char *text)
{
    memcpy(fake_ram(f->r.vm) + at, text, strlen(text));
}

static void
check_output(CharLink *link, const char *text)
{
    g_autoptr(GBytes) got = char_scrollback(link);

    CU_ASSERT_EQUAL(g_bytes_get_size(got), strlen(text));
    CU_ASSERT_EQUAL(memcmp(g_bytes_get_data(got, NULL), text,
                           MIN(g_bytes_get_size(got), strlen(text))),
                    0);
}

static void
check_plain(VirtioRigHow how, guint64 accept)
{
    Fixture f;
    const VrBuf out[] = {{VR_DATA, 3, false}, {VR_DATA + 0x100, 3, false}};
    const VrBuf in = {VR_DATA + 0x200, 16, true};

    begin(&f, how, accept);
    put_text(&f, VR_DATA, "log");
    put_text(&f, VR_DATA + 0x100, "in:");
    virtio_rig_add(&f.r, 1, out, 2);
    CU_ASSERT_EQUAL(virtio_rig_finish(&f.r, 1), 0);
    check_output(f.chr[0], "login:");
    virtio_rig_add(&f.r, 0, &in, 1);
    virtio_rig_kick(&f.r, 0);
    char_inject(f.chr[0], (const guint8 *) "root\n", 5);
    fake_advance(f.r.vm, 0);
    CU_ASSERT_EQUAL(used_len(&f, 0), 5);
    CU_ASSERT_EQUAL(memcmp(fake_ram(f.r.vm) + VR_DATA + 0x200, "root\n", 5), 0);
    end(&f);
}

static void
test_plain(void)
{
    check_plain(VR_PCI, SPLIT & NO_PORTS);
    check_plain(VR_PCI, NO_PORTS);
    check_plain(VR_LEGACY, NO_PORTS);
    check_plain(VR_MMIO, NO_PORTS);
}

static void
check_ports(guint64 accept)
{
    Fixture f;

    begin(&f, VR_PCI, accept);
    give_control(&f, 12);
    control(&f, 0, DEVICE_READY, 1);
    check_message(&f, 0, 0, DEVICE_ADD, 0, 8);
    check_message(&f, 1, 1, DEVICE_ADD, 0, 8);
    control(&f, 0, PORT_READY, 1);
    check_message(&f, 2, 0, CONSOLE, 1, 8);
    check_message(&f, 3, 0, RESIZE, 0, 12);
    CU_ASSERT_EQUAL(vr_get16(&f.r, VR_DATA + 0x1000 + 64 * 3 + 8), 80);
    CU_ASSERT_EQUAL(vr_get16(&f.r, VR_DATA + 0x1000 + 64 * 3 + 10), 25);
    check_message(&f, 4, 0, OPEN, 1, 8);
    control(&f, 1, PORT_READY, 1);
    check_message(&f, 5, 1, NAME, 1, 16);
    CU_ASSERT_EQUAL(
        memcmp(fake_ram(f.r.vm) + VR_DATA + 0x1000 + 64 * 5 + 8, "org.test", 8),
        0);
    check_message(&f, 6, 1, OPEN, 1, 8);
    CU_ASSERT_EQUAL(used_len(&f, CONTROL_IN), G_MAXUINT32);
    end(&f);
}

static void
test_ports(void)
{
    check_ports(SPLIT);
    check_ports(G_MAXUINT64);
}

static void
test_messages_wait(void)
{
    Fixture f;

    begin(&f, VR_PCI, G_MAXUINT64);
    for (unsigned i = 0; i < 100; i++)
        control(&f, 0, DEVICE_READY, 1);
    give_control(&f, 1);
    check_message(&f, 0, 0, DEVICE_ADD, 0, 8);
    give_control(&f, 2);
    check_message(&f, 0, 1, DEVICE_ADD, 0, 8);
    CU_ASSERT_EQUAL(used_len(&f, CONTROL_IN), G_MAXUINT32);
    end(&f);
}

static void
test_input_waits_for_open(void)
{
    Fixture f;
    const VrBuf in = {VR_DATA + 0x3000, 4, true};
    const VrBuf out = {VR_DATA + 0x4000, 4, false};

    begin(&f, VR_PCI, G_MAXUINT64);
    virtio_rig_add(&f.r, RX1, &in, 1);
    virtio_rig_kick(&f.r, RX1);
    char_inject(f.chr[1], (const guint8 *) "abcdef", 6);
    fake_advance(f.r.vm, 0);
    CU_ASSERT_EQUAL(used_len(&f, RX1), G_MAXUINT32);
    control(&f, 1, OPEN, 1);
    char_inject(f.chr[1], (const guint8 *) "wxyz", 4);
    fake_advance(f.r.vm, 0);
    CU_ASSERT_EQUAL(used_len(&f, RX1), 4);
    put_text(&f, VR_DATA + 0x4000, "PONG");
    virtio_rig_add(&f.r, TX1, &out, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&f.r, TX1), 0);
    check_output(f.chr[1], "PONG");
    check_output(f.chr[0], "");
    end(&f);
}

/* 100 KiB in one request: more than the device's own buffer. */
static void
test_large_output(void)
{
    Fixture f;
    const VrBuf out = {VR_DATA, 100 * 1024, false};

    begin(&f, VR_PCI, NO_PORTS);
    memset(fake_ram(f.r.vm) + VR_DATA, 'x', 100 * 1024);
    virtio_rig_add(&f.r, 1, &out, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&f.r, 1), 0);
    g_autoptr(GBytes) got = char_scrollback(f.chr[0]);
    CU_ASSERT_EQUAL(g_bytes_get_size(got), 100 * 1024);
    end(&f);
}

static void
test_emergency(void)
{
    Fixture f;

    begin(&f, VR_PCI, NO_PORTS);
    virtio_rig_set_status(&f.r, 0);
    fake_mmio_write(f.r.vm, VR_CONFIG + 8, '!', 4);
    fake_advance(f.r.vm, 0);
    check_output(f.chr[0], "!");
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 0, 2), 80);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 2, 2), 25);
    CU_ASSERT_EQUAL(virtio_rig_config(&f.r, 4, 4), 2);
    end(&f);
}

static void
test_hostile(void)
{
    Fixture f;
    const VrBuf tiny = {VR_DATA, 7, false};

    begin(&f, VR_PCI, G_MAXUINT64);
    control(&f, 0xffffffff, OPEN, 1);
    control(&f, 2, PORT_READY, 1);
    control(&f, 0, 0xffff, 0xffff);
    virtio_rig_add(&f.r, CONTROL_OUT, &tiny, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&f.r, CONTROL_OUT), 0);
    give_control(&f, 1);
    CU_ASSERT_EQUAL(used_len(&f, CONTROL_IN), G_MAXUINT32);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.r.vm->log->str, "which is not there"));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.r.vm->log->str, "it has 8"));
    CU_ASSERT_EQUAL(virtio_rig_status(&f.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    end(&f);
}

static void
test_reset_closes(void)
{
    Fixture f;
    const VrBuf in = {VR_DATA + 0x3000, 4, true};

    begin(&f, VR_PCI, G_MAXUINT64);
    control(&f, 1, OPEN, 1);
    control(&f, 0, DEVICE_READY, 1);
    virtio_rig_start(&f.r, G_MAXUINT64, QUEUES);
    give_control(&f, 1);
    CU_ASSERT_EQUAL(used_len(&f, CONTROL_IN), G_MAXUINT32);
    virtio_rig_add(&f.r, RX1, &in, 1);
    virtio_rig_kick(&f.r, RX1);
    char_inject(f.chr[1], (const guint8 *) "x", 1);
    fake_advance(f.r.vm, 0);
    CU_ASSERT_EQUAL(used_len(&f, RX1), G_MAXUINT32);
    end(&f);
}

/* A paused machine: messages that wait for buffers, an open port with a buffer
 * for input, output in the ring. */
static void
check_restore(guint64 accept)
{
    Fixture f;
    const VrBuf in = {VR_DATA + 0x3000, 4, true};
    const VrBuf out = {VR_DATA + 0x4000, 4, false};

    begin(&f, VR_PCI, accept);
    control(&f, 0, DEVICE_READY, 1);
    control(&f, 1, OPEN, 1);
    virtio_rig_add(&f.r, RX1, &in, 1);
    virtio_rig_kick(&f.r, RX1);
    device_quiesce(f.r.dev);
    put_text(&f, VR_DATA + 0x4000, "PONG");
    virtio_rig_add(&f.r, TX1, &out, 1);
    virtio_rig_kick(&f.r, TX1);
    CU_ASSERT_EQUAL(used_len(&f, TX1), G_MAXUINT32);
    check_output(f.chr[1], "");
    virtio_rig_replace(&f.r, make(&f));
    CU_ASSERT_EQUAL(used_len(&f, TX1), 0);
    CU_ASSERT_EQUAL(used_len(&f, TX1), G_MAXUINT32);
    check_output(f.chr[1], "PONG");
    check_output(f.chr[0], "");
    give_control(&f, 3);
    check_message(&f, 0, 0, DEVICE_ADD, 0, 8);
    check_message(&f, 1, 1, DEVICE_ADD, 0, 8);
    CU_ASSERT_EQUAL(used_len(&f, CONTROL_IN), G_MAXUINT32);
    char_inject(f.chr[1], (const guint8 *) "wxyz", 4);
    fake_advance(f.r.vm, 0);
    CU_ASSERT_EQUAL(used_len(&f, RX1), 4);
    CU_ASSERT_EQUAL(memcmp(fake_ram(f.r.vm) + VR_DATA + 0x3000, "wxyz", 4), 0);
    end(&f);
}

static void
test_restore(void)
{
    check_restore(SPLIT);
    check_restore(G_MAXUINT64);
}

/* Port 1 alone is there, with room for three. */
static void
begin_with_room(Fixture *f)
{
    virtio_rig_init(&f->r, VR_PCI);
    for (unsigned i = 0; i < 2; i++)
        f->chr[i] = char_open("null", NULL, f->r.vm->env.loop, NULL);
    Device *dev = device_new(&virtio_console_class, "console");
    device_set_link(dev, "chr1", f->chr[1]);
    device_set_u64(dev, "ports", 3, NULL);
    virtio_rig_add_device(&f->r, dev);
    virtio_rig_start(&f->r, G_MAXUINT64, 8);
}

static void
test_ports_come_and_go(void)
{
    Fixture f;
    const VrBuf out = {VR_DATA + 0x4000, 4, false};
    g_autoptr(GError) error = NULL;

    begin_with_room(&f);
    give_control(&f, 12);
    CU_ASSERT_TRUE(virtio_console_connect(f.r.dev, 2, f.chr[0], "late", NULL));
    CU_ASSERT_EQUAL(used_len(&f, CONTROL_IN), G_MAXUINT32); /* no driver yet */
    virtio_console_disconnect(f.r.dev, 2);
    control(&f, 0, DEVICE_READY, 1);
    check_message(&f, 0, 1, DEVICE_ADD, 0, 8);
    CU_ASSERT_TRUE(virtio_console_connect(f.r.dev, 2, f.chr[0], "late", NULL));
    check_message(&f, 1, 2, DEVICE_ADD, 0, 8);
    control(&f, 2, PORT_READY, 1);
    check_message(&f, 2, 2, NAME, 1, 12);
    check_message(&f, 3, 2, OPEN, 1, 8);
    CU_ASSERT_FALSE(
        virtio_console_connect(f.r.dev, 2, f.chr[0], "late", &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "there already"));
    g_clear_error(&error);
    CU_ASSERT_FALSE(
        virtio_console_connect(f.r.dev, 3, f.chr[0], "late", &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "room for ports 0 to 2"));
    put_text(&f, VR_DATA + 0x4000, "PONG");
    virtio_rig_add(&f.r, 7, &out, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&f.r, 7), 0);
    check_output(f.chr[0], "PONG");
    virtio_console_disconnect(f.r.dev, 2);
    check_message(&f, 4, 2, REMOVE, 1, 8);
    virtio_rig_add(&f.r, 7, &out, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&f.r, 7), 0);
    check_output(f.chr[0], "PONG");
    control(&f, 2, OPEN, 1); /* a driver that has not read it yet */
    CU_ASSERT_PTR_NOT_NULL(strstr(f.r.vm->log->str, "which is not there"));
    CU_ASSERT_EQUAL(used_len(&f, CONTROL_IN), G_MAXUINT32);
    end(&f);
}

/* Without a buffer for messages, they wait: that the old port has gone is said
 * first, and of one that nobody has heard of nothing. */
static void
test_changes_wait_for_buffers(void)
{
    Fixture f;

    begin_with_room(&f);
    give_control(&f, 1);
    control(&f, 0, DEVICE_READY, 1);
    check_message(&f, 0, 1, DEVICE_ADD, 0, 8);
    virtio_console_disconnect(f.r.dev, 1);
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(
            virtio_console_connect(f.r.dev, 1, f.chr[1], "again", NULL));
        virtio_console_disconnect(f.r.dev, 1);
    }
    CU_ASSERT_TRUE(virtio_console_connect(f.r.dev, 1, f.chr[1], "again", NULL));
    virtio_console_connect(f.r.dev, 0, f.chr[0], NULL, NULL);
    virtio_console_disconnect(f.r.dev, 0);
    give_control(&f, 4);
    check_message(&f, 0, 1, REMOVE, 1, 8);
    check_message(&f, 1, 1, DEVICE_ADD, 0, 8);
    CU_ASSERT_EQUAL(used_len(&f, CONTROL_IN), G_MAXUINT32);
    virtio_console_disconnect(f.r.dev, 1);
    end(&f);
}

static gsize
output_len(Fixture *f)
{
    g_autoptr(GBytes) got = char_scrollback(f->chr[0]);

    return g_bytes_get_size(got);
}

/* One request, half of it written when the machine is paused: no byte comes
 * twice, none is lost. */
static void
test_restore_amid_output(void)
{
    Fixture f;
    const guint32 len = 200 * 1024;
    const VrBuf out = {VR_DATA, len, false};

    begin(&f, VR_PCI, NO_PORTS);
    GMainContext *loop = loop_context(f.r.vm->env.loop);
    for (guint32 i = 0; i < len; i++)
        fake_ram(f.r.vm)[VR_DATA + i] = (guint8) ('a' + (i ^ i >> 8) % 26);
    virtio_rig_add(&f.r, 1, &out, 1);
    fake_mmio_write(f.r.vm, VR_NOTIFY + 4, 1, 2);
    for (unsigned i = 0; i < 100 && output_len(&f) == 0; i++)
        (void) g_main_context_iteration(loop, FALSE);
    device_quiesce(f.r.dev);
    fake_advance(f.r.vm, 0);
    CU_ASSERT_EQUAL(used_len(&f, 1), G_MAXUINT32);
    gsize before = output_len(&f);
    CU_ASSERT_TRUE(before > 0 && before < len);
    virtio_rig_replace(&f.r, make(&f));
    CU_ASSERT_EQUAL(used_len(&f, 1), 0);
    g_autoptr(GBytes) got = char_scrollback(f.chr[0]);
    CU_ASSERT_EQUAL(g_bytes_get_size(got), len);
    CU_ASSERT_EQUAL(memcmp(g_bytes_get_data(got, NULL),
                           fake_ram(f.r.vm) + VR_DATA,
                           MIN(g_bytes_get_size(got), len)),
                    0);
    end(&f);
}

CU_MAIN("virtio-console",
        {"a_console_without_ports_reads_and_writes", test_plain},
        {"ports_are_announced_named_and_opened", test_ports},
        {"messages_wait_for_buffers_and_do_not_pile_up", test_messages_wait},
        {"a_closed_port_takes_no_input", test_input_waits_for_open},
        {"a_request_may_be_larger_than_the_buffer", test_large_output},
        {"emergency_output_needs_no_driver", test_emergency},
        {"hostile_messages_change_nothing", test_hostile},
        {"a_reset_forgets_what_was_open", test_reset_closes},
        {"what_is_under_way_survives_a_restore", test_restore},
        {"ports_come_and_go", test_ports_come_and_go},
        {"changes_of_ports_wait_for_buffers", test_changes_wait_for_buffers},
        {"half_a_request_survives_a_restore", test_restore_amid_output})
