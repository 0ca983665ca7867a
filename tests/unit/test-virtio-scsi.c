/* tests/unit/test-virtio-scsi.c - the virtio SCSI controller with real images
 * behind it. */
#include "tests/unit/virtio-scsi-rig.h"

static void
check_round_trip(VirtioRigHow how, guint64 accept)
{
    Rig s;

    begin_with(&s, how, accept);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), POWER_ON);
    CU_ASSERT_EQUAL(RUN(&s, 0, 0, 1024, 0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0), 0);
    CU_ASSERT_EQUAL(residual(&s), 0);
    CU_ASSERT_EQUAL(vr_get32(&s.r, DATA(0)), 5);
    CU_ASSERT_EQUAL(vr_get32(&s.r, DATA(0) + 512), 6);
    vr_put32(&s.r, DATA(0), 0xcafe);
    vr_put32(&s.r, DATA(0) + 512, 0xbeef);
    CU_ASSERT_EQUAL(RUN(&s, 0, 1024, 0, 0x2a, 0, 0, 0, 0, 100, 0, 0, 2, 0), 0);
    CU_ASSERT_EQUAL(RUN(&s, 0, 0, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    CU_ASSERT_EQUAL(image32(&s, 0, 99), 99);
    CU_ASSERT_EQUAL(image32(&s, 0, 100), 0xcafe);
    CU_ASSERT_EQUAL(image32(&s, 0, 101), 0xbeef);
    CU_ASSERT_EQUAL(image32(&s, 0, 102), 102);
    end(&s);
}

static void
test_round_trip(void)
{
    check_round_trip(VR_PCI, G_MAXUINT64);
    check_round_trip(VR_PCI, ~VIRTIO_F_RING_PACKED);
    check_round_trip(VR_PCI, ~(VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX));
    check_round_trip(VR_LEGACY, G_MAXUINT64);
    check_round_trip(VR_MMIO, G_MAXUINT64);
}

/* What tells a system that lives on a disk from one that only looked. */
static void
test_writes_are_counted(void)
{
    VirtioUse use;
    Rig s;

    begin_with(&s, VR_PCI, G_MAXUINT64);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), POWER_ON);
    CU_ASSERT_EQUAL(RUN(&s, 0, 0, 1024, 0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0), 0);
    CU_ASSERT_EQUAL(RUN(&s, 0, 0, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    CU_ASSERT_TRUE(virtio_get_use(s.r.dev, &use));
    CU_ASSERT_EQUAL(use.writes, 0);
    CU_ASSERT_EQUAL(RUN(&s, 0, 1024, 0, 0x2a, 0, 0, 0, 0, 100, 0, 0, 2, 0), 0);
    CU_ASSERT_TRUE(virtio_get_use(s.r.dev, &use));
    CU_ASSERT_EQUAL(use.writes, 1);
    end(&s);
}

static void
test_units(void)
{
    Rig s;
    const guint8 *b;

    begin(&s);
    CU_ASSERT_EQUAL(RUN(&s, 2, 0, 512, 0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0), 0);
    CU_ASSERT_EQUAL(vr_get32(&s.r, DATA(0)), 2u << 24 | 5);
    CU_ASSERT_EQUAL(RUN(&s, 4, 0, 2048, 0x28, 0, 0, 0, 0, 6, 0, 0, 1, 0), 0);
    CU_ASSERT_EQUAL(vr_get32(&s.r, DATA(0)), 4u << 24 | 6);
    CU_ASSERT_EQUAL(TEST_READY(&s, 5), NO_DISC);
    /* REPORT LUNS at any address, also of what is not there */
    for (unsigned lun = 0; lun <= 8; lun += 4) {
        CU_ASSERT_EQUAL(
            RUN(&s, lun, 0, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), 0);
        CU_ASSERT_EQUAL(residual(&s), 64 - 40);
        b = fake_ram(s.r.vm) + DATA(0);
        CU_ASSERT_EQUAL(b[3], 32);
        CU_ASSERT_EQUAL(b[8 + 1], 0);
        CU_ASSERT_EQUAL(b[16 + 1], 2);
        CU_ASSERT_EQUAL(b[24 + 1], 4);
        CU_ASSERT_EQUAL(b[32 + 1], 5);
    }
    /* unit serial number */
    CU_ASSERT_EQUAL(RUN(&s, 2, 0, 64, 0x12, 1, 0x80, 0, 64, 0), 0);
    CU_ASSERT_EQUAL(memcmp(fake_ram(s.r.vm) + DATA(0) + 4, "0815", 4), 0);
    end(&s);
}

static void
test_nobody_there(void)
{
    Rig s;
    const guint8 cdb[6] = {0};

    begin(&s);
    CU_ASSERT_EQUAL(TEST_READY(&s, 1), 0x052500);
    CU_ASSERT_EQUAL(TEST_READY(&s, 8), 0x052500);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0x3fff), 0x052500);
    CU_ASSERT_EQUAL(RUN(&s, 1, 0, 36, 0x12, 0, 0, 0, 36, 0), 0);
    CU_ASSERT_EQUAL(fake_ram(s.r.vm)[DATA(0)], 0x7f);
    put_command(&s, 0, 0, cdb, 6);
    put_lun(&s, SLOT(0), 1, 0);
    add_command(&s, 0, 0, 0);
    (void) virtio_rig_finish(&s.r, REQUEST);
    CU_ASSERT_EQUAL(response(&s, 0), BAD_TARGET);
    put_command(&s, 0, 0, cdb, 6);
    fake_ram(s.r.vm)[SLOT(0)] = 0xc1; /* a well-known unit */
    add_command(&s, 0, 0, 0);
    (void) virtio_rig_finish(&s.r, REQUEST);
    CU_ASSERT_EQUAL(response(&s, 0), BAD_TARGET);
    CU_ASSERT_EQUAL(virtio_rig_status(&s.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    end(&s);
}

/* 2.7.4.1: where a part ends is the driver's business. */
static void
test_any_framing(void)
{
    Rig s;
    const guint8 write[] = {0x2a, 0, 0, 0, 0, 7, 0, 0, 2, 0};
    const guint8 read[] = {0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0};
    const VrBuf out[] = {{SLOT(0), 3, false},
                         {SLOT(0) + 3, 48 + 512, false},
                         {DATA(0), 512, false},
                         {REPLY(0), 8, true},
                         {REPLY(0) + 8, 100, true}};
    const VrBuf in[] = {{SLOT(0), 51, false},
                        {REPLY(0), 108 + 100, true},
                        {DATA(0), 412, true}};

    begin(&s);
    put_command(&s, 0, 0, write, sizeof write);
    vr_put32(&s.r, SLOT(0) + 51, 0x1111);
    vr_put32(&s.r, DATA(0), 0x2222);
    virtio_rig_add(&s.r, REQUEST, out, 5);
    (void) virtio_rig_finish(&s.r, REQUEST);
    CU_ASSERT_EQUAL(sense(&s, 0), 0);
    CU_ASSERT_EQUAL(image32(&s, 0, 7), 0x1111);
    CU_ASSERT_EQUAL(image32(&s, 0, 8), 0x2222);
    put_command(&s, 0, 0, read, sizeof read);
    memset(fake_ram(s.r.vm) + DATA(0), NOT_SET, 1024);
    virtio_rig_add(&s.r, REQUEST, in, 3);
    CU_ASSERT_EQUAL(virtio_rig_finish(&s.r, REQUEST), 108 + 512);
    CU_ASSERT_EQUAL(sense(&s, 0), 0);
    CU_ASSERT_EQUAL(vr_get32(&s.r, REPLY(0) + 108), 9);
    CU_ASSERT_EQUAL(fake_ram(s.r.vm)[DATA(0) + 411], 0);
    CU_ASSERT_EQUAL(fake_ram(s.r.vm)[DATA(0) + 412], NOT_SET);
    end(&s);
}

static void
check_stops(Rig *s, unsigned queue, const VrBuf *bufs, unsigned n,
            const char *why)
{
    virtio_rig_start(&s->r, G_MAXUINT64, QUEUES);
    virtio_rig_add(&s->r, queue, bufs, n);
    virtio_rig_kick(&s->r, queue);
    CU_ASSERT_TRUE(virtio_rig_status(&s->r) & VIRTIO_STATUS_NEEDS_RESET);
    CU_ASSERT_PTR_NOT_NULL(strstr(s->r.vm->log->str, why));
}

static void
test_no_request(void)
{
    Rig s;
    const VrBuf short_header[] = {{SLOT(0), 50, false}, {REPLY(0), 108, true}};
    const VrBuf short_answer[] = {{SLOT(0), 51, false}, {REPLY(0), 107, true}};
    const VrBuf short_tmf[] = {{TMF, 23, false}, {TMF + 64, 1, true}};
    const VrBuf no_answer[] = {{TMF, 24, false}};
    const VrBuf short_an[] = {{TMF, 16, false}, {TMF + 64, 4, true}};
    const VrBuf short_event = {EVENTS, 15, true};

    begin(&s);
    check_stops(&s, REQUEST, short_header, 2, "50 bytes to read and 108");
    check_stops(&s, REQUEST + 1, short_answer, 2, "51 bytes to read and 107");
    vr_put32(&s.r, TMF, 0);
    check_stops(&s, CONTROL, short_tmf, 2, "a control of 23 bytes and 1");
    check_stops(&s, CONTROL, no_answer, 1, "a control of 24 bytes and 0");
    vr_put32(&s.r, TMF, 1);
    check_stops(&s, CONTROL, short_an, 2, "a control of 16 bytes and 4");
    virtio_rig_start(&s.r, G_MAXUINT64, QUEUES);
    virtio_rig_add(&s.r, EVENT, &short_event, 1);
    virtio_rig_kick(&s.r, EVENT);
    virtio_scsi_remove_unit(s.r.dev, 2);
    CU_ASSERT_TRUE(virtio_rig_status(&s.r) & VIRTIO_STATUS_NEEDS_RESET);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.r.vm->log->str, "an event of 15 bytes"));
    virtio_rig_start(&s.r, G_MAXUINT64, QUEUES);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), POWER_ON);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), 0);
    end(&s);
}

static void
test_results(void)
{
    Rig s;

    begin(&s);
    /* past the end: sense, nothing moved */
    CU_ASSERT_EQUAL(RUN(&s, 0, 0, 512, 0x28, 0, 0, 0, 4, 0, 0, 0, 1, 0),
                    0x052100);
    CU_ASSERT_EQUAL(residual(&s), 512);
    /* more room than the command fills */
    CU_ASSERT_EQUAL(RUN(&s, 0, 0, 1024, 0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0), 0);
    CU_ASSERT_EQUAL(residual(&s), 512);
    /* less room than it needs */
    CU_ASSERT_EQUAL(RUN(&s, 0, 0, 512, 0x28, 0, 0, 0, 0, 1, 0, 0, 2, 0),
                    G_MAXUINT32);
    CU_ASSERT_EQUAL(response(&s, 0), OVERRUN);
    /* data in both directions */
    CU_ASSERT_EQUAL(RUN(&s, 0, 512, 512, 0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0),
                    G_MAXUINT32);
    CU_ASSERT_EQUAL(response(&s, 0), FAILURE);
    end(&s);
}

static void
check_sizes(Rig *s)
{
    const guint8 cdb[] = {0x28, 0, 0, 0, 4, 0, 0, 0, 1, 0};
    const VrBuf bufs[] = {
        {SLOT(0), 29, false}, {REPLY(0), 26, true}, {DATA(0), 512, true}};

    put_command(s, 0, 0, cdb, sizeof cdb);
    virtio_rig_add(&s->r, REQUEST, bufs, 3);
    CU_ASSERT_EQUAL(virtio_rig_finish(&s->r, REQUEST), 26);
    CU_ASSERT_EQUAL(status(s, 0), 2);
    CU_ASSERT_EQUAL(vr_get32(&s->r, REPLY(0)), 14);
    CU_ASSERT_EQUAL(fake_ram(s->r.vm)[REPLY(0) + 12 + 12], 0x21);
    CU_ASSERT_EQUAL(fake_ram(s->r.vm)[REPLY(0) + 26], NOT_SET);
}

static void
test_configuration(void)
{
    Rig s;

    begin(&s);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 0, 4), 2);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 4, 4), 254);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 16, 4), 16);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 20, 4), 96);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 24, 4), 32);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 28, 4), 0);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 32, 4), 7);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 36, 4), G_MAXUINT32);
    /* the driver's choice, as far as it goes */
    fake_mmio_write(s.r.vm, VR_CONFIG + 20, 14, 4);
    fake_mmio_write(s.r.vm, VR_CONFIG + 24, 10, 4);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 20, 4), 14);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 24, 4), 10);
    check_sizes(&s);
    fake_mmio_write(s.r.vm, VR_CONFIG + 20, G_MAXUINT32, 4);
    fake_mmio_write(s.r.vm, VR_CONFIG + 24, 0, 4);
    fake_mmio_write(s.r.vm, VR_CONFIG, 9, 4); /* not the driver's */
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 20, 4), 252);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 24, 4), 6);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 0, 4), 2);
    fake_mmio_write(s.r.vm, VR_CONFIG + 24, 33, 4);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 24, 4), 32);
    virtio_rig_set_status(&s.r, 0);
    CU_ASSERT_EQUAL(virtio_rig_config(&s.r, 20, 4), 96);
    end(&s);
}

static void
test_abort_task(void)
{
    Rig s;

    begin(&s);
    add_writes(&s, 0, 3);
    add_tmf(&s, ABORT_TASK, 0, 0, 2);
    race(&s, 3);
    CU_ASSERT_EQUAL(fake_ram(s.r.vm)[TMF + 64], OK);
    CU_ASSERT_EQUAL(sense(&s, 1), 0);
    CU_ASSERT_EQUAL(response(&s, 2), ABORTED);
    CU_ASSERT_EQUAL(sense(&s, 3), 0);
    CU_ASSERT_EQUAL(image32(&s, 0, 3), 0xabcd0003);
    /* one that is not there, or another unit's, counts as done */
    CU_ASSERT_EQUAL(tmf(&s, ABORT_TASK, 0, 0, 2), OK);
    add_writes(&s, 0, 1);
    add_tmf(&s, ABORT_TASK, 0, 2, 1);
    ring(&s, REQUEST);
    ring(&s, CONTROL);
    CU_ASSERT_EQUAL(virtio_rig_finish(&s.r, CONTROL), 1);
    CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&s.r, REQUEST), G_MAXUINT32);
    CU_ASSERT_EQUAL(sense(&s, 1), 0);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), 0);
    end(&s);
}

static void
test_abort_task_set(void)
{
    Rig s;

    begin(&s);
    add_writes(&s, 2, 3);
    add_tmf(&s, ABORT_SET, 0, 2, 0);
    race(&s, 3);
    CU_ASSERT_EQUAL(fake_ram(s.r.vm)[TMF + 64], OK);
    for (unsigned i = 1; i <= 3; i++)
        CU_ASSERT_EQUAL(response(&s, i), ABORTED);
    CU_ASSERT_EQUAL(TEST_READY(&s, 2), 0);
    end(&s);
}

/* Several controls wait for several commands, some for the same; each is
 * answered when the last of its own has ended, and none is forgotten. */
static void
test_many_controls_wait(void)
{
    Rig s;
    static const guint32 subtype[] = {ABORT_SET, ABORT_TASK, ABORT_TASK,
                                      UNIT_RESET, ABORT_SET};
    static const unsigned unit[] = {0, 0, 2, 2, 2};

    begin(&s);
    add_writes(&s, 0, 3);
    for (unsigned i = 4; i <= 5; i++) {
        const guint8 cdb[] = {0x2a, 0, 0, 0, 0, (guint8) i, 0, 0, 1, 0};
        put_command(&s, i, 2, cdb, sizeof cdb);
        add_command(&s, i, 512, 0);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(unit); i++) {
        guint64 at = TMF + 128 * i;
        const VrBuf bufs[] = {{at, 24, false}, {at + 64, 1, true}};
        vr_put32(&s.r, at, 0);
        vr_put32(&s.r, at + 4, subtype[i]);
        put_lun(&s, at + 8, 0, (guint16) unit[i]);
        vr_put64(&s.r, at + 16, i == 1 ? 2 : 5);
        fake_ram(s.r.vm)[at + 64] = NOT_SET;
        virtio_rig_add(&s.r, CONTROL, bufs, 2);
    }
    ring(&s, REQUEST);
    ring(&s, CONTROL);
    for (unsigned i = 0; i < G_N_ELEMENTS(unit); i++)
        CU_ASSERT_EQUAL(virtio_rig_finish(&s.r, CONTROL), 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(unit); i++)
        CU_ASSERT_EQUAL(fake_ram(s.r.vm)[TMF + 128 * i + 64], OK);
    for (unsigned i = 1; i <= 5; i++) {
        guint16 id;
        guint32 len;
        CU_ASSERT_TRUE(virtio_rig_used(&s.r, REQUEST, &id, &len));
        CU_ASSERT_NOT_EQUAL(response(&s, i), NOT_SET);
    }
    end(&s);
}

static void
test_query(void)
{
    Rig s;

    begin(&s);
    CU_ASSERT_EQUAL(tmf(&s, QUERY_TASK, 0, 0, 1), OK);
    CU_ASSERT_EQUAL(tmf(&s, QUERY_SET, 0, 0, 1), OK);
    add_writes(&s, 0, 1);
    add_tmf(&s, QUERY_TASK, 0, 0, 1);
    ring(&s, CONTROL); /* not the request queue: it is looked at all the same */
    CU_ASSERT_EQUAL(virtio_rig_finish(&s.r, CONTROL), 1);
    CU_ASSERT_EQUAL(fake_ram(s.r.vm)[TMF + 64], SUCCEEDED);
    CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&s.r, REQUEST), G_MAXUINT32);
    CU_ASSERT_EQUAL(sense(&s, 1), 0);
    add_writes(&s, 0, 1);
    add_tmf(&s, QUERY_SET, 0, 0, 99);
    ring(&s, CONTROL);
    CU_ASSERT_EQUAL(virtio_rig_finish(&s.r, CONTROL), 1);
    CU_ASSERT_EQUAL(fake_ram(s.r.vm)[TMF + 64], SUCCEEDED);
    CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&s.r, REQUEST), G_MAXUINT32);
    end(&s);
}

static void
test_unit_reset(void)
{
    Rig s;

    begin(&s);
    add_writes(&s, 0, 2);
    add_tmf(&s, UNIT_RESET, 0, 0, 0);
    race(&s, 2);
    CU_ASSERT_EQUAL(fake_ram(s.r.vm)[TMF + 64], OK);
    CU_ASSERT_EQUAL(response(&s, 1), RESET);
    CU_ASSERT_EQUAL(response(&s, 2), RESET);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), POWER_ON);
    CU_ASSERT_EQUAL(TEST_READY(&s, 2), 0);
    CU_ASSERT_EQUAL(tmf(&s, NEXUS_RESET, 0, 1, 0), OK); /* whatever the LUN */
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), POWER_ON);
    CU_ASSERT_EQUAL(TEST_READY(&s, 2), POWER_ON);
    CU_ASSERT_EQUAL(TEST_READY(&s, 4), POWER_ON);
    CU_ASSERT_EQUAL(TEST_READY(&s, 4), 0);
    end(&s);
}

static void
test_bad_controls(void)
{
    Rig s;
    const VrBuf bufs[] = {{TMF, 24, false}, {TMF + 64, 1, true}};

    begin(&s);
    CU_ASSERT_EQUAL(tmf(&s, CLEAR_ACA, 0, 0, 0), REJECTED);
    CU_ASSERT_EQUAL(tmf(&s, 8, 0, 0, 0), REJECTED);
    CU_ASSERT_EQUAL(tmf(&s, UNIT_RESET, 0, 1, 0), INCORRECT_LUN);
    CU_ASSERT_EQUAL(tmf(&s, NEXUS_RESET, 1, 0, 0), BAD_TARGET);
    CU_ASSERT_EQUAL(tmf(&s, ABORT_TASK, 7, 0, 0), BAD_TARGET);
    vr_put32(&s.r, TMF, 3);
    virtio_rig_add(&s.r, CONTROL, bufs, 2);
    CU_ASSERT_EQUAL(virtio_rig_finish(&s.r, CONTROL), 1);
    CU_ASSERT_EQUAL(fake_ram(s.r.vm)[TMF + 64], REJECTED);
    CU_ASSERT_EQUAL(virtio_rig_status(&s.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    end(&s);
}

static void
test_new_disc(void)
{
    Rig s;

    begin(&s);
    CU_ASSERT_TRUE(virtio_scsi_set_media(s.r.dev, 4, NULL, false, NULL));
    CU_ASSERT_EQUAL(TEST_READY(&s, 4), NO_DISC);
    CU_ASSERT_TRUE(virtio_scsi_set_media(s.r.dev, 5, s.block[VIRTIO_SCSI_UNITS],
                                         false, NULL));
    CU_ASSERT_EQUAL(TEST_READY(&s, 5), NEW_DISC);
    CU_ASSERT_EQUAL(RUN(&s, 5, 0, 2048, 0x28, 0, 0, 0, 0, 6, 0, 0, 1, 0), 0);
    CU_ASSERT_EQUAL(vr_get32(&s.r, DATA(0)), VIRTIO_SCSI_UNITS << 24 | 6);
    /* the guest locks the tray */
    CU_ASSERT_EQUAL(RUN(&s, 5, 0, 0, 0x1e, 0, 0, 0, 1, 0), 0);
    CU_ASSERT_FALSE(virtio_scsi_set_media(s.r.dev, 5, NULL, false, NULL));
    CU_ASSERT_TRUE(virtio_scsi_set_media(s.r.dev, 5, NULL, true, NULL));
    CU_ASSERT_FALSE(virtio_scsi_set_media(s.r.dev, 0, NULL, true, NULL));
    end(&s);
}

static void
test_notifications(void)
{
    Rig s;

    begin(&s);
    CU_ASSERT_EQUAL(an(&s, 1, 0, 0x7e), OK); /* a disk has none */
    CU_ASSERT_EQUAL(an(&s, 1, 1, 0x7e), INCORRECT_LUN);
    CU_ASSERT_EQUAL(an(&s, 1, 4, 0x7e), 0x18 << 8 | OK);
    add_event_buffer(&s);
    CU_ASSERT_TRUE(virtio_scsi_set_media(s.r.dev, 4, NULL, false, NULL));
    CU_ASSERT_EQUAL(event(&s, ASYNC_NOTIFY), G_MAXUINT32); /* only asked */
    CU_ASSERT_EQUAL(an(&s, 2, 4, 0x7e), 0x18 << 8 | OK);
    CU_ASSERT_TRUE(virtio_scsi_set_media(s.r.dev, 4, s.block[4], false, NULL));
    CU_ASSERT_EQUAL(event(&s, ASYNC_NOTIFY), 4u << 8 | 0x10);
    CU_ASSERT_EQUAL(TEST_READY(&s, 4), NEW_DISC);
    CU_ASSERT_EQUAL(RUN(&s, 4, 0, 0, 0x1e, 0, 0, 0, 1, 0), 0);
    add_event_buffer(&s);
    CU_ASSERT_FALSE(virtio_scsi_set_media(s.r.dev, 4, NULL, false, NULL));
    CU_ASSERT_EQUAL(event(&s, ASYNC_NOTIFY), 4u << 8 | 0x08);
    CU_ASSERT_EQUAL(an(&s, 2, 4, 0), OK);
    add_event_buffer(&s);
    CU_ASSERT_TRUE(virtio_scsi_set_media(s.r.dev, 4, NULL, true, NULL));
    CU_ASSERT_EQUAL(event(&s, ASYNC_NOTIFY), G_MAXUINT32);
    end(&s);
}

static void
test_plug(void)
{
    Rig s;
    g_autoptr(GError) error = NULL;

    begin(&s);
    open_image(&s, 1, false);
    add_event_buffer(&s);
    CU_ASSERT_TRUE(
        virtio_scsi_add_unit(s.r.dev, 1, SCSI_DISK, s.block[1], "late", NULL));
    CU_ASSERT_EQUAL(event(&s, TRANSPORT_RESET), 1u << 8 | 1);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), 0); /* nothing to say */
    CU_ASSERT_EQUAL(TEST_READY(&s, 1), POWER_ON);
    CU_ASSERT_EQUAL(RUN(&s, 1, 0, 512, 0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0), 0);
    CU_ASSERT_EQUAL(vr_get32(&s.r, DATA(0)), 1u << 24 | 5);
    CU_ASSERT_FALSE(virtio_scsi_add_unit(s.r.dev, 1, SCSI_DISK, s.block[1],
                                         "late", &error));
    add_event_buffer(&s);
    virtio_scsi_remove_unit(s.r.dev, 1);
    CU_ASSERT_EQUAL(event(&s, TRANSPORT_RESET), 1u << 8 | 2);
    CU_ASSERT_EQUAL(TEST_READY(&s, 1), 0x052500);
    /* a CD drive without a disc, in the same place */
    CU_ASSERT_TRUE(
        virtio_scsi_add_unit(s.r.dev, 1, SCSI_CD, NULL, "late", NULL));
    CU_ASSERT_EQUAL(TEST_READY(&s, 1), POWER_ON);
    CU_ASSERT_EQUAL(TEST_READY(&s, 1), NO_DISC);
    end(&s);
}

static void
test_unplug_in_use(void)
{
    Rig s;

    begin(&s);
    add_writes(&s, 2, 2);
    ring(&s, REQUEST);
    g_main_context_iteration(loop_context(s.r.vm->env.loop), FALSE);
    virtio_scsi_remove_unit(s.r.dev, 2);
    CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&s.r, REQUEST), G_MAXUINT32);
    CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&s.r, REQUEST), G_MAXUINT32);
    CU_ASSERT_EQUAL(response(&s, 1), RESET);
    CU_ASSERT_EQUAL(response(&s, 2), RESET);
    CU_ASSERT_TRUE(block_is_idle(s.block[2]));
    CU_ASSERT_TRUE(
        virtio_scsi_add_unit(s.r.dev, 2, SCSI_DISK, s.block[2], "again", NULL));
    CU_ASSERT_EQUAL(TEST_READY(&s, 2), POWER_ON);
    end(&s);
}

static void
ignore_done(BlockReq *req, int result)
{
}

static void
count_batch(void *data)
{
    ++*(unsigned *) data;
}

/* The guest is told of the end of its commands though the image has another
 * owner by then. */
static void
test_image_leaves_in_use(void)
{
    Rig s;
    unsigned batches = 0;

    begin(&s);
    add_writes(&s, 2, 2);
    ring(&s, REQUEST);
    g_main_context_iteration(loop_context(s.r.vm->env.loop), FALSE);
    virtio_scsi_remove_unit(s.r.dev, 2);
    CU_ASSERT_FALSE(block_is_idle(s.block[2]));
    block_set_batch_done(s.block[2], count_batch, &batches);
    CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&s.r, REQUEST), G_MAXUINT32);
    CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&s.r, REQUEST), G_MAXUINT32);
    CU_ASSERT_TRUE(batches > 0);
    CU_ASSERT_EQUAL(response(&s, 1), RESET);
    end(&s);
}

/* The device goes while the loop still has a batch of the image to end. */
static void
test_image_outlives_controller(void)
{
    Rig s;
    BlockReq flush = {.op = BLOCK_FLUSH, .done = ignore_done};
    BlockReq *reqs[] = {&flush};

    begin(&s);
    virtio_scsi_remove_unit(s.r.dev, 2);
    CU_ASSERT_TRUE(virtio_scsi_set_media(s.r.dev, 4, NULL, true, NULL));
    wait_quiet(&s);
    device_free(g_steal_pointer(&s.r.dev));
    for (unsigned n = 2; n <= 4; n += 2) {
        block_submit(s.block[n], reqs, 1);
        for (unsigned i = 0; i < 10000 && !block_is_idle(s.block[n]); i++) {
            fake_advance(s.r.vm, MS);
            g_usleep(i > 10 ? 1000 : 0);
        }
        CU_ASSERT_TRUE(block_is_idle(s.block[n]));
    }
    end_images(&s);
}

static void
test_missed_events(void)
{
    Rig s;

    begin(&s);
    virtio_scsi_remove_unit(s.r.dev, 2);
    virtio_scsi_remove_unit(s.r.dev, 5);
    add_event_buffer(&s);
    CU_ASSERT_EQUAL(event(&s, MISSED), 0);
    add_event_buffer(&s);
    virtio_scsi_remove_unit(s.r.dev, 4);
    CU_ASSERT_EQUAL(event(&s, TRANSPORT_RESET), 4u << 8 | 2);
    end(&s);
}

/* A driver without the feature is told by the units. */
static void
test_no_events(void)
{
    Rig s;

    begin_with(&s, VR_PCI, ~HOTPLUG);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), POWER_ON);
    add_event_buffer(&s);
    virtio_scsi_remove_unit(s.r.dev, 2);
    CU_ASSERT_EQUAL(event(&s, TRANSPORT_RESET), G_MAXUINT32);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), LUNS);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), 0);
    CU_ASSERT_EQUAL(TEST_READY(&s, 4), POWER_ON); /* more important */
    end(&s);
}

static void
test_driver_reset(void)
{
    Rig s;

    begin(&s);
    CU_ASSERT_EQUAL(RUN(&s, 4, 0, 0, 0x1e, 0, 0, 0, 1, 0), 0);
    CU_ASSERT_EQUAL(an(&s, 2, 4, 0x7e), 0x18 << 8 | OK);
    virtio_rig_start(&s.r, G_MAXUINT64, QUEUES);
    CU_ASSERT_EQUAL(TEST_READY(&s, 4), POWER_ON);
    add_event_buffer(&s);
    CU_ASSERT_TRUE(virtio_scsi_set_media(s.r.dev, 4, NULL, false, NULL));
    CU_ASSERT_EQUAL(event(&s, ASYNC_NOTIFY), G_MAXUINT32);
    end(&s);
}

/* 2.4.1: the device may write until the status reads 0, not after. */
static void
test_reset_in_flight(void)
{
    Rig s;

    begin(&s);
    add_writes(&s, 0, 2);
    add_tmf(&s, ABORT_SET, 0, 0, 0);
    ring(&s, CONTROL);
    g_main_context_iteration(loop_context(s.r.vm->env.loop), FALSE);
    CU_ASSERT_FALSE(device_is_quiet(s.r.dev));
    virtio_rig_set_status(&s.r, 0);
    CU_ASSERT_NOT_EQUAL(virtio_rig_status(&s.r), 0);
    wait_quiet(&s);
    CU_ASSERT_EQUAL(virtio_rig_status(&s.r), 0);
    CU_ASSERT_EQUAL(response(&s, 1), NOT_SET);
    CU_ASSERT_EQUAL(response(&s, 2), NOT_SET);
    CU_ASSERT_EQUAL(fake_ram(s.r.vm)[TMF + 64], NOT_SET);
    virtio_rig_start(&s.r, G_MAXUINT64, QUEUES);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), POWER_ON);
    CU_ASSERT_EQUAL(TEST_READY(&s, 0), 0);
    end(&s);
}

static void
save_and_restore(Rig *s)
{
    GByteArray *out = g_byte_array_new();

    device_save(s->r.dev, out);
    g_autoptr(GBytes) saved = g_byte_array_free_to_bytes(out);
    device_reset(s->r.dev, RESET_COLD);
    CU_ASSERT_TRUE(device_restore(s->r.dev, saved, NULL));
}

/* Work that was under way is done before, what waits in the rings after; the
 * units are as they were. */
static void
test_pause_and_restore(void)
{
    Rig s;
    guint16 id;
    guint32 len;

    begin(&s);
    CU_ASSERT_EQUAL(RUN(&s, 4, 0, 0, 0x1e, 0, 0, 0, 1, 0), 0); /* locked */
    CU_ASSERT_EQUAL(an(&s, 2, 4, 0x7e), 0x18 << 8 | OK);
    add_writes(&s, 0, 1);
    ring(&s, REQUEST);
    g_main_context_iteration(loop_context(s.r.vm->env.loop), FALSE);
    device_quiesce(s.r.dev);
    CU_ASSERT_FALSE(device_is_quiet(s.r.dev));
    wait_quiet(&s);
    CU_ASSERT_TRUE(virtio_rig_used(&s.r, REQUEST, &id, &len));
    CU_ASSERT_EQUAL(sense(&s, 1), 0);
    add_writes(&s, 0, 2);
    virtio_rig_kick(&s.r, REQUEST);
    CU_ASSERT_TRUE(device_is_quiet(s.r.dev));
    save_and_restore(&s);
    CU_ASSERT_EQUAL(response(&s, 2), NOT_SET);
    device_resume(s.r.dev);
    CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&s.r, REQUEST), G_MAXUINT32);
    CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&s.r, REQUEST), G_MAXUINT32);
    CU_ASSERT_EQUAL(sense(&s, 1), 0);
    CU_ASSERT_EQUAL(sense(&s, 2), 0);
    CU_ASSERT_EQUAL(image32(&s, 0, 2), 0xabcd0002);
    add_event_buffer(&s);
    CU_ASSERT_FALSE(virtio_scsi_set_media(s.r.dev, 4, NULL, false, NULL));
    CU_ASSERT_EQUAL(event(&s, ASYNC_NOTIFY), 4u << 8 | 0x08);
    end(&s);
}

/* What happens while nothing runs is told when it runs again. */
static void
test_events_while_paused(void)
{
    Rig s;

    begin(&s);
    add_event_buffer(&s);
    device_quiesce(s.r.dev);
    virtio_scsi_remove_unit(s.r.dev, 2);
    fake_advance(s.r.vm, 0);
    save_and_restore(&s);
    CU_ASSERT_EQUAL(event(&s, MISSED), G_MAXUINT32);
    device_resume(s.r.dev);
    CU_ASSERT_EQUAL(event(&s, MISSED), 0);
    end(&s);
}

/* UNMAP through the controller: parameter data goes out, a hole comes about. */
static void
test_unmap(void)
{
    Rig s;
    guint8 *p;

    begin(&s);
    p = fake_ram(s.r.vm) + DATA(0);
    memset(p, 0, 24);
    p[1] = 22;
    p[3] = 16;
    p[8 + 7] = 8;  /* block */
    p[8 + 11] = 8; /* how many */
    CU_ASSERT_EQUAL(RUN(&s, 0, 24, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0), 0);
    CU_ASSERT_EQUAL(residual(&s), 0);
    CU_ASSERT_EQUAL(image32(&s, 0, 7), 7);
    CU_ASSERT_EQUAL(image32(&s, 0, 8), 0);
    CU_ASSERT_EQUAL(image32(&s, 0, 16), 16);
    end(&s);
}

CU_MAIN("virtio-scsi", {"reads_and_writes_on_every_transport", test_round_trip},
        {"writes_of_a_system_are_counted", test_writes_are_counted},
        {"each_unit_has_its_own_image_and_all_are_reported", test_units},
        {"addresses_without_a_unit_say_so", test_nobody_there},
        {"header_data_and_answer_may_be_cut_anywhere", test_any_framing},
        {"a_buffer_that_is_no_request_stops_it_with_a_reason", test_no_request},
        {"results_tell_sense_residual_and_overrun", test_results},
        {"the_driver_chooses_sizes_within_limits", test_configuration},
        {"abort_task_ends_that_one_before_its_own_answer", test_abort_task},
        {"abort_task_set_ends_all_of_the_unit", test_abort_task_set},
        {"each_of_many_controls_waits_for_its_commands",
         test_many_controls_wait},
        {"queries_see_what_was_put_in_before", test_query},
        {"resets_end_commands_and_are_told", test_unit_reset},
        {"unknown_functions_are_rejected", test_bad_controls},
        {"a_disc_comes_and_goes", test_new_disc},
        {"who_subscribed_is_notified_of_a_disc", test_notifications},
        {"units_come_and_go_with_an_event", test_plug},
        {"a_unit_that_goes_ends_its_commands", test_unplug_in_use},
        {"commands_end_though_their_image_has_left", test_image_leaves_in_use},
        {"an_image_outlives_the_controller", test_image_outlives_controller},
        {"events_without_a_buffer_count_as_missed", test_missed_events},
        {"without_events_the_units_tell", test_no_events},
        {"a_reset_by_the_driver_resets_the_units", test_driver_reset},
        {"a_reset_waits_for_what_is_in_flight", test_reset_in_flight},
        {"requests_and_units_survive_pause_and_restore",
         test_pause_and_restore},
        {"events_while_paused_are_told_later", test_events_while_paused},
        {"unmap_makes_a_hole", test_unmap})
