/* share/bench-guest/commands.c - what the bench guest can be told to do. */
#include "share/bench-guest/guest.h"

const Command guest_commands[] = {
    {"exit", command_exit}, {"memory", command_memory},
    {"disk", command_disk}, {"net", command_net},
    {NULL, NULL},
};
