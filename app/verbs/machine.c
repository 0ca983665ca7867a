/* app/verbs/machine.c - carrel __machine NAME: the process of a machine, and
 * those of its networks. */
#include "app/sandbox/sandbox-roles.h"
#include "app/session/machine-role.h"
#include "app/usb-role.h"
#include "app/verbs/run.h"
#include "vmm/net/switch-role.h"
#include "vmm/net/user-protocol.h"

int
verb_net_role(App *app, int argc, char **argv)
{
    return net_user_role_main(argc - 1, argv + 1, sandbox_role_user);
}

int
verb_switch_role(App *app, int argc, char **argv)
{
    return argc == 2 ? net_switch_role_main(argv[1], sandbox_role_switch)
                     : EXIT_USAGE;
}

int
verb_usb_role(App *app, int argc, char **argv)
{
    return argc == 2 ? usb_role_main(argv[1]) : EXIT_USAGE;
}

int
verb_machine(App *app, int argc, char **argv)
{
    return machine_role_main(argc - 1, argv + 1);
}
