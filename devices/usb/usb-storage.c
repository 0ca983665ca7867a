/* devices/usb/usb-storage.c - a USB stick: SCSI commands by the bulk-only
 * transport (Universal Serial Bus Mass Storage Class, Bulk-Only Transport 1.0;
 * numbers of sections are its). High speed, or full speed where the bus has no
 * other; one logical unit; the commands are those of devices/storage/scsi-*.c.
 *
 * A command's data is kept whole between the guest and the disk. It is begun
 * outside of the controller's lock; meanwhile both pipes answer NAK. A machine
 * that is restored amid a command has lost it: the guest is told, and tries
 * again. */
#include <string.h>

#include "devices/storage/scsi.h"
#include "devices/usb/usb-desc.h"
#include "vmm/block/block.h"
#include "vmm/loop/loop.h"

#define EP_IN         0x81u
#define EP_OUT        0x02u
#define CBW_LEN       31u         /* 5.1 */
#define CBW_SIGNATURE 0x43425355u /* "USBC" */
#define CSW_LEN       13u         /* 5.2 */
#define CSW_SIGNATURE 0x53425355u /* "USBS" */
#define CSW_PASSED    0u
#define CSW_FAILED    1u
#define MAX_CDB       16u
#define MAX_DATA      (16u << 20)
#define GET_MAX_LUN   0xa1feu /* 3.2 */
#define BULK_RESET    0x21ffu /* 3.1 */
#define REQUEST_SENSE 0x03u

enum {
    PHASE_COMMAND, /* a CBW is wanted */
    PHASE_DATA_OUT,
    PHASE_RUNNING,
    PHASE_DATA_IN,
    PHASE_STATUS,
    PHASE_BROKEN /* until it is reset, 6.6.1 */
};

typedef struct {
    UsbStdState std;
    ScsiUnitState unit;
    guint8 phase, in, status;
    guint32 tag, data_len; /* of the CBW */
    guint32 done, moved;   /* bytes of data: with the guest; with the disk */
    guint8 cdb_len;
    guint8 cdb[MAX_CDB];
    guint8 sense[SCSI_SENSE_LEN]; /* of the last command */
} UsbStorageState;

typedef struct {
    UsbDevice usb;
    UsbStorageState s;
    Block *block; /* link */
    ScsiUnit unit;
    ScsiTask task;
    struct iovec iov;
    guint8 *data; /* s.data_len bytes */
    bool busy;    /* task is with the disk, or is to be begun */
    Timer *later; /* what needs to be without the lock */
} UsbStorage;

/* clang-format off */
static const guint8 device_desc[] = {
    18, 1, USB_LE16(0x0200), 0, 0, 0, 64, USB_LE16(0x46f4), USB_LE16(0x0001),
    USB_LE16(0x0100), 1, 2, 3, 1,
};
#define CONFIG(packet) { \
    9, 2, USB_LE16(32), 1, 1, 0, 0x80, 50, \
    9, 4, 0, 0, 2, 8, 6, 0x50, 0, /* SCSI, bulk-only */ \
    7, 5, EP_IN, 2, USB_LE16(packet), 0, \
    7, 5, EP_OUT, 2, USB_LE16(packet), 0 }
static const guint8 config_desc[2][32] = { CONFIG(64), CONFIG(512) };
static const char *const strings[] = { "Carrel", "USB disk", "00000001", NULL };
/* clang-format on */

static UsbStorage *
storage_of(void *dev)
{
    return (UsbStorage *) dev;
}

static guint32
get32(const guint8 *b)
{
    return b[0] | b[1] << 8 | b[2] << 16 | (guint32) b[3] << 24;
}

static void
put32(guint8 *b, guint32 v)
{
    v = GUINT32_TO_LE(v);
    memcpy(b, &v, sizeof v);
}

/* ---- the command ---- */

static void
drop_data(UsbStorage *d)
{
    if (!d->busy) /* else its end does */
        g_clear_pointer(&d->data, g_free);
}

/* What the guest reads next. */
static void
command_ended(UsbStorage *d)
{
    UsbStorageState *s = &d->s;

    s->phase = s->in && s->data_len > 0 ? PHASE_DATA_IN : PHASE_STATUS;
    s->done = s->in ? 0 : s->done;
}

static void
take_result(UsbStorage *d)
{
    const ScsiTask *t = &d->task;

    d->s.status = (guint8) (t->status == SCSI_GOOD && !t->overrun ? CSW_PASSED
                                                                  : CSW_FAILED);
    d->s.moved = (guint32) MIN(t->moved, d->s.data_len);
    scsi_task_sense(t, d->s.sense);
    if (t->status == SCSI_GOOD)
        memset(d->s.sense, 0, sizeof d->s.sense);
    command_ended(d);
}

/* Loop, no lock. */
static void
task_done(ScsiTask *task)
{
    UsbStorage *d = (UsbStorage *) (void *) ((char *) task -
                                             G_STRUCT_OFFSET(UsbStorage, task));

    d->busy = false;
    if (d->s.phase == PHASE_RUNNING && task->fate == SCSI_LIVE)
        take_result(d);
    else
        drop_data(d); /* a reset came between */
    usb_device_ready(&d->usb, EP_IN);
    usb_device_ready(&d->usb, EP_OUT);
}

/* SPC-4 6.39: what the last command came to, as this transport does not send
 * it along. */
static void
answer_sense(UsbStorage *d)
{
    UsbStorageState *s = &d->s;

    if (s->sense[0] == 0) {
        s->sense[0] = 0x70;
        s->sense[7] = SCSI_SENSE_LEN - 8;
    }
    s->moved = MIN(MIN(s->cdb[4], SCSI_SENSE_LEN), s->data_len);
    if (s->moved > 0)
        memcpy(d->data, s->sense, s->moved);
    memset(s->sense, 0, sizeof s->sense);
    s->status = CSW_PASSED;
    command_ended(d);
}

static void
fill_task(UsbStorage *d)
{
    ScsiTask *t = &d->task;
    const UsbStorageState *s = &d->s;

    memset(t->cdb, 0, sizeof t->cdb);
    memcpy(t->cdb, s->cdb, s->cdb_len);
    d->iov.iov_base = d->data;
    d->iov.iov_len = s->data_len;
    t->unit = &d->unit;
    t->tag = s->tag;
    t->iov_out = t->iov_in = &d->iov;
    t->n_out = s->in || s->data_len == 0 ? 0 : 1;
    t->n_in = s->in && s->data_len > 0 ? 1 : 0;
    t->out_at = t->in_at = 0;
    t->out_len = t->n_out > 0 ? s->data_len : 0;
    t->in_len = t->n_in > 0 ? s->data_len : 0;
    t->done = task_done;
}

static void
begin(UsbStorage *d)
{
    if (d->s.cdb[0] == REQUEST_SENSE) {
        answer_sense(d);
        return;
    }
    fill_task(d);
    if (scsi_task_begin(&d->task)) {
        BlockReq *req = &d->task.block;
        d->busy = true;
        block_submit(d->block, &req, 1);
        return;
    }
    take_result(d);
}

/* Loop, no lock. */
static void
later(void *data)
{
    UsbStorage *d = data;

    if (d->s.phase == PHASE_RUNNING && !d->busy)
        begin(d);
    usb_device_ready(&d->usb, EP_IN);
    usb_device_ready(&d->usb, EP_OUT);
}

/* ---- the pipes ---- */

static UsbResult
break_down(UsbStorage *d)
{
    d->s.phase = PHASE_BROKEN;
    return USB_STALL;
}

/* 6.2: whether it is valid and makes sense. */
static UsbResult
take_cbw(UsbStorage *d, UsbPacket *p)
{
    UsbStorageState *s = &d->s;
    const guint8 *b = p->data;

    if (d->busy)
        return USB_NAK; /* the disk has not let go of one that was reset */
    if (p->len != CBW_LEN || get32(b) != CBW_SIGNATURE || (b[13] & 15) != 0 ||
        b[14] < 1 || b[14] > MAX_CDB || get32(b + 8) > MAX_DATA)
        return break_down(d);
    s->tag = get32(b + 4);
    s->data_len = get32(b + 8);
    s->in = b[12] >> 7;
    s->cdb_len = b[14];
    memset(s->cdb, 0, sizeof s->cdb);
    memcpy(s->cdb, b + 15, s->cdb_len);
    s->done = s->moved = 0;
    g_free(d->data);
    d->data = s->data_len > 0 ? g_malloc0(s->data_len) : NULL;
    s->phase = s->in || s->data_len == 0 ? PHASE_RUNNING : PHASE_DATA_OUT;
    timer_arm(d->later, 0);
    p->actual = p->len;
    return USB_OK;
}

static UsbResult
take_data(UsbStorage *d, UsbPacket *p)
{
    UsbStorageState *s = &d->s;

    if (p->len > s->data_len - s->done || d->data == NULL)
        return break_down(d);
    if (p->len > 0)
        memcpy(d->data + s->done, p->data, p->len);
    s->done += p->len;
    p->actual = p->len;
    if (s->done == s->data_len) {
        s->phase = PHASE_RUNNING;
        timer_arm(d->later, 0);
    }
    return USB_OK;
}

static UsbResult
pipe_out(UsbStorage *d, UsbPacket *p)
{
    if ((d->s.std.halted & usb_halt_bit(EP_OUT)) != 0)
        return USB_STALL;
    if (d->s.phase == PHASE_COMMAND)
        return take_cbw(d, p);
    if (d->s.phase == PHASE_DATA_OUT)
        return take_data(d, p);
    return d->s.phase == PHASE_RUNNING ? USB_NAK : break_down(d);
}

/* A packet that is not filled ends the data, 6.7.2. */
static UsbResult
give_data(UsbStorage *d, UsbPacket *p)
{
    UsbStorageState *s = &d->s;
    guint32 there = d->data != NULL ? s->moved - s->done : 0;

    (void) usb_answer(p, there > 0 ? d->data + s->done : NULL, there);
    s->done += p->actual;
    if (p->actual < p->len || s->done == s->data_len)
        s->phase = PHASE_STATUS;
    return USB_OK;
}

static UsbResult
give_csw(UsbStorage *d, UsbPacket *p)
{
    guint8 csw[CSW_LEN];

    put32(csw, CSW_SIGNATURE);
    put32(csw + 4, d->s.tag);
    put32(csw + 8, d->s.data_len - d->s.moved);
    csw[12] = d->s.status;
    d->s.phase = PHASE_COMMAND;
    drop_data(d);
    return usb_answer(p, csw, sizeof csw);
}

static UsbResult
pipe_in(UsbStorage *d, UsbPacket *p)
{
    if ((d->s.std.halted & usb_halt_bit(EP_IN)) != 0)
        return USB_STALL;
    if (d->s.phase == PHASE_DATA_IN)
        return give_data(d, p);
    if (d->s.phase == PHASE_STATUS)
        return give_csw(d, p);
    return d->s.phase == PHASE_BROKEN ? USB_STALL : USB_NAK;
}

/* ---- requests, resets ---- */

static void
give_up(UsbStorage *d)
{
    d->s.phase = PHASE_COMMAND;
    if (d->busy)
        scsi_unit_cancel_all(&d->unit, SCSI_RESET);
    drop_data(d);
}

static UsbResult
control(UsbStorage *d, UsbPacket *p)
{
    static const guint8 max_lun = 0;
    const UsbDescriptors descriptors = {
        device_desc, config_desc[d->usb.speed == USB_SPEED_HIGH],
        sizeof config_desc[0], strings};
    UsbResult result;

    if (usb_standard_request(&descriptors, &d->s.std, p, &result))
        return result;
    if (p->setup.request == GET_MAX_LUN)
        return usb_answer(p, &max_lun, 1);
    if (p->setup.request != BULK_RESET)
        return USB_STALL;
    give_up(d);
    return USB_OK;
}

static UsbResult
storage_submit(UsbDevice *dev, UsbPacket *p)
{
    UsbStorage *d = storage_of(dev);

    if (p->type == USB_CONTROL && p->ep == 0)
        return control(d, p);
    if (d->s.std.configuration == 0)
        return USB_STALL;
    if (p->ep == EP_OUT)
        return pipe_out(d, p);
    return p->ep == EP_IN ? pipe_in(d, p) : USB_STALL;
}

static void
storage_bus_reset(UsbDevice *dev)
{
    UsbStorage *d = storage_of(dev);

    give_up(d);
    d->s.std = (UsbStdState){0};
}

static const UsbDeviceOps storage_ops = {storage_bus_reset, storage_submit,
                                         NULL, NULL};

/* ---- life ---- */

static bool
usb_storage_realize(Device *dev, DeviceEnv *env, GError **error)
{
    UsbStorage *d = storage_of(dev);

    d->usb.ops = &storage_ops;
    d->usb.address = &d->s.std.address;
    d->usb.speed = (d->usb.bus->speeds & USB_SPEEDS_2) == USB_SPEEDS_2
                       ? USB_SPEED_HIGH
                       : USB_SPEED_FULL;
    d->busy = false;
    d->later = timer_new(env->loop, CLOCK_HOST, later, d);
    return scsi_unit_init(&d->unit, &d->s.unit, SCSI_DISK, d->block, dev->id,
                          error) &&
           usb_device_attach(&d->usb, error);
}

/* The machine waits until the device is quiet, so the disk has nothing of it. */
static void
usb_storage_unrealize(Device *dev)
{
    UsbStorage *d = storage_of(dev);

    usb_device_detach(&d->usb);
    g_clear_pointer(&d->later, timer_free);
    g_clear_pointer(&d->data, g_free);
}

static void
usb_storage_reset(Device *dev, ResetKind kind)
{
    UsbStorage *d = storage_of(dev);

    give_up(d);
    d->s = (UsbStorageState){.unit = d->s.unit};
    scsi_unit_reset(&d->unit);
}

/* Data amid a command is not in the state: the command has failed. */
static void
usb_storage_restored(Device *dev)
{
    UsbStorageState *s = &storage_of(dev)->s;

    if (s->phase == PHASE_COMMAND || s->phase == PHASE_BROKEN)
        return;
    if (s->phase != PHASE_STATUS)
        s->std.halted |=
            usb_halt_bit(s->phase == PHASE_DATA_OUT ? EP_OUT : EP_IN);
    s->status = CSW_FAILED;
    s->moved = 0;
    s->phase = PHASE_STATUS;
}

static bool
usb_storage_is_quiet(Device *dev)
{
    return !storage_of(dev)->busy;
}

static bool
usb_storage_check(const void *state, GError **error)
{
    const UsbStorageState *s = state;

    if (!scsi_unit_check(&s->unit, error))
        return false;
    if (s->std.configuration <= 1 && s->phase <= PHASE_BROKEN && s->in <= 1 &&
        s->data_len <= MAX_DATA && s->done <= s->data_len &&
        s->moved <= s->data_len && s->cdb_len <= MAX_CDB)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "usb-storage: a command of %u bytes in phase %u cannot be",
                s->data_len, s->phase);
    return false;
}

/* clang-format off */
static const StateField usb_storage_fields[] = {
    STATE_SUB(UsbStorageState, std, &usb_std_state_desc),
    STATE_SUB(UsbStorageState, unit, &scsi_unit_state_desc),
    STATE_FIELD(UsbStorageState, phase, STATE_U8),
    STATE_FIELD(UsbStorageState, in, STATE_U8),
    STATE_FIELD(UsbStorageState, status, STATE_U8),
    STATE_FIELD(UsbStorageState, tag, STATE_U32),
    STATE_FIELD(UsbStorageState, data_len, STATE_U32),
    STATE_FIELD(UsbStorageState, done, STATE_U32),
    STATE_FIELD(UsbStorageState, moved, STATE_U32),
    STATE_FIELD(UsbStorageState, cdb_len, STATE_U8),
    STATE_BLOB(UsbStorageState, cdb),
    STATE_BLOB(UsbStorageState, sense),
    STATE_FIELDS_END
};
static const StateDesc usb_storage_state_desc = {
    .name = "usb-storage", .version = 2 /* 2: addresses */, .min_version = 1,
    .size = sizeof(UsbStorageState), .fields = usb_storage_fields,
    .check = usb_storage_check,
};

static const PropDesc usb_storage_props[] = {
    USB_PROPS(UsbStorage, usb),
    PROP_DEF_LINK(UsbStorage, block, "drive", true, "image behind it"),
    PROP_END
};
/* clang-format on */

const DeviceClass usb_storage_class = {
    .name = "usb-storage",
    .summary = "USB stick",
    .size = sizeof(UsbStorage),
    .props = usb_storage_props,
    .state = &usb_storage_state_desc,
    .state_offset = G_STRUCT_OFFSET(UsbStorage, s),
    .realize = usb_storage_realize,
    .unrealize = usb_storage_unrealize,
    .reset = usb_storage_reset,
    .restored = usb_storage_restored,
    .is_quiet = usb_storage_is_quiet,
};
