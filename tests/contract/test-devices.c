/* tests/contract/test-devices.c - what every row of the registry promises
 * (vmm/core/device.h), asked of each class in turn. Prints TAP: one line for
 * each class and promise. Arguments select classes by name. */
#include <stdio.h>
#include <string.h>

#include "devices/registry.h"
#include "tests/contract/fixtures.h"

/* State is damaged at each of its first bytes, then at as many places as this
 * many bytes of restoring allow. */
#define DAMAGE_HEAD     256
#define MAX_DAMAGE_WORK (32u << 20)

/* NULL: kept; else what went wrong (free with g_free). */
typedef char *(*Promise)(const DeviceClass *klass);

static char *
check_names(const DeviceClass *klass)
{
    if (klass->summary == NULL || *klass->summary == '\0')
        return g_strdup("has no summary");
    for (const PropDesc *p = klass->props; p && p->name; p++)
        if (p->help == NULL || *p->help == '\0')
            return g_strdup_printf("option '%s' has no help", p->name);
    return NULL;
}

static char *
realizes_twice(const DeviceClass *klass)
{
    Rig *rig = rig_new(klass);

    for (unsigned i = 0; i < 2; i++) {
        rig_realize(rig);
        device_unrealize(rig->dev);
    }
    rig_free(rig);
    return NULL;
}

static char *
difference(GBytes *a, GBytes *b, const char *what)
{
    gsize len_a, len_b;
    const guint8 *x = g_bytes_get_data(a, &len_a);
    const guint8 *y = g_bytes_get_data(b, &len_b);

    if (len_a != len_b)
        return g_strdup_printf("%s: %zu bytes became %zu", what, len_a, len_b);
    for (gsize i = 0; i < len_a; i++)
        if (x[i] != y[i])
            return g_strdup_printf("%s: byte %zu: %02x became %02x", what, i,
                                   x[i], y[i]);
    return NULL;
}

/* What a battery keeps: reset leaves these fields as they were. */
/* clang-format off */
static const struct {
    const char *klass, *field;
} kept_by_battery[] = {
    { "mc146818", "offset_s" }, /* the time as the guest set it */
    { "mc146818", "weekday_shift" },
};
/* clang-format on */

static void
copy_battery_fields(Device *to, Device *from)
{
    const DeviceClass *klass = to->klass;
    const StateField *f = klass->state ? klass->state->fields : NULL;

    for (; f != NULL && f->type != STATE_END; f++) {
        gsize at = klass->state_offset + f->offset;

        for (gsize i = 0; i < G_N_ELEMENTS(kept_by_battery); i++)
            if (strcmp(kept_by_battery[i].klass, klass->name) == 0 &&
                strcmp(kept_by_battery[i].field, f->name) == 0)
                memcpy((guint8 *) to + at, (guint8 *) from + at,
                       f->count * f->elem_size);
    }
}

static char *
reset_equals_fresh(const DeviceClass *klass)
{
    Rig *used = rig_new(klass), *fresh = rig_new(klass);

    rig_realize(used);
    rig_poke(used);
    device_quiesce(used->dev);
    bool quiet = rig_wait_quiet(used);
    device_reset(used->dev, RESET_COLD);
    rig_realize(fresh);
    copy_battery_fields(fresh->dev, used->dev);
    g_autoptr(GBytes) a = rig_save(fresh);
    g_autoptr(GBytes) b = rig_save(used);
    char *wrong = quiet ? difference(a, b, "after reset")
                        : g_strdup("is not quiet 10 s after quiesce");
    rig_free(used);
    rig_free(fresh);
    return wrong;
}

static char *
restore_brings_back(Rig *rig, GBytes *saved, const char *what)
{
    g_autoptr(GError) error = NULL;

    if (!device_restore(rig->dev, saved, &error))
        return g_strdup_printf("%s refused: %s", what, error->message);
    g_autoptr(GBytes) again = rig_save(rig);
    return difference(saved, again, what);
}

static char *
save_and_restore(const DeviceClass *klass)
{
    Rig *rig = rig_new(klass);
    char *wrong = NULL;

    rig_realize(rig);
    g_autoptr(GBytes) before = rig_save(rig);
    rig_poke(rig);
    device_quiesce(rig->dev);
    if (!rig_wait_quiet(rig))
        wrong = g_strdup("is not quiet 10 s after quiesce");
    g_autoptr(GBytes) after = rig_save(rig);
    if (!wrong && klass->state != NULL && g_bytes_equal(before, after))
        wrong = g_strdup("writing every register changed no saved state");
    if (!wrong)
        wrong = restore_brings_back(rig, before, "the fresh state");
    if (!wrong)
        wrong = restore_brings_back(rig, after, "the changed state");
    rig_free(rig);
    return wrong;
}

/* Offers bytes that must be refused and must leave no trace. */
static char *
refuses(Rig *rig, GBytes *bad, GBytes *live, const char *how, gsize where)
{
    g_autoptr(GError) error = NULL;

    if (device_restore(rig->dev, bad, &error))
        return g_strdup_printf("%s at %zu was accepted", how, where);
    if (error == NULL || strstr(error->message, rig->dev->id) == NULL)
        return g_strdup_printf("%s at %zu: the error names no device", how,
                               where);
    g_autoptr(GBytes) now = rig_save(rig);
    return g_bytes_equal(now, live)
               ? NULL
               : g_strdup_printf("%s at %zu changed the live state", how,
                                 where);
}

static char *
refuse_all_damage(Rig *rig, GBytes *saved, GBytes *live)
{
    gsize len;
    const guint8 *data = g_bytes_get_data(saved, &len);
    gsize places = MAX(MAX_DAMAGE_WORK / len, 1);
    gsize step = len / MIN(places, len) + (places < len);
    char *wrong = NULL;

    for (gsize i = 0; i < len && !wrong; i += i < DAMAGE_HEAD ? 1 : step) {
        g_autoptr(GBytes) cut = g_bytes_new(data, i);
        g_autofree guint8 *copy = g_memdup2(data, len);

        wrong = refuses(rig, cut, live, "truncation", i);
        copy[i] ^= (guint8) (1 << (i & 7));
        g_autoptr(GBytes) flipped = g_bytes_new(copy, len);
        if (!wrong)
            wrong = refuses(rig, flipped, live, "a flipped bit", i);
    }
    return wrong;
}

static char *
damage_is_refused(const DeviceClass *klass)
{
    Rig *rig = rig_new(klass);
    char *wrong = NULL;

    rig_realize(rig);
    g_autoptr(GBytes) saved = rig_save(rig);
    rig_poke(rig);
    device_quiesce(rig->dev);
    (void) rig_wait_quiet(rig);
    g_autoptr(GBytes) live = rig_save(rig);
    if (klass->state != NULL)
        wrong = refuse_all_damage(rig, saved, live);
    rig_free(rig);
    return wrong;
}

/* Random values in every field; bools stay bools. */
static void
fill_state(const StateDesc *desc, guint8 *state, GRand *rand)
{
    for (const StateField *f = desc->fields; f->type != STATE_END; f++) {
        for (gsize i = 0; i < f->count; i++) {
            guint8 *at = state + f->offset + i * f->elem_size;

            if (f->type == STATE_STRUCT)
                fill_state(f->sub, at, rand);
            else if (f->type == STATE_BOOL)
                *at = g_rand_boolean(rand);
            else
                for (gsize b = 0; b < f->elem_size; b++)
                    at[b] = (guint8) g_rand_int_range(rand, 0, 256);
        }
    }
}

/* A file may have a valid checksum and impossible content. */
static char *
wild_state_is_harmless(const DeviceClass *klass)
{
    Rig *rig = rig_new(klass);
    GRand *rand = g_rand_new_with_seed(7);

    rig_realize(rig);
    for (unsigned i = 0; klass->state != NULL && i < 20; i++) {
        g_autofree guint8 *state = g_malloc0(klass->state->size);
        GByteArray *out = g_byte_array_new();

        fill_state(klass->state, state, rand);
        state_encode(klass->state, state, out);
        g_autoptr(GBytes) wild = g_byte_array_free_to_bytes(out);
        (void) device_restore(rig->dev, wild, NULL);
        device_resume(rig->dev);
        rig_poke(rig);
        device_quiesce(rig->dev);
        (void) rig_wait_quiet(rig);
    }
    g_rand_free(rand);
    rig_free(rig);
    return NULL;
}

static char *
quiesce_is_idempotent(const DeviceClass *klass)
{
    Rig *rig = rig_new(klass);
    char *wrong = NULL;

    rig_realize(rig);
    device_resume(rig->dev);
    device_resume(rig->dev);
    rig_poke(rig);
    device_quiesce(rig->dev);
    device_quiesce(rig->dev);
    if (!rig_wait_quiet(rig))
        wrong = g_strdup("is not quiet 10 s after quiesce");
    g_autoptr(GBytes) once = rig_save(rig);
    device_quiesce(rig->dev);
    g_autoptr(GBytes) twice = rig_save(rig);
    if (!wrong)
        wrong = difference(once, twice, "a second quiesce");
    device_resume(rig->dev);
    device_resume(rig->dev);
    rig_poke(rig);
    rig_free(rig);
    return wrong;
}

static char *
registers_survive_everything(const DeviceClass *klass)
{
    static const ResetKind kinds[] = {RESET_COLD, RESET_WARM, RESET_FUNCTION};
    Rig *rig = rig_new(klass);

    rig_realize(rig);
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        rig_poke(rig);
        device_reset(rig->dev, kinds[i]);
    }
    rig_poke(rig);
    device_unrealize(rig->dev); /* in the middle of whatever it was doing */
    rig_free(rig);
    return NULL;
}

/* clang-format off */
static const struct {
    const char *name;
    Promise keep;
} promises[] = {
    { "names_itself_and_its_options",            check_names },
    { "realizes_and_unrealizes_twice",           realizes_twice },
    { "reset_equals_a_fresh_device",             reset_equals_fresh },
    { "save_change_restore_save_is_identical",   save_and_restore },
    { "damaged_state_is_refused_without_trace",  damage_is_refused },
    { "wild_state_is_refused_or_harmless",       wild_state_is_harmless },
    { "quiesce_and_resume_are_idempotent",       quiesce_is_idempotent },
    { "every_register_takes_every_access",       registers_survive_everything },
};
/* clang-format on */

static bool
selected(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc < 2;
}

/* how: added to the class's name, for classes with several forms. */
static void
ask(const DeviceClass *klass, const char *how, unsigned *test, unsigned *failed)
{
    for (gsize p = 0; p < G_N_ELEMENTS(promises); p++) {
        g_autofree char *wrong = promises[p].keep(klass);

        *failed += wrong != NULL;
        printf("%s %u - %s%s.%s\n", wrong ? "not ok" : "ok", ++*test,
               klass->name, how, promises[p].name);
        if (wrong != NULL)
            printf("# %s\n", wrong);
    }
}

int
main(int argc, char **argv)
{
    unsigned n_classes, test = 0, failed = 0;
    const DeviceClass *const *classes = device_registry(&n_classes);

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned c = 0; c < n_classes; c++) {
        if (!selected(classes[c]->name, argc, argv))
            continue;
        ask(classes[c], "", &test, &failed);
        if (!rig_has_mmio(classes[c]))
            continue;
        rig_set_mmio(true);
        ask(classes[c], "@mmio", &test, &failed);
        rig_set_mmio(false);
    }
    printf("1..%u\n", test);
    return test == 0 || failed > 0;
}
