/* app/sandbox/sandbox-roles.h - what each role locks itself into. */
#pragma once

#include "app/sandbox/sandbox.h"

/* False: CARREL_SANDBOX=off, or a build with a sanitizer. */
bool sandbox_is_wanted(void);

/* For net_user_role_main() and net_switch_role_main(): what the kernel or this
 * build does not offer is said on standard error, and the role goes on. folder:
 * what it gives out to read; NULL: nothing. */
void sandbox_role_user(const char *folder);
void sandbox_role_switch(const char *path);
/* For a child that looks into a guest's disk: no file by name, no descriptor
 * but what is open, to read, and so much memory and time. False and error set:
 * not all of it could be had. */
bool sandbox_role_look(GError **error);
