/* app/assemble-sound.c - the sound of a machine: where it goes on the host, and
 * the devices that make it. AC'97 is a card, see assemble-cards.c. */
#include <string.h>

#include "app/assemble-internal.h"
#include "devices/registry.h"
#include "vmm/audio/audio.h"

#define SB16_PORT 0x220

typedef enum { SOUND_NONE, SOUND_SPEAKER, SOUND_ADLIB, SOUND_SB16 } Isa;

/* Every PC has the speaker, whatever else is in it. */
static Isa
isa_kind(const Profile *p)
{
    const char *model = profile_get_string(p, "sound.model");

    if (strcmp(model, "none") == 0)
        return SOUND_NONE;
    if (strcmp(model, "adlib") == 0)
        return SOUND_ADLIB;
    return strcmp(model, "sb16") == 0 ? SOUND_SB16 : SOUND_SPEAKER;
}

bool
machine_open_sound(Machine *m, const Profile *p, GError **error)
{
    g_autofree char *file = profile_get_path(p, "sound.file");
    const char *device = profile_get_string(p, "sound.device");
    const AudioSpec spec = {
        .output = profile_get_string(p, "sound.output"),
        .device = *device != '\0' ? device : NULL,
        .file = file,
        .volume = (guint) profile_get_u64(p, "sound.volume"),
    };

    if (isa_kind(p) == SOUND_NONE)
        return true;
    m->audio = audio_new(&spec, vm_env(m->vm), error);
    return m->audio != NULL || machine_blame(error, "sound", "file");
}

static Device *
create(Machine *m, const char *class_name, const char *id)
{
    Device *dev = device_create(class_name, id);

    device_set_link(dev, "audio", m->audio);
    return dev;
}

static bool
add_sb16(Machine *m, Device *opl, GError **error)
{
    Device *dev = create(m, "sb16", "sb16");

    device_set_link(dev, "dma", vm_find_device(m->vm, "dma"));
    device_set_link(dev, "opl", opl);
    return vm_add_device(m->vm, dev, error);
}

bool
machine_add_sound(Machine *m, const Profile *p, GError **error)
{
    Isa kind = isa_kind(p);

    if (kind == SOUND_NONE || machine_is_minimal(p))
        return true; /* such a machine has no ISA bus */
    if (!vm_add_device(m->vm, create(m, "pc-speaker", "speaker"), error))
        return false;
    if (kind == SOUND_SPEAKER)
        return true;
    Device *opl = create(m, "opl3", "opl3");
    if (kind == SOUND_SB16 &&
        !device_set_u64(opl, "sb-iobase", SB16_PORT, error)) {
        device_free(opl);
        return false;
    }
    if (!vm_add_device(m->vm, opl, error))
        return false;
    return kind == SOUND_ADLIB || add_sb16(m, opl, error);
}

char *
machine_describe_sound(Machine *m)
{
    return m->audio != NULL ? audio_describe(m->audio) : NULL;
}
