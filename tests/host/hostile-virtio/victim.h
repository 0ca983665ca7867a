/* tests/host/hostile-virtio/victim.h - a device under attack: what a good
 * request to each is, and how the device took a bad one. */
#pragma once

#include "share/bench-guest/virtio.h"

#define FEATURE_INDIRECT (1u << 28)

/* SCSI host, 5.6.6.1: lengths of a request and its answer, and what is where. */
#define SCSI_REQUEST  51u
#define SCSI_CDB      19u
#define SCSI_RESPONSE 108u
#define SCSI_STATUS   10u
#define SCSI_HOW      11u

/* What may come of an attack; a case allows one or several. */
enum {
    RESET = 1 << 0,   /* NEEDS_RESET, and nothing more until reset */
    USED = 1 << 1,    /* the buffer came back, with an error if it has one */
    IGNORED = 1 << 2, /* no sign */
    REFUSED = 1 << 3  /* the set-up was not accepted */
};

typedef struct Victim {
    const char *name;
    u32 kind, nth;
    u32 queue;     /* that the attacks go to */
    bool writable; /* what the device does with a buffer there */
    u32 good_len;  /* of good[] */
    u32 features;
} Victim;

typedef struct {
    const Victim *victim;
    VirtioDev dev;
    Virtq q;
    u32 patience; /* ms until something is "ignored" */
    u8 *page;     /* of ours, to be a buffer */
    u8 *spare;    /* one that the balloon may have */
} Target;

/* Of a table that ends with name NULL. */
extern const Victim victims[];

/* Waiting until a device has done nothing, where that is right, and until it did
 * what it must: reading its status costs no exit, and a busy host is slow. */
#define PATIENCE_SHORT 50u
#define PATIENCE_LONG  30000u

/* An alarm, of which there is one: at most 50 ms. Every look at it is an exit. */
void alarm_set(u32 ms);
bool alarm_rang(void);

/* Reset, features, the queue laid out, not started; patience is long. */
bool target_open(Target *t, const Victim *v, u32 features);
void target_start(Target *t);
/* Tell the device, and wait for what comes of it: RESET, USED, which is when
 * used() says so, or IGNORED. */
u32 target_wait(Target *t, bool (*used)(Target *t));
/* The same for a head in the split ring. */
u32 target_outcome(Target *t);
u32 target_offer(Target *t, u32 head);
/* One buffer of the attack's kind. */
void target_desc(Target *t, u32 i, u64 addr, u32 len, u32 flags, u32 next);
u32 target_flag(const Target *t); /* VIRTQ_WRITE or 0, as the queue's are */
/* Descriptors 0 to 2 are a request to unit 2 with data to read: page 0 request,
 * page 1 answer, page 2 data. */
void target_scsi(Target *t, const u8 *cdb, u32 cdb_len, u32 data_len);
/* What came of it: response << 8 | status. */
u32 target_scsi_answer(Target *t);
/* After anything: the device, reset, does what it is for. NULL, or why not. */
const char *target_works(const Victim *v);

/* An attack, from a fresh device on; returns the outcome. */
typedef u32 (*AttackFn)(Target *t);
typedef struct {
    const char *name; /* "VQ01-self-loop" */
    const char *only; /* a victim's name; NULL: all */
    u32 allowed;      /* outcomes */
    u32 features;
    bool started; /* DRIVER_OK was set before */
    AttackFn run;
} Attack;

/* Each ends with name NULL. */
extern const Attack ring_attacks[], packed_attacks[], transport_attacks[],
    device_attacks[], scsi_attacks[];
