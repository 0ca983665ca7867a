/* devices/machine/pc-q35.c - which chips a PC of 2007 has, wired where; the rest
 * is pc-i440fx.c's.
 *
 *   00:00.0 Q35 MCH   00:1f.0 ICH9 LPC   00:1f.2 SATA (a card of the profile)
 *   00:02.0 VGA       ISA devices as everywhere
 *   00:03.0 and up: what the profile plugs in, see pc-cards.h */
#include "devices/chipset/ich9-lpc.h"
#include "devices/chipset/q35-mch.h"
#include "devices/machine/pc-internal.h"

#define GIB (G_GUINT64_CONSTANT(1) << 30)

/* Configuration space is where the RAM has to end, and then some firmware wants
 * the rest of it from 4 GiB up to begin at a round 2 GiB. */
static guint64
low_memory(guint64 memory)
{
    return memory < Q35_ECAM_BASE ? memory : 2 * GIB;
}

/* It is a part of the LPC bridge. */
static void
build_power(PcBuild *b)
{
    b->out->pm = b->isa;
}

static void
press_power(void *isa)
{
    ich9_lpc_press_power_button(isa);
}

const PcBoard pc_board_q35 = {
    .bridge = "q35-mch",
    .isa = "ich9-lpc",
    .isa_devfn = ICH9_LPC_DEVFN,
    .segments = q35_mch_pam,
    .low_memory = low_memory,
    .build_power = build_power,
    .press_power = press_power,
};
