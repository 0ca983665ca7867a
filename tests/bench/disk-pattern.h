/* tests/bench/disk-pattern.h - the disk phases of rom.S, shared with the host
 * program that does the same; plain numbers, for the assembler reads them. */
#pragma once

/* sequential: 64 MiB in requests of 64 KiB */
#define SEQ_SECTORS 128
#define SEQ_COUNT   1024

/* random: 4 KiB each, anywhere in the first 64 MiB; x = x * FACTOR + ADD */
#define RND_SECTORS 8
#define RND_COUNT   4000
#define RND_SEED    12345
#define RND_FACTOR  1664525
#define RND_ADD     1013904223
#define RND_SHIFT   18 /* the upper 14 bits: 16384 blocks of 4 KiB */
