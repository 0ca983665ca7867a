/* app/helper/hold.h - devices that a machine has while it runs: bound before it
 * starts, given back when it is gone, however it went. Thread: main.
 *
 * Giving back needs root, and root is there when the machine starts: so the
 * helper stays, as a process that waits at a FIFO of which the machine has the
 * other end. The kernel closes that end when the machine ends, also by SIGKILL,
 * so nothing has to be told and no later `carrel` has to look. */
#pragma once

#include "app/app.h"
#include "app/helper/transaction.h"

/* Root's side. Opens the FIFO (the user's own, else an error) and sees that who
 * asks still has it. -1: reported. */
int hold_open(const App *app, const char *fifo, gint64 user);
/* Waits until no earlier hold of the devices (addresses, NULL at the end), nor of
 * the owner's pages (hold_plan_owner(); NULL: of none), is in force, for at most
 * half a minute. False: reported. */
bool hold_wait_earlier(const App *app, char *const *devices, const char *owner);
/* The change id is in force; leaves a process that takes it back when the FIFO
 * has no writer any more, or at SIGTERM. Have SIGHUP, SIGINT and SIGTERM
 * blocked: the process gets to see none of them unprepared. False: reported;
 * nothing waits. */
bool hold_wait(const App *app, int fd, guint64 id);

/* Does machine.ini name a device that is not bound or has not its address, or
 * only until an earlier machine has given it back, or huge pages that are not
 * free? False: nothing to do. */
bool hold_is_needed(const Profile *profile, const char *name);
/* The machine's side: binds what machine.ini names as pci0.host to pci15.host,
 * gives virtual functions of network cards the addresses of pci#.mac, and sees
 * that the huge pages of memory.hugepages are there, after it has shown the
 * steps and asked, unless agreed, --yes or pci0.consent. *ret_fd: what the
 * machine's process must have open, -1 when it has no such device, or all are
 * bound already, by hand or at boot, and stay so. An ExitCode; failures are
 * reported. */
int hold_machine(const App *app, const char *name, const Profile *profile,
                 bool agreed, int *ret_fd);
