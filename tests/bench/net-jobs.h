/* tests/bench/net-jobs.h - the network jobs of the row net: TCP between a guest
 * and its host. */
#pragma once

/* Answers clients on all addresses, each in a process of its own; returns only
 * with an error, printed. */
int net_jobs_serve(unsigned short port);

/* A client's jobs, each so many seconds long; prints a line for each:
 * "net round-trip MICROSECONDS", "net sent MB/s", "net received MB/s". 0, or 1
 * with the reason printed. */
int net_jobs_run(const char *address, unsigned short port, double seconds);
