/* tests/unit/test-edid.c - what the monitor tells of itself, read as VESA's
 * E-EDID 1.3 says. */
#include "devices/display/edid.h"

#include <string.h>

#include "tests/unit/cu-main.h"

static const EdidSpec old = {
    .product = 0x5446,
    .preferred = {1024, 768},
    .standard =
        {{640, 480}, {800, 600}, {1024, 768}, {1280, 960}, {1280, 1024}},
    .max_khz = 80,
    .max_10mhz = 14,
};

/* What the cirrus card's monitor told before there was a maker, and that its
 * colours are sRGB. */
static const guint8 old_bytes[] = {
    0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x0c, 0x32, 0x46, 0x54,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x0b, 0x01, 0x03, 0x08, 0x24, 0x1b, 0x78,
    0x0e, 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54, 0x21,
    0x08, 0x00, 0x31, 0x40, 0x45, 0x40, 0x61, 0x40, 0x81, 0x40, 0x81, 0x80,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x64, 0x19, 0x00, 0x40, 0x41, 0x00,
    0x26, 0x30, 0x18, 0x88, 0x36, 0x00, 0x68, 0x0e, 0x11, 0x00, 0x00, 0x18,
    0x00, 0x00, 0x00, 0xfd, 0x00, 0x32, 0x4b, 0x1e, 0x50, 0x0e, 0x00, 0x0a};

static unsigned
clock_10khz(const guint8 *edid)
{
    return edid[54] | (unsigned) edid[55] << 8;
}

/* Of the detailed timing: pixels or lines, shown and blank. */
static unsigned
pair(const guint8 *edid, unsigned low, unsigned upper, unsigned shift)
{
    return edid[54 + low] | (edid[54 + upper] >> shift & 15u) << 8;
}

static void
test_old_bytes(void)
{
    guint8 edid[EDID_LEN];

    edid_make(&old, edid);
    CU_ASSERT_EQUAL(memcmp(edid, old_bytes, sizeof old_bytes), 0);
}

static void
test_sum(void)
{
    guint8 edid[EDID_LEN], sum = 0;

    edid_make(&old, edid);
    for (unsigned i = 0; i < EDID_LEN; i++)
        sum = (guint8) (sum + edid[i]);
    CU_ASSERT_EQUAL(sum, 0);
}

/* VESA CVT 1.1: 1920x1080 with reduced blanking is 138.5 MHz, 2080 by 1111. */
static void
test_full_hd(void)
{
    EdidSpec spec = old;
    guint8 edid[EDID_LEN];

    spec.preferred = (EdidMode){1920, 1080};
    edid_make(&spec, edid);
    CU_ASSERT_EQUAL(clock_10khz(edid), 13850);
    CU_ASSERT_EQUAL(pair(edid, 2, 4, 4), 1920);
    CU_ASSERT_EQUAL(pair(edid, 3, 4, 0), 160);
    CU_ASSERT_EQUAL(pair(edid, 5, 7, 4), 1080);
    CU_ASSERT_EQUAL(pair(edid, 6, 7, 0), 31);
    CU_ASSERT_EQUAL(edid[54 + 8], 48);    /* front porch */
    CU_ASSERT_EQUAL(edid[54 + 9], 32);    /* sync */
    CU_ASSERT_EQUAL(edid[54 + 10], 0x35); /* 3 and 5 lines */
    CU_ASSERT_EQUAL(edid[54 + 17], 0x1a); /* positive, negative */
    CU_ASSERT_EQUAL(edid[21], 48);        /* cm */
}

/* The same: 2560x1600 is 268.5 MHz, 2720 by 1646. */
static void
test_largest(void)
{
    EdidSpec spec = old;
    guint8 edid[EDID_LEN];

    spec.preferred = (EdidMode){2560, 1600};
    edid_make(&spec, edid);
    CU_ASSERT_EQUAL(clock_10khz(edid), 26850);
    CU_ASSERT_EQUAL(pair(edid, 2, 4, 4), 2560);
    CU_ASSERT_EQUAL(pair(edid, 6, 7, 0), 46);
}

static void
test_standard(void)
{
    EdidSpec spec = old;
    guint8 edid[EDID_LEN];

    spec.standard[0] = (EdidMode){1920, 1080};
    spec.standard[1] = (EdidMode){1680, 1050};
    spec.standard[2] = (EdidMode){1600, 1200};
    edid_make(&spec, edid);
    CU_ASSERT_EQUAL(edid[38], 0xd1);
    CU_ASSERT_EQUAL(edid[39], 0xc0); /* 16:9 */
    CU_ASSERT_EQUAL(edid[40], 0xb3);
    CU_ASSERT_EQUAL(edid[41], 0x00); /* 16:10 */
    CU_ASSERT_EQUAL(edid[43], 0x40); /* 4:3 */
}

CU_MAIN("edid", {"the_cirrus_monitor_is_what_it_was", test_old_bytes},
        {"all_bytes_sum_to_zero", test_sum},
        {"1920x1080_has_its_cvt_timing", test_full_hd},
        {"2560x1600_has_its_cvt_timing", test_largest},
        {"standard_modes_have_their_shapes", test_standard})
