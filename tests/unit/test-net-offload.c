/* tests/unit/test-net-offload.c - checksums, segmentation and the capture
 * file, against values worked out by hand or by RFC 1071. */
#include <string.h>
#include <unistd.h>

#include "tests/unit/cu-main.h"
#include "vmm/net/offload.h"
#include "vmm/net/pcap.h"

static void
test_the_sum_is_that_of_rfc_1071(void)
{
    /* RFC 1071, section 3: 0001 f203 f4f5 f6f7 sum to ddf2 */
    static const guint8 data[] = {0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7};
    static const guint8 odd[] = {1, 2, 3};

    CU_ASSERT_EQUAL(offload_sum(data, 8, 0), 0xddf2);
    CU_ASSERT_EQUAL(offload_sum(odd, 3, 0), 0x0402);
    CU_ASSERT_EQUAL(offload_sum(odd, 0, 5), 5);
    CU_ASSERT_EQUAL(offload_sum(data, 2, 0xffff), 1);
}

/* IPv4 and TCP with payload bytes of payload. */
static gsize
make_tcp(guint8 *f, gsize payload, NetVnetHdr *hdr)
{
    memset(f, 0, 54);
    f[12] = 8;
    f[14] = 0x45;
    f[23] = 6;
    f[26] = 10;
    f[30] = 10;
    f[46] = 0x50;
    f[47] = 0x19; /* FIN PSH ACK */
    f[41] = 100;  /* sequence */
    for (gsize i = 0; i < payload; i++)
        f[54 + i] = (guint8) (i * 3);
    *hdr = (NetVnetHdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                        .gso_size = GUINT16_TO_LE(1000),
                        .csum_start = GUINT16_TO_LE(34),
                        .csum_offset = GUINT16_TO_LE(16)};
    return 54 + payload;
}

static guint16
tcp_sum(const guint8 *f, gsize len)
{
    return offload_sum(f + 34, len - 34,
                       offload_sum(f + 26, 8, (guint32) (6 + len - 34)));
}

static void
test_a_cut_has_right_lengths_numbers_and_flags(void)
{
    g_autofree guint8 *f = g_malloc(NET_FRAME_MAX);
    g_autofree guint8 *out = g_malloc(NET_FRAME_MAX);
    NetVnetHdr hdr;
    NetCut cut;
    gsize len = make_tcp(f, 2500, &hdr);

    CU_ASSERT_TRUE(offload_check(&hdr, f, len, NET_OFFLOAD_ALL));
    CU_ASSERT_TRUE_FATAL(offload_cut_begin(&cut, &hdr, f, len));
    CU_ASSERT_EQUAL(offload_cut_next(&cut, out), 1054);
    CU_ASSERT_EQUAL(out[16] << 8 | out[17], 1040);
    CU_ASSERT_EQUAL(offload_sum(out + 14, 20, 0), 0xffff);
    CU_ASSERT_EQUAL(tcp_sum(out, 1054), 0xffff);
    CU_ASSERT_EQUAL(out[47], 0x10); /* FIN and PSH belong to the last */
    CU_ASSERT_EQUAL(offload_cut_next(&cut, out), 1054);
    CU_ASSERT_EQUAL(out[40] << 8 | out[41], 1100);
    CU_ASSERT_EQUAL(out[18] << 8 | out[19], 1); /* identification */
    CU_ASSERT_EQUAL(memcmp(out + 54, f + 1054, 1000), 0);
    CU_ASSERT_EQUAL(offload_cut_next(&cut, out), 554);
    CU_ASSERT_EQUAL(out[47], 0x19);
    CU_ASSERT_EQUAL(tcp_sum(out, 554), 0xffff);
    CU_ASSERT_EQUAL(offload_cut_next(&cut, out), 0);
    CU_ASSERT_EQUAL(offload_cut_next(&cut, out), 0);
}

static void
test_a_whole_packet_is_valid(void)
{
    g_autofree guint8 *f = g_malloc(NET_FRAME_MAX);
    NetVnetHdr hdr;
    gsize len = make_tcp(f, 30000, &hdr);

    CU_ASSERT_TRUE(offload_finish_whole(&hdr, f, len));
    CU_ASSERT_EQUAL(hdr.gso_type, 0);
    CU_ASSERT_EQUAL(offload_sum(f + 14, 20, 0), 0xffff);
    CU_ASSERT_EQUAL(tcp_sum(f, len), 0xffff);
    /* and back */
    CU_ASSERT_TRUE(offload_as_gso(&hdr, f, len, 1500));
    CU_ASSERT_EQUAL(GUINT16_FROM_LE(hdr.gso_size), 1460);
    CU_ASSERT_TRUE(offload_check(&hdr, f, len, NET_OFFLOAD_ALL));
    hdr.gso_type = 0;
    offload_finish_checksum(&hdr, f, len);
    CU_ASSERT_EQUAL(tcp_sum(f, len), 0xffff);
}

static void
test_bad_headers_are_refused(void)
{
    g_autofree guint8 *f = g_malloc0(NET_FRAME_MAX + 1);
    NetVnetHdr good, h;
    gsize len = make_tcp(f, 2000, &good);

    h = good;
    CU_ASSERT_FALSE(offload_check(&h, f, 13, NET_OFFLOAD_ALL));
    h = good;
    CU_ASSERT_FALSE(offload_check(&h, f, NET_FRAME_MAX + 1, NET_OFFLOAD_ALL));
    h = good;
    h.gso_type = 3; /* UFO */
    CU_ASSERT_FALSE(offload_check(&h, f, len, NET_OFFLOAD_ALL));
    h = good;
    h.gso_type = 0xff;
    CU_ASSERT_FALSE(offload_check(&h, f, len, NET_OFFLOAD_ALL));
    h = good;
    h.gso_size = 0;
    CU_ASSERT_FALSE(offload_check(&h, f, len, NET_OFFLOAD_ALL));
    h = good;
    h.flags = 0;
    CU_ASSERT_FALSE(offload_check(&h, f, len, NET_OFFLOAD_ALL));
    h = good;
    h.csum_start = GUINT16_TO_LE(0xffff);
    CU_ASSERT_FALSE(offload_check(&h, f, len, NET_OFFLOAD_ALL));
    h = good;
    h.csum_offset = GUINT16_TO_LE(0xffff);
    CU_ASSERT_FALSE(offload_check(&h, f, len, NET_OFFLOAD_ALL));
    h = good;
    CU_ASSERT_FALSE(offload_check(&h, f, len, NET_OFFLOAD_CSUM));
    h = good;
    h.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
    CU_ASSERT_FALSE(offload_check(&h, f, len, NET_OFFLOAD_ALL));
    h = good;
    f[46] = 0xf0; /* a TCP header of 60 bytes is fine, 16 is not */
    CU_ASSERT_TRUE(offload_check(&h, f, len, NET_OFFLOAD_ALL));
    f[46] = 0x40;
    h = good;
    CU_ASSERT_FALSE(offload_check(&h, f, len, NET_OFFLOAD_ALL));
}

static void
test_the_segment_size_is_raised_where_it_is_standard(void)
{
    guint8 f[58 + 1];
    NetVnetHdr hdr;

    (void) make_tcp(f, 5, &hdr);
    f[46] = 0x60;
    f[47] = 0x02; /* SYN */
    f[54] = 2;
    f[55] = 4;
    f[56] = 1460 >> 8;
    f[57] = 1460 & 255;
    (void) offload_finish_whole(&hdr, f, 58);
    CU_ASSERT_EQUAL(tcp_sum(f, 58), 0xffff);
    offload_raise_mss(f, 58, 1400, 16384);
    CU_ASSERT_EQUAL(f[56], 1460 >> 8); /* not what an MTU of 1400 gives */
    offload_raise_mss(f, 58, 1500, 16384);
    CU_ASSERT_EQUAL(f[56] << 8 | f[57], 16384);
    CU_ASSERT_EQUAL(tcp_sum(f, 58), 0xffff);
}

static void
test_a_capture_is_read_back(void)
{
    g_autofree char *path =
        g_strdup_printf("%s/net-%d.pcap", g_get_tmp_dir(), getpid());
    guint8 head[12] = {0}, frame[100];
    struct iovec iov[2] = {{head, sizeof head}, {frame, sizeof frame}};
    g_autofree char *text = NULL;
    gsize len;

    memset(frame, 0xab, sizeof frame);
    NetPcap *pcap = pcap_new(path, 24 + 2 * 116, NULL);
    CU_ASSERT_FATAL(pcap != NULL);
    CU_ASSERT_TRUE(pcap_add(pcap, iov, 2, 12, 100));
    CU_ASSERT_TRUE(pcap_add(pcap, iov, 2, 12, 100));
    CU_ASSERT_FALSE(pcap_add(pcap, iov, 2, 12, 100)); /* the limit */
    CU_ASSERT_STRING_EQUAL(pcap_path(pcap), path);
    pcap_free(pcap);
    CU_ASSERT_TRUE_FATAL(g_file_get_contents(path, &text, &len, NULL));
    CU_ASSERT_EQUAL(len, 24 + 2 * 116);
    guint32 word[6];
    memcpy(word, text, sizeof word);
    CU_ASSERT_EQUAL(word[0], 0xa1b23c4d);
    CU_ASSERT_EQUAL(word[5], 1); /* Ethernet */
    memcpy(word, text + 24, 16);
    CU_ASSERT_EQUAL(word[2], 100);
    CU_ASSERT_EQUAL(word[3], 100);
    CU_ASSERT_EQUAL((guint8) text[40], 0xab);
    CU_ASSERT_PTR_NULL(pcap_new(path, 0, NULL)); /* never over a file */
    (void) unlink(path);
}

CU_MAIN("net-offload",
        {"the_sum_is_that_of_rfc_1071", test_the_sum_is_that_of_rfc_1071},
        {"a_cut_has_right_lengths_numbers_and_flags",
         test_a_cut_has_right_lengths_numbers_and_flags},
        {"a_whole_packet_is_valid", test_a_whole_packet_is_valid},
        {"bad_headers_are_refused", test_bad_headers_are_refused},
        {"the_segment_size_is_raised_where_it_is_standard",
         test_the_segment_size_is_raised_where_it_is_standard},
        {"a_capture_is_read_back", test_a_capture_is_read_back})
