/* app/verbs/machine.c - carrel __machine NAME: the process of a machine. */
#include "app/session/machine-role.h"
#include "app/verbs/run.h"

int
verb_machine(App *app, int argc, char **argv)
{
    return machine_role_main(argc - 1, argv + 1);
}
