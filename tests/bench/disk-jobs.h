/* tests/bench/disk-jobs.h - the disk jobs of the row blk: the same in a guest
 * and, for comparison, in the host. */
#pragma once

/* Runs all jobs on a disk or file, each for so many seconds, and prints a line
 * for each: "blk NAME MB/s IOPS". 0, or 1 with the reason printed. */
int disk_jobs(const char *path, double seconds);
