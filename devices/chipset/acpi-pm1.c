/* devices/chipset/acpi-pm1.c - see acpi-pm1.h. */
#include "devices/chipset/acpi-pm1.h"

#include "vmm/irq/irq.h"
#include "vmm/loop/loop.h"

#define PM_STS         0x00
#define PM_EN          0x02
#define PM_CNT         0x04
#define PM_TMR         0x08

#define PM_TMROF       0x0001u /* bits of PM_STS and PM_EN */
#define PM_GBL         0x0020u
#define PM_PWRBTN      0x0100u
#define PM_RTC         0x0400u
#define PM_WAK         0x8000u /* PM_STS only */
#define PM_SOURCES     (PM_TMROF | PM_GBL | PM_PWRBTN | PM_RTC)

#define PM_CNT_SCI_EN  0x0001u
#define PM_CNT_SLP_TYP 0x1c00u
#define PM_CNT_SLP_EN  0x2000u /* write only: reads as zero */
#define PM_CNT_STORED  0x1c07u

#define PM_TIMER_HZ    3579545u
#define PM_TIMER_MASK  0xffffffu
#define PM_HALF_SHIFT  23 /* TMROF is set when bit 23 changes */

static guint64
pm_ticks(const AcpiPm1 *p)
{
    gint64 now = loop_now_ns(p->dev->env->loop, CLOCK_GUEST);

    return (guint64) ((unsigned __int128) now * PM_TIMER_HZ / 1000000000u);
}

static gint64
ns_of_half(guint64 half)
{
    unsigned __int128 ticks = (unsigned __int128) half << PM_HALF_SHIFT;

    return (gint64) (ticks * 1000000000u / PM_TIMER_HZ) + 1;
}

static bool
sci_level(const AcpiPm1 *p, bool other_event)
{
    bool event = (p->s->sts & p->s->en & PM_SOURCES) != 0 || other_event;

    return event && (p->s->cnt & PM_CNT_SCI_EN) != 0;
}

/* The power button wakes in any case: a person stands there. */
static void
look_for_wake_event(const AcpiPm1 *p, bool other_event)
{
    const AcpiPm1State *s = p->s;

    if (!s->asleep)
        return;
    if ((s->sts & PM_PWRBTN) != 0)
        device_request(p->dev, MACHINE_WAKE, "power button");
    else if ((s->sts & s->en & PM_RTC) != 0)
        device_request(p->dev, MACHINE_WAKE, "the RTC's alarm");
    else if (other_event)
        device_request(p->dev, MACHINE_WAKE, "general-purpose event");
}

void
acpi_pm1_update(AcpiPm1 *p, bool other_event)
{
    AcpiPm1State *s = p->s;

    if ((pm_ticks(p) >> PM_HALF_SHIFT) > s->timer_half)
        s->sts |= PM_TMROF;
    irq_line_set(p->sci, sci_level(p, other_event));
    if ((s->en & PM_TMROF) != 0 && (s->sts & PM_TMROF) == 0)
        timer_arm(p->timer, ns_of_half(s->timer_half + 1));
    else
        timer_arm(p->timer, -1);
    look_for_wake_event(p, other_event);
}

static void
enter_sleep(AcpiPm1 *p)
{
    unsigned type = (p->s->cnt & PM_CNT_SLP_TYP) >> 10;

    if (type == ACPI_PM1_TYP5 || type == ACPI_PM1_TYP4) {
        device_request(p->dev, MACHINE_POWER_OFF,
                       type == ACPI_PM1_TYP5 ? "ACPI soft off (S5)"
                                             : "ACPI suspend to disk (S4)");
        return;
    }
    if (type == ACPI_PM1_TYP3 && p->s3) {
        p->s->asleep = true; /* until reset, with RESET_WAKE or without */
        device_request(p->dev, MACHINE_SUSPEND, "ACPI suspend to RAM (S3)");
        return;
    }
    /* A guest that polls WAK_STS goes on as after the shortest of sleeps. */
    device_guest_error(p->dev, "sleep type %u is not supported", type);
    p->s->sts |= PM_WAK;
}

static guint8
read_byte(const AcpiPm1 *p, unsigned offset, guint32 timer)
{
    unsigned shift = offset % 2 * 8;

    if (offset < PM_EN)
        return (guint8) (p->s->sts >> shift);
    if (offset < PM_CNT)
        return (guint8) (p->s->en >> shift);
    if (offset < PM_CNT + 2)
        return (guint8) (p->s->cnt >> shift);
    return offset >= PM_TMR && offset < ACPI_PM1_LEN
               ? (guint8) (timer >> (8 * (offset - PM_TMR)))
               : 0;
}

guint64
acpi_pm1_read(const AcpiPm1 *p, unsigned offset, unsigned size)
{
    guint32 timer = (guint32) pm_ticks(p) & PM_TIMER_MASK;
    guint64 value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (guint64) read_byte(p, offset + i, timer) << (8 * i);
    return value;
}

static guint16
replace_byte(guint16 word, unsigned shift, guint8 byte)
{
    return (guint16) ((word & ~(0xff << shift)) | byte << shift);
}

void
acpi_pm1_write(AcpiPm1 *p, unsigned offset, guint8 byte)
{
    AcpiPm1State *s = p->s;
    unsigned shift = offset % 2 * 8;

    if (offset < PM_EN) {
        s->sts &= (guint16) ~(byte << shift);
        if (offset == PM_STS && (byte & PM_TMROF) != 0)
            s->timer_half = pm_ticks(p) >> PM_HALF_SHIFT;
    } else if (offset < PM_CNT) {
        s->en = replace_byte(s->en, shift, byte) & PM_SOURCES;
    } else if (offset < PM_CNT + 2) {
        s->cnt = replace_byte(s->cnt, shift, byte) & PM_CNT_STORED;
        if ((byte << shift & PM_CNT_SLP_EN) != 0)
            enter_sleep(p);
    }
}

void
acpi_pm1_set_mode(AcpiPm1 *p, bool acpi)
{
    p->s->cnt = (guint16) ((p->s->cnt & ~PM_CNT_SCI_EN) | (acpi ? 1 : 0));
}

void
acpi_pm1_press_button(AcpiPm1 *p)
{
    p->s->sts |= PM_PWRBTN;
}

void
acpi_pm1_ring_alarm(AcpiPm1 *p)
{
    p->s->sts |= PM_RTC;
}

void
acpi_pm1_realize(AcpiPm1 *p, Device *dev, AcpiPm1State *s,
                 void (*fired)(void *data), void *data)
{
    p->dev = dev;
    p->s = s;
    p->sci = irq_line_new(dev->env, ACPI_SCI_IRQ);
    p->timer = timer_new(dev->env->loop, CLOCK_GUEST, fired, data);
}

void
acpi_pm1_unrealize(AcpiPm1 *p)
{
    g_clear_pointer(&p->timer, timer_free);
    g_clear_pointer(&p->sci, irq_line_free);
}

void
acpi_pm1_reset(AcpiPm1 *p)
{
    *p->s = (AcpiPm1State){.timer_half = pm_ticks(p) >> PM_HALF_SHIFT};
}

void
acpi_pm1_wake(AcpiPm1 *p)
{
    p->s->asleep = false;
    p->s->sts |= PM_WAK;
    p->s->cnt &= (guint16) ~PM_CNT_SLP_TYP;
    irq_line_set(p->sci, false); /* the interrupt controllers are new */
}

void
acpi_pm1_restored(AcpiPm1 *p, bool other_event)
{
    irq_line_adopt(p->sci, sci_level(p, other_event));
}

bool
acpi_pm1_check(const AcpiPm1State *s, const char *name, GError **error)
{
    if ((s->en & ~PM_SOURCES) == 0 && (s->cnt & ~PM_CNT_STORED) == 0 &&
        s->timer_half < G_GUINT64_CONSTANT(1) << 32)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "%s: reserved bits are set in 'en' or 'cnt', or "
                "'timer_half' is out of range",
                name);
    return false;
}
