/* tests/unit/test-usb-storage.c - a USB stick: commands, data and their
 * status, and what a wrong one leads to. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/xhci-rig.h"
#include "vmm/block/block.h"

#define MS     G_GINT64_CONSTANT(1000000)
#define BLOCKS 256u
#define OUT    4u /* device context indices of its pipes */
#define IN     3u
#define CBW    (XR_DATA + 0x1000u)
#define CSW    (XR_DATA + 0x2000u)

extern const DeviceClass usb_storage_class;

typedef struct {
    XhciRig r;
    Device *dev;
    Block *block;
    int fd;
} Fixture;

static void
begin(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    char *path = NULL;

    xhci_rig_init(&f->r);
    f->fd = g_file_open_tmp("carrel-usb-XXXXXX", &path, &error);
    g_assert_no_error(error);
    CU_ASSERT_EQUAL(ftruncate(f->fd, BLOCKS * 512), 0);
    CU_ASSERT_EQUAL(pwrite(f->fd, "third block", 11, 3 * 512), 11);
    const BlockSpec spec = {.path = path, .format = "raw", .use_pool = true};
    f->block = block_open(&spec, f->r.vm->env.loop, &error);
    g_assert_no_error(error);
    g_unlink(path);
    g_free(path);
    f->dev = device_new(&usb_storage_class, "usb0");
    device_set_link(f->dev, "drive", f->block);
    xhci_rig_plug(&f->r, f->dev, 0);
    xhci_rig_start(&f->r);
    CU_ASSERT_EQUAL(xr_address(&f->r, 1), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_control(&f->r, USB_SET_CONFIGURATION, 1, 0, 0),
                    CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_configure(&f->r, IN, EP_BULK | EP_IN), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_configure(&f->r, OUT, EP_BULK), CC_SUCCESS);
}

static void
end(Fixture *f)
{
    for (unsigned i = 0; i < 1000 && !device_is_quiet(f->dev); i++)
        fake_advance(f->r.vm, MS);
    device_free(f->dev);
    for (unsigned i = 0; i < 1000 && !block_is_idle(f->block); i++)
        fake_advance(f->r.vm, MS);
    block_close(f->block);
    close(f->fd);
    xhci_rig_free(&f->r);
}

/* One bulk transfer; its code, residue in *ret_left. */
static unsigned
transfer(Fixture *f, unsigned ep, guint64 at, guint32 len, guint32 *ret_left)
{
    XhciEvent e;
    unsigned code = 0;

    xr_push(&f->r, ep, at, len, TRB_NORMAL << 10 | TRB_IOC | TRB_ISP);
    xr_ring_bell(&f->r, 1, ep);
    for (unsigned i = 0; i < 1000 && code == 0; i++) {
        code = xr_transfer_event(&f->r, &e);
        if (code == 0)
            fake_advance(f->r.vm, MS);
    }
    *ret_left = e.status & 0xffffff;
    return code;
}

static unsigned
send_cbw(Fixture *f, guint32 len, bool in, const guint8 *cdb, unsigned n)
{
    guint8 *b = fake_ram(f->r.vm) + CBW;
    guint32 left;

    memset(b, 0, 31);
    xr_put32(&f->r, CBW, 0x43425355);
    xr_put32(&f->r, CBW + 4, 0x1234);
    xr_put32(&f->r, CBW + 8, len);
    b[12] = in ? 0x80 : 0;
    b[14] = (guint8) n;
    memcpy(b + 15, cdb, n);
    return transfer(f, OUT, CBW, 31, &left);
}

/* A whole command with data at XR_DATA; the CSW's status, 99: none. */
static unsigned
command(Fixture *f, guint32 len, bool in, const guint8 *cdb, unsigned n,
        guint32 *ret_residue)
{
    guint32 left;

    if (send_cbw(f, len, in, cdb, n) != CC_SUCCESS)
        return 99;
    if (len > 0)
        (void) transfer(f, in ? IN : OUT, XR_DATA, len, &left);
    unsigned code = transfer(f, IN, CSW, 13, &left);
    if (code != CC_SUCCESS || xr_get32(&f->r, CSW) != 0x53425355 ||
        xr_get32(&f->r, CSW + 4) != 0x1234)
        return 99;
    *ret_residue = xr_get32(&f->r, CSW + 8);
    return fake_ram(f->r.vm)[CSW + 12];
}

static void
clear_attention(Fixture *f)
{
    static const guint8 ready[6] = {0};
    guint32 residue;

    (void) command(f, 0, false, ready, 6, &residue);
}

static void
test_reads_and_writes(void)
{
    static const guint8 read[10] = {0x28, 0, 0, 0, 0, 3, 0, 0, 1};
    static const guint8 write[10] = {0x2a, 0, 0, 0, 0, 9, 0, 0, 2};
    Fixture f;
    guint32 residue = 1;
    char text[8] = "";

    begin(&f);
    clear_attention(&f);
    CU_ASSERT_EQUAL(command(&f, 512, true, read, 10, &residue), 0);
    CU_ASSERT_EQUAL(residue, 0);
    CU_ASSERT_EQUAL(memcmp(fake_ram(f.r.vm) + XR_DATA, "third block", 11), 0);
    memcpy(fake_ram(f.r.vm) + XR_DATA + 512, "tenth", 6);
    CU_ASSERT_EQUAL(command(&f, 1024, false, write, 10, &residue), 0);
    CU_ASSERT_EQUAL(residue, 0);
    CU_ASSERT_EQUAL(pread(f.fd, text, 6, 10 * 512), 6);
    CU_ASSERT_STRING_EQUAL(text, "tenth");
    end(&f);
}

static void
test_inquiry_is_short(void)
{
    static const guint8 inquiry[6] = {0x12, 0, 0, 0, 36};
    Fixture f;
    guint32 residue = 0;

    begin(&f);
    CU_ASSERT_EQUAL(command(&f, 200, true, inquiry, 6, &residue), 0);
    CU_ASSERT_EQUAL(residue, 164);
    end(&f);
}

static void
test_failure_and_sense(void)
{
    static const guint8 beyond[10] = {0x28, 0, 0, 0, 9, 0, 0, 0, 1};
    static const guint8 sense[6] = {0x03, 0, 0, 0, 18};
    Fixture f;
    guint32 residue = 0;

    begin(&f);
    clear_attention(&f);
    CU_ASSERT_EQUAL(command(&f, 512, true, beyond, 10, &residue), 1);
    CU_ASSERT_EQUAL(residue, 512);
    CU_ASSERT_EQUAL(command(&f, 18, true, sense, 6, &residue), 0);
    CU_ASSERT_EQUAL(fake_ram(f.r.vm)[XR_DATA + 2], 5);     /* illegal request */
    CU_ASSERT_EQUAL(fake_ram(f.r.vm)[XR_DATA + 12], 0x21); /* out of range */
    CU_ASSERT_EQUAL(command(&f, 18, true, sense, 6, &residue), 0);
    CU_ASSERT_EQUAL(fake_ram(f.r.vm)[XR_DATA + 2], 0); /* told once */
    end(&f);
}

static void
recover(Fixture *f, unsigned ep)
{
    CU_ASSERT_EQUAL(
        xr_command(&f->r, 0, 0, TRB_RESET_ENDPOINT << 10 | 1u << 24 | ep << 16),
        CC_SUCCESS);
    CU_ASSERT_EQUAL(
        xr_configure(&f->r, ep, ep == IN ? EP_BULK | EP_IN : EP_BULK),
        CC_SUCCESS);
}

static void
test_wrong_cbw(void)
{
    static const guint8 ready[6] = {0};
    Fixture f;
    guint32 left, residue;

    begin(&f);
    clear_attention(&f);
    memset(fake_ram(f.r.vm) + CBW, 0xff, 31);
    CU_ASSERT_EQUAL(transfer(&f, OUT, CBW, 31, &left), CC_STALL);
    CU_ASSERT_EQUAL(transfer(&f, IN, CSW, 13, &left), CC_STALL);
    recover(&f, OUT);
    recover(&f, IN);
    /* only a reset helps */
    CU_ASSERT_EQUAL(send_cbw(&f, 0, false, ready, 6), CC_STALL);
    recover(&f, OUT);
    CU_ASSERT_EQUAL(xr_control(&f.r, 0x21ff, 0, 0, 0), CC_SUCCESS);
    CU_ASSERT_EQUAL(command(&f, 0, false, ready, 6, &residue), 0);
    /* data that is more than there can be */
    CU_ASSERT_EQUAL(send_cbw(&f, 0xffffffff, true, ready, 6), CC_STALL);
    end(&f);
}

static void
test_reset_amid_a_read(void)
{
    static const guint8 read[10] = {0x28, 0, 0, 0, 0, 0, 0, 0, 64};
    static const guint8 ready[6] = {0};
    Fixture f;
    guint32 residue;

    begin(&f);
    clear_attention(&f);
    CU_ASSERT_EQUAL(send_cbw(&f, 64 * 512, true, read, 10), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_control(&f.r, 0x21ff, 0, 0, 0), CC_SUCCESS);
    CU_ASSERT_EQUAL(command(&f, 0, false, ready, 6, &residue), 0);
    end(&f);
}

CU_MAIN("usb-storage", {"blocks_are_read_and_written", test_reads_and_writes},
        {"less_data_than_asked_for_is_a_residue", test_inquiry_is_short},
        {"a_failure_leaves_sense_data", test_failure_and_sense},
        {"a_wrong_command_block_needs_a_reset", test_wrong_cbw},
        {"a_reset_amid_a_command", test_reset_amid_a_read})
