/* app/helper/rtnl.c - see rtnl.h. rtnetlink(7); attributes as in the kernel's
 * linux/if_link.h. */
#include "app/helper/rtnl.h"

#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "vmm/core/sysutil.h"

#define MESSAGE_MAX 1024
#define ANSWER_MAX  131072 /* some hundred virtual functions */
#define MAX_ANSWERS 8

typedef struct {
    union {
        struct nlmsghdr header;
        guint8 bytes[MESSAGE_MAX];
    };
} Message;

static struct ifinfomsg *
begin(Message *m, int type, int flags, int index)
{
    memset(m, 0, sizeof *m);
    m->header.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg));
    m->header.nlmsg_type = (guint16) type;
    m->header.nlmsg_flags = (guint16) (NLM_F_REQUEST | flags);
    struct ifinfomsg *info = NLMSG_DATA(&m->header);
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = index;
    return info;
}

/* All we send is short: it fits. */
static gsize
put(Message *m, int type, const void *data, gsize len)
{
    gsize at = NLMSG_ALIGN(m->header.nlmsg_len);
    const struct rtattr attr = {.rta_len = (guint16) RTA_LENGTH(len),
                                .rta_type = (guint16) type};

    g_assert(at + RTA_SPACE(len) <= MESSAGE_MAX);
    memcpy(m->bytes + at, &attr, sizeof attr);
    if (len > 0)
        memcpy(m->bytes + at + RTA_LENGTH(0), data, len);
    m->header.nlmsg_len = (guint32) (at + RTA_SPACE(len));
    return at;
}

/* Closes the nest that started at `at`. */
static void
end_nest(Message *m, gsize at)
{
    guint16 len = (guint16) (m->header.nlmsg_len - at);
    memcpy(m->bytes + at, &len, sizeof len);
}

static void
read_link_info(RtnlLink *link, const struct rtattr *nest)
{
    int len = (int) RTA_PAYLOAD(nest);

    for (const struct rtattr *a = RTA_DATA(nest); RTA_OK(a, len);
         a = RTA_NEXT(a, len))
        if (a->rta_type == IFLA_INFO_KIND)
            g_strlcpy(link->kind, RTA_DATA(a),
                      MIN(sizeof link->kind, RTA_PAYLOAD(a) + 1));
}

static void
read_link(const struct nlmsghdr *h, RtnlLink *ret)
{
    const struct ifinfomsg *info = NLMSG_DATA(h);
    int len = (int) IFLA_PAYLOAD(h);

    *ret = (RtnlLink){.index = info->ifi_index,
                      .up = (info->ifi_flags & IFF_UP) != 0};
    for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, len);
         a = RTA_NEXT(a, len)) {
        gsize n = RTA_PAYLOAD(a);
        if (a->rta_type == IFLA_MASTER && n == 4)
            memcpy(&ret->master, RTA_DATA(a), 4);
        else if (a->rta_type == IFLA_LINK && n == 4)
            memcpy(&ret->lower, RTA_DATA(a), 4);
        else if (a->rta_type == IFLA_ADDRESS && n == 6)
            memcpy(ret->mac, RTA_DATA(a), 6);
        else if (a->rta_type == IFLA_LINKINFO)
            read_link_info(ret, a);
    }
}

typedef void (*Reader)(const struct nlmsghdr *h, void *ret);

/* Sends m and waits for its answer: an error code, or a link that read takes.
 */
static int
ask_link(Message *m, Reader read, void *ret_link)
{
    CARREL_AUTO_FD int fd =
        socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    g_autofree guint8 *answer = g_malloc(ANSWER_MAX);

    if (fd < 0 || SYS_RETRY(send(fd, m, m->header.nlmsg_len, 0)) < 0)
        return -errno;
    for (unsigned i = 0; i < MAX_ANSWERS; i++) {
        gssize n = SYS_RETRY(recv(fd, answer, ANSWER_MAX, 0));
        if (n < 0)
            return -errno;
        const struct nlmsghdr *h = (const void *) answer;
        if (!NLMSG_OK(h, (gsize) n))
            return -EPROTO;
        if (h->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *e = NLMSG_DATA(h);
            return e->error;
        }
        if (h->nlmsg_type == RTM_NEWLINK && ret_link != NULL) {
            read(h, ret_link);
            return 0;
        }
    }
    return -EPROTO;
}

static void
read_plain(const struct nlmsghdr *h, void *ret)
{
    read_link(h, ret);
}

static int
ask(Message *m, RtnlLink *ret_link)
{
    return ask_link(m, read_plain, ret_link);
}

int
rtnl_get(const char *name, RtnlLink *ret_link)
{
    Message m;

    (void) begin(&m, RTM_GETLINK, 0, 0);
    put(&m, IFLA_IFNAME, name, strlen(name) + 1);
    return ask(&m, ret_link);
}

int
rtnl_add_macvtap(const char *name, int lower, const guint8 mac[6])
{
    Message m;
    guint32 mode = MACVLAN_MODE_BRIDGE;

    (void) begin(&m, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0);
    put(&m, IFLA_IFNAME, name, strlen(name) + 1);
    put(&m, IFLA_LINK, &lower, sizeof lower);
    put(&m, IFLA_ADDRESS, mac, 6);
    gsize info = put(&m, IFLA_LINKINFO, NULL, 0);
    put(&m, IFLA_INFO_KIND, "macvtap", 7);
    gsize data = put(&m, IFLA_INFO_DATA, NULL, 0);
    put(&m, IFLA_MACVLAN_MODE, &mode, sizeof mode);
    end_nest(&m, data);
    end_nest(&m, info);
    return ask(&m, NULL);
}

int
rtnl_set_up(int index)
{
    Message m;
    struct ifinfomsg *info = begin(&m, RTM_NEWLINK, NLM_F_ACK, index);

    info->ifi_flags = IFF_UP;
    info->ifi_change = IFF_UP;
    return ask(&m, NULL);
}

int
rtnl_set_master(int index, int master)
{
    Message m;

    (void) begin(&m, RTM_NEWLINK, NLM_F_ACK, index);
    put(&m, IFLA_MASTER, &master, sizeof master);
    return ask(&m, NULL);
}

int
rtnl_set_mac(int index, const guint8 mac[6])
{
    Message m;

    (void) begin(&m, RTM_NEWLINK, NLM_F_ACK, index);
    put(&m, IFLA_ADDRESS, mac, 6);
    return ask(&m, NULL);
}

int
rtnl_delete(int index)
{
    Message m;

    (void) begin(&m, RTM_DELLINK, NLM_F_ACK, index);
    return ask(&m, NULL);
}

/* ---- virtual functions ---- */

typedef struct {
    unsigned wanted;
    bool found;
    RtnlVf *vf;
} VfSearch;

/* Each attribute is a struct that begins with the function's number. */
static void
read_vf(const struct rtattr *nest, VfSearch *search)
{
    union {
        struct ifla_vf_mac mac;
        struct ifla_vf_vlan vlan;
        struct ifla_vf_rate rate;
        struct ifla_vf_spoofchk one; /* and others of two numbers */
    } u;
    int len = (int) RTA_PAYLOAD(nest);
    RtnlVf vf = {0};

    for (const struct rtattr *a = RTA_DATA(nest); RTA_OK(a, len);
         a = RTA_NEXT(a, len)) {
        memset(&u, 0, sizeof u);
        memcpy(&u, RTA_DATA(a), MIN(sizeof u, RTA_PAYLOAD(a)));
        if (RTA_PAYLOAD(a) < sizeof u.one || u.one.vf != search->wanted)
            continue;
        if (a->rta_type == IFLA_VF_MAC)
            memcpy(vf.mac, u.mac.mac, sizeof vf.mac);
        else if (a->rta_type == IFLA_VF_VLAN)
            vf.vlan = u.vlan.vlan, vf.qos = u.vlan.qos;
        else if (a->rta_type == IFLA_VF_RATE)
            vf.min_rate = u.rate.min_tx_rate, vf.max_rate = u.rate.max_tx_rate;
        else if (a->rta_type == IFLA_VF_SPOOFCHK)
            vf.spoofchk = u.one.setting;
        else if (a->rta_type == IFLA_VF_TRUST)
            vf.trust = u.one.setting;
        else if (a->rta_type == IFLA_VF_LINK_STATE)
            vf.link_state = u.one.setting;
        else
            continue;
        if (u.one.setting != ~0u || a->rta_type == IFLA_VF_MAC)
            vf.known |= 1u << a->rta_type;
        search->found = true;
        *search->vf = vf;
    }
}

static void
read_vfs(const struct nlmsghdr *h, void *ret)
{
    int len = (int) IFLA_PAYLOAD(h);

    for (const struct rtattr *a = IFLA_RTA(NLMSG_DATA(h)); RTA_OK(a, len);
         a = RTA_NEXT(a, len)) {
        if (a->rta_type != IFLA_VFINFO_LIST)
            continue;
        int inner = (int) RTA_PAYLOAD(a);
        for (const struct rtattr *v = RTA_DATA(a); RTA_OK(v, inner);
             v = RTA_NEXT(v, inner))
            if (v->rta_type == IFLA_VF_INFO)
                read_vf(v, ret);
    }
}

int
rtnl_vf_get(const char *name, unsigned vf, RtnlVf *ret)
{
    Message m;
    guint32 mask = RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS;
    VfSearch search = {vf, false, ret};

    *ret = (RtnlVf){0};
    (void) begin(&m, RTM_GETLINK, 0, 0);
    put(&m, IFLA_IFNAME, name, strlen(name) + 1);
    put(&m, IFLA_EXT_MASK, &mask, sizeof mask);
    int err = ask_link(&m, read_vfs, &search);
    return err < 0 || search.found ? err : -ENOENT;
}

int
rtnl_vf_set(const char *name, int attribute, const void *data, gsize len)
{
    Message m;
    RtnlLink link;
    int err = rtnl_get(name, &link);

    if (err < 0)
        return err;
    (void) begin(&m, RTM_SETLINK, NLM_F_ACK, link.index);
    gsize list = put(&m, IFLA_VFINFO_LIST, NULL, 0);
    gsize info = put(&m, IFLA_VF_INFO, NULL, 0);
    put(&m, attribute, data, len);
    end_nest(&m, info);
    end_nest(&m, list);
    return ask(&m, NULL);
}
