/* app/assemble-smbios.c - what the machine says of itself by SMBIOS. */
#include <string.h>

#include "app/assemble-internal.h"

#define SHA1_LEN 20

/* RFC 9562, 5.5: names that are machines of this program. */
static const guint8 name_space[SMBIOS_UUID_LEN] = {
    0x1f, 0x6a, 0x3c, 0x52, 0x0b, 0x8e, 0x4d, 0x47,
    0x9c, 0x2d, 0x63, 0x61, 0x72, 0x72, 0x65, 0x6c};

/* The same machine always has the same one, as it has the same MAC. */
static void
derive_uuid(const char *machine, guint8 uuid[SMBIOS_UUID_LEN])
{
    guint8 digest[SHA1_LEN];
    gsize len = sizeof digest;
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA1);

    g_checksum_update(sum, name_space, sizeof name_space);
    g_checksum_update(sum, (const guint8 *) machine, -1);
    g_checksum_get_digest(sum, digest, &len);
    g_checksum_free(sum);
    memcpy(uuid, digest, SMBIOS_UUID_LEN);
    uuid[6] = (guint8) ((uuid[6] & 0x0f) | 0x50); /* version 5 */
    uuid[8] = (guint8) ((uuid[8] & 0x3f) | 0x80); /* of that RFC */
}

/* The profile was checked: it is a UUID. */
static void
read_uuid(const char *text, guint8 uuid[SMBIOS_UUID_LEN])
{
    for (unsigned i = 0; i < SMBIOS_UUID_LEN; i++, text += 2) {
        text += *text == '-';
        uuid[i] = (guint8) (g_ascii_xdigit_value(text[0]) << 4 |
                            g_ascii_xdigit_value(text[1]));
    }
}

void
machine_read_smbios(const Machine *m, const Profile *p, SmbiosSpec *ret)
{
    const char *product = profile_get_string(p, "smbios.product");
    const char *uuid = profile_get_string(p, "smbios.uuid");
    const char *chipset = profile_get_string(p, "machine.chipset");

    *ret = (SmbiosSpec){
        .manufacturer = profile_get_string(p, "smbios.manufacturer"),
        .product = *product != '\0' ? product : chipset,
        .version = profile_get_string(p, "smbios.version"),
        .serial = profile_get_string(p, "smbios.serial"),
        .sku = profile_get_string(p, "smbios.sku"),
        .family = profile_get_string(p, "smbios.family"),
        .asset_tag = profile_get_string(p, "smbios.asset-tag"),
        .board = chipset,
        .memory = m->ram,
        .cpus = (unsigned) profile_get_u64(p, "machine.cpus"),
        .sockets = (unsigned) profile_get_u64(p, "cpu.sockets"),
        .threads = m->threads,
        .uefi = machine_wants_uefi(p),
        .hidden = profile_get_bool(p, "machine.hide-hypervisor"),
    };
    if (*uuid != '\0')
        read_uuid(uuid, ret->uuid);
    else
        derive_uuid(m->name, ret->uuid);
}
