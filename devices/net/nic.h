/* devices/net/nic.h - what the emulated network cards share: the way of frames
 * between a card's rings and its cable.
 *
 * Registers belong to vCPUs, frames to the loop. A register that starts
 * something only leaves a word (nic_kick_tx(), nic_kick_rx()); the loop then
 * asks the model for frames, which copies them out of guest memory with the
 * device's lock held, and sends them in batches without it. Frames that the
 * host does not take wait here, as in the FIFO of a card; a machine that is
 * saved loses them, as a cable may. */
#pragma once

#include "vmm/core/device.h"
#include "vmm/net/net.h"

#define NIC_BATCH     32u
#define NIC_MAC_BYTES 6u
#define NIC_MIN_FRAME 60u /* bytes without FCS; shorter ones are filled up */
/* Bytes behind a frame that was received, for padding and FCS. */
#define NIC_SLACK 64u

typedef struct Nic Nic;

/* What the link is to do with a frame that is sent; all 0: nothing. */
typedef struct {
    bool checksum;       /* from csum_start to the end, put at ... */
    guint16 csum_start;  /* bytes from the frame's start */
    guint16 csum_offset; /* from csum_start */
    guint16 gso_size;    /* payload of a segment; 0: one frame */
    guint16 header;      /* with gso_size: bytes of all headers */
    bool ipv6;           /* with gso_size */
} NicOffload;

/* A model's part; all on the loop with the device's lock held. */
typedef struct {
    bool offloads; /* NicOffload is used */
    /* Hands frames over by nic_tx_begin() and nic_tx_end(), until the first
     * says that there is no room or the guest has no more. */
    void (*transmit)(Nic *nic);
    /* How many frames of any size the card takes now; 0: none before
     * nic_kick_rx(). A card that is off takes them and drops them. */
    unsigned (*room)(Nic *nic);
    /* len bytes, at least NIC_MIN_FRAME, without FCS; NIC_SLACK more may be written. valid: checksums
     * in it were verified. */
    void (*receive)(Nic *nic, guint8 *frame, gsize len, bool valid);
    /* After transmit() or some receive(): interrupts. */
    void (*settle)(Nic *nic);
    /* The cable may have been plugged in or out. */
    void (*link_changed)(Nic *nic, bool up);
} NicModel;

struct Nic {
    Device *dev;
    const NicModel *model;
    NetLink *link;  /* "net" */
    char *mac_text; /* "mac" */
    guint8 mac[NIC_MAC_BYTES];
    int wake_fd;
    guint wake_watch;

    /* Under the device's lock. */
    bool tx_busy;    /* the loop will look into the rings without a word */
    bool rx_stopped; /* it will not, until there is room */

    /* Loop. */
    bool attached; /* frames flow */
    bool serving;  /* inside: what the link calls back comes later */
    unsigned header;
    guint8 *tx_memory, *rx_memory;
    struct iovec tx_iov[NIC_BATCH], rx_iov[NIC_BATCH];
    NetFrame tx[NIC_BATCH], rx[NIC_BATCH];
    gsize tx_used;
    unsigned tx_n, tx_sent, rx_n;
};

/* Rows of every card's options. */
/* clang-format off */
#define NIC_PROPS(S, f) \
    PROP_DEF_LINK(S, f.link, "net", true, "where its cable leads"), \
    PROP_DEF_STRING(S, f.mac_text, "mac", "52:54:00:12:34:56", \
                    "address of the card")
/* clang-format on */

/* Parses the address and readies the buffers; frames flow from then on. False
 * and error set: CARREL_NET_ERROR_SYNTAX, no descriptor. Loop, as the next
 * four, which are fine with a half-realized nic. */
bool nic_realize(Nic *nic, Device *dev, const NicModel *model, GError **error);
void nic_unrealize(Nic *nic);
/* For the class's quiesce and resume: no frame moves in between. */
void nic_quiesce(Nic *nic);
void nic_resume(Nic *nic);
/* For the end of reset and restored: looks at rings and link anew. */
void nic_restart(Nic *nic);

/* Device's lock held; any thread. */
void nic_kick_tx(Nic *nic);
void nic_kick_rx(Nic *nic);

/* Inside transmit(): where the next frame goes, NET_FRAME_MAX + NIC_SLACK
 * bytes; NULL: no room before some were sent. */
guint8 *nic_tx_begin(Nic *nic);
/* The frame of nic_tx_begin() is complete; it is filled up to NIC_MIN_FRAME.
 * One without a header, or too long, is dropped. off NULL: nothing to do. */
void nic_tx_end(Nic *nic, gsize len, const NicOffload *off);
/* The frame of nic_tx_begin() comes back to the card instead of being sent. */
void nic_tx_loop_back(Nic *nic, guint8 *frame, gsize len);

/* Where the hash filters of these chips have an address: the upper six bits
 * (or more) of its CRC-32, most significant bit first. Any thread. */
guint32 nic_address_crc(const guint8 mac[NIC_MAC_BYTES]);
bool nic_is_broadcast(const guint8 *frame);
