/* tests/unit/test-user-window.c - the role's questions about libslirp's window,
 * with libslirp played by the test. */
#include "tests/unit/cu-main.h"
#include "vmm/net/offload.h"
#include "vmm/net/user-window.h"

#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

typedef struct {
    UserWindows w;
    guint8 frame[128]; /* of libslirp, to the guest */
    gsize len, l4;
    unsigned asked;
    guint8 question[128];
    gsize question_len;
    guint16 answer; /* window */
    bool passed;    /* the answer went to the guest */
} Bench;

static void
put16(guint8 *p, guint v)
{
    p[0] = (guint8) (v >> 8);
    p[1] = (guint8) v;
}

static guint16
get16(const guint8 *p)
{
    return (guint16) (p[0] << 8 | p[1]);
}

static void
make(Bench *b, bool v6, unsigned flags, guint16 window, gsize payload)
{
    gsize head = v6 ? 40 : 20;
    guint8 *ip = b->frame + 14, *tcp = ip + head;

    memset(b->frame, 0, sizeof b->frame);
    memset(b->frame, 0x52, 6);
    memset(b->frame + 6, 0x55, 6);
    put16(b->frame + 12, v6 ? 0x86dd : 0x0800);
    if (v6) {
        ip[0] = 0x60;
        put16(ip + 4, (guint) (20 + payload));
        ip[6] = 6;
        memset(ip + 8, 0xfe, 16);
        memset(ip + 24, 0xfc, 16);
    } else {
        ip[0] = 0x45;
        put16(ip + 2, (guint) (40 + payload));
        ip[9] = 6;
        memset(ip + 12, 10, 4);
        memset(ip + 16, 11, 4);
    }
    put16(tcp, 80);
    put16(tcp + 2, 40000);
    put16(tcp + 10, 1000); /* acknowledges */
    tcp[12] = 0x50;
    tcp[13] = (guint8) flags;
    put16(tcp + 14, window);
    b->l4 = 14 + head;
    b->len = b->l4 + 20 + payload;
}

static bool
sent(Bench *b, unsigned flags, guint16 window, gsize payload)
{
    make(b, false, flags, window, payload);
    return user_windows_sent(&b->w, b->frame, b->len);
}

static void
answer(void *data, const guint8 *frame, gsize len)
{
    Bench *b = data;

    b->asked++;
    memcpy(b->question, frame, len);
    b->question_len = len;
    b->passed = sent(b, ACK, b->answer, 0);
}

static unsigned
ask(Bench *b, guint16 window)
{
    b->asked = 0;
    b->passed = false;
    b->answer = window;
    user_windows_ask(&b->w, answer, b);
    return b->asked;
}

static void
test_only_a_closed_window_is_asked_about(void)
{
    Bench b = {0};

    CU_ASSERT_TRUE(sent(&b, ACK, 60000, 0));
    CU_ASSERT_EQUAL(ask(&b, 0), 0);
    CU_ASSERT_TRUE(sent(&b, ACK, 100, 0));
    CU_ASSERT_EQUAL(ask(&b, 100), 1);
}

static void
test_no_news_stays_here(void)
{
    Bench b = {0};

    (void) sent(&b, ACK, 100, 0);
    CU_ASSERT_EQUAL(ask(&b, 100), 1);
    CU_ASSERT_FALSE(b.passed);
    CU_ASSERT_EQUAL(ask(&b, 64), 1);
    CU_ASSERT_FALSE(b.passed);
    /* unasked for it goes: the guest may have asked */
    CU_ASSERT_TRUE(sent(&b, ACK, 100, 0));
}

static void
test_an_open_window_is_told_and_ends_it(void)
{
    Bench b = {0};

    (void) sent(&b, ACK, 0, 0);
    CU_ASSERT_EQUAL(ask(&b, 2000), 1);
    CU_ASSERT_TRUE(b.passed); /* a little more: told, and asked again */
    CU_ASSERT_EQUAL(ask(&b, 65535), 1);
    CU_ASSERT_TRUE(b.passed);
    CU_ASSERT_EQUAL(ask(&b, 65535), 0);
}

static void
test_data_is_never_swallowed(void)
{
    Bench b = {0};

    (void) sent(&b, ACK, 0, 0);
    b.w.flows[0].asked = true;
    CU_ASSERT_TRUE(sent(&b, ACK, 0, 1));
    b.w.flows[0].asked = true;
    CU_ASSERT_TRUE(sent(&b, ACK | FIN, 0, 0));
    CU_ASSERT_EQUAL(b.w.n, 0);
}

/* As the guest would have sent it, and beyond any window. */
static void
check_question(Bench *b, bool v6)
{
    const guint8 *q = b->question;
    const guint8 *tcp = q + b->l4;
    gsize n = v6 ? 16 : 4, len = b->question_len - b->l4;

    CU_ASSERT_EQUAL(q[0], 0x55);
    CU_ASSERT_EQUAL(q[6], 0x52);
    CU_ASSERT_EQUAL(len, 21);
    CU_ASSERT_EQUAL(memcmp(tcp - 2 * n, b->frame + b->l4 - n, n), 0);
    CU_ASSERT_EQUAL(memcmp(tcp - n, b->frame + b->l4 - 2 * n, n), 0);
    CU_ASSERT_EQUAL(get16(tcp), 40000);
    CU_ASSERT_EQUAL(get16(tcp + 2), 80);
    CU_ASSERT_EQUAL(get16(tcp + 4), 16); /* 1 MiB */
    CU_ASSERT_EQUAL(get16(tcp + 6), 1000);
    guint32 sum = offload_sum(tcp - 2 * n, 2 * n, (guint32) (6 + len));
    CU_ASSERT_EQUAL(offload_sum(tcp, len, sum), 0xffff);
    if (!v6)
        CU_ASSERT_EQUAL(offload_sum(q + 14, 20, 0), 0xffff);
}

static void
take_question(void *data, const guint8 *frame, gsize len)
{
    Bench *b = data;

    memcpy(b->question, frame, len);
    b->question_len = len;
}

static void
test_a_question_is_a_segment_of_the_guest(void)
{
    for (unsigned v6 = 0; v6 < 2; v6++) {
        Bench b = {0};
        make(&b, v6, ACK, 0, 3);
        CU_ASSERT_TRUE(user_windows_sent(&b.w, b.frame, b.len));
        user_windows_ask(&b.w, take_question, &b);
        check_question(&b, v6);
    }
}

static void
test_the_guest_ends_it(void)
{
    static const unsigned flags[] = {SYN, FIN | ACK, RST};

    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++) {
        Bench b = {0};
        (void) sent(&b, ACK, 0, 0);
        user_windows_ask(&b.w, take_question, &b);
        b.question[b.l4 + 13] = ACK;
        user_windows_came(&b.w, b.question, b.question_len);
        CU_ASSERT_EQUAL(b.w.n, 1);
        b.question[b.l4 + 3] ^= 1; /* another connection */
        b.question[b.l4 + 13] = (guint8) flags[i];
        user_windows_came(&b.w, b.question, b.question_len);
        CU_ASSERT_EQUAL(b.w.n, 1);
        b.question[b.l4 + 3] ^= 1;
        user_windows_came(&b.w, b.question, b.question_len);
        CU_ASSERT_EQUAL(b.w.n, 0);
    }
}

static void
test_a_full_table_takes_no_more(void)
{
    Bench b = {0};

    for (unsigned i = 0; i < USER_WINDOW_FLOWS + 10; i++) {
        make(&b, false, ACK, 0, 0);
        put16(b.frame + b.l4 + 2, 1000 + i);
        CU_ASSERT_TRUE(user_windows_sent(&b.w, b.frame, b.len));
    }
    CU_ASSERT_EQUAL(b.w.n, USER_WINDOW_FLOWS);
}

/* Each length, and each byte of the headers with each value of some. */
static void
test_nothing_is_read_beyond_a_frame(void)
{
    static const guint8 values[] = {0, 1, 0x0f, 0x40, 0x45, 0x4f, 0xf0, 0xff};

    for (unsigned v6 = 0; v6 < 2; v6++) {
        Bench b = {0};
        make(&b, v6, ACK, 0, 2);
        for (gsize len = 0; len <= b.len; len++)
            for (gsize at = 12; at < b.len; at++)
                for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
                    g_autofree guint8 *copy = g_memdup2(b.frame, b.len);
                    copy[at] = values[i];
                    copy = g_realloc(copy, MAX(len, 1)); /* for ASan */
                    (void) user_windows_sent(&b.w, copy, len);
                    user_windows_came(&b.w, copy, len);
                }
    }
    CU_PASS("and ASan has nothing to say");
}

int
main(int argc, char **argv)
{
    static const CuCase cases[] = {
        {"only_a_closed_window_is_asked_about",
         test_only_a_closed_window_is_asked_about},
        {"no_news_stays_here", test_no_news_stays_here},
        {"an_open_window_is_told_and_ends_it",
         test_an_open_window_is_told_and_ends_it},
        {"data_is_never_swallowed", test_data_is_never_swallowed},
        {"a_question_is_a_segment_of_the_guest",
         test_a_question_is_a_segment_of_the_guest},
        {"the_guest_ends_it", test_the_guest_ends_it},
        {"a_full_table_takes_no_more", test_a_full_table_takes_no_more},
        {"nothing_is_read_beyond_a_frame", test_nothing_is_read_beyond_a_frame},
    };

    return cu_main("user-window", cases, G_N_ELEMENTS(cases), argc, argv);
}
