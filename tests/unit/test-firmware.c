/* tests/unit/test-firmware.c - finding firmware, and its descriptors. */
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "tests/unit/cu-main.h"
#include "vmm/boot/descriptor.h"
#include "vmm/boot/firmware.h"
#include "vmm/boot/uefi.h"

static char *
image_of(const char *json, const char **ret_why)
{
    Descriptor d;

    if (!descriptor_read(json, strlen(json), &d, ret_why))
        return NULL;
    char *image = g_steal_pointer(&d.image);
    descriptor_clear(&d);
    return image;
}

static void
test_descriptor_memory(void)
{
    const char *why;
    g_autofree char *image = image_of(
        "{\"description\": \"x\", \"tags\": [1, -2.5e3, true, null, {}],\n"
        " \"filename\": \"/wrong\", \"mapping\": {\"device\": \"memory\","
        " \"filename\": \"/usr/share/b\\u00e4r\\/bios.bin\"}}",
        &why);

    CU_ASSERT_STRING_EQUAL(image, "/usr/share/b\303\244r/bios.bin");
    CU_ASSERT_PTR_NULL(why);
}

static void
test_descriptor_flash(void)
{
    g_autofree char *image =
        image_of("{\"mapping\": {\"executable\": {\"filename\": \"/code.fd\"},"
                 "\"nvram-template\": {\"filename\": \"/vars.fd\"}}}",
                 NULL);

    CU_ASSERT_STRING_EQUAL(image, "/code.fd");
}

static void
test_descriptor_bad(void)
{
    const char *why;
    g_autofree char *deep = g_strnfill(100000, '[');

    CU_ASSERT_PTR_NULL(image_of("", &why));
    CU_ASSERT_PTR_NOT_NULL(why);
    CU_ASSERT_PTR_NULL(image_of("{\"mapping\": {\"filename\": \"/x", &why));
    CU_ASSERT_PTR_NULL(
        image_of("{\"mapping\": {\"filename\": \"/x\"}} x", &why));
    CU_ASSERT_PTR_NULL(
        image_of("{\"mapping\": {\"filename\": \"\\ud800\"}}", &why));
    CU_ASSERT_PTR_NULL(image_of(deep, &why));
    CU_ASSERT_STRING_EQUAL(why, "nested too deeply");
    CU_ASSERT_PTR_NULL(image_of("{}", &why));
    CU_ASSERT_STRING_EQUAL(why, "names no image");
}

static char *
make_dir(void)
{
    return g_dir_make_tmp("carrel-firmware-XXXXXX", NULL);
}

static void
remove_dir(char *dir, const char *file)
{
    g_autofree char *path = g_build_filename(dir, file, NULL);

    g_unlink(path);
    g_rmdir(dir);
    g_free(dir);
}

static void
test_environment_first(void)
{
    char *dir = make_dir();
    g_autofree char *path = g_build_filename(dir, "bios-256k.bin", NULL);
    g_autofree char *list = g_strdup_printf("/nowhere::%s", dir);
    g_autofree char *content = g_strnfill(1024, 'b');
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, content, 1024, NULL);
    g_setenv("CARREL_FIRMWARE_PATH", list, TRUE);
    g_autofree char *found = firmware_find("bios-256k.bin");
    CU_ASSERT_STRING_EQUAL(found, path);
    g_autoptr(GBytes) bytes = firmware_load("bios-256k.bin", &error);
    CU_ASSERT_PTR_NOT_NULL(bytes);
    CU_ASSERT_EQUAL(g_bytes_get_size(bytes), 1024);
    g_unsetenv("CARREL_FIRMWARE_PATH");
    remove_dir(dir, "bios-256k.bin");
}

static void
test_missing(void)
{
    g_autoptr(GError) error = NULL;

    CU_ASSERT_PTR_NULL(firmware_load("no-such-bios.bin", &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_FIRMWARE_ERROR,
                                   CARREL_FIRMWARE_ERROR_MISSING));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "seabios-bin"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "/usr/share/seabios"));
    g_clear_error(&error);
    CU_ASSERT_PTR_NULL(firmware_load("/no/such/bios.bin", &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "/no/such/bios.bin"));
}

static void
test_sizes(void)
{
    char *dir = make_dir();
    g_autofree char *path = g_build_filename(dir, "bios.bin", NULL);
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, "tiny", 4, NULL);
    CU_ASSERT_PTR_NULL(firmware_load(path, &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_FIRMWARE_ERROR,
                                   CARREL_FIRMWARE_ERROR_INVALID));
    g_clear_error(&error);
    CU_ASSERT_EQUAL(truncate(path, (16 << 20) + 1), 0); /* sparse */
    CU_ASSERT_PTR_NULL(firmware_load(path, &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_FIRMWARE_ERROR,
                                   CARREL_FIRMWARE_ERROR_INVALID));
    remove_dir(dir, "bios.bin");
}

static void
test_descriptor_uefi(void)
{
    Descriptor d;
    static const char json[] =
        "{\"interface-types\": [\"bios\", \"uefi\"], \"mapping\": {"
        "\"executable\": {\"filename\": \"/c.fd\"}, \"nvram-template\": "
        "{\"format\": \"raw\", \"filename\": \"/v.fd\"}}, \"targets\": "
        "[{\"architecture\": \"x86_64\", \"machines\": [\"pc\"]}], "
        "\"features\": [\"acpi-s3\", \"requires-smm\"]}";

    CU_ASSERT_TRUE(descriptor_read(json, strlen(json), &d, NULL));
    CU_ASSERT_STRING_EQUAL(d.image, "/c.fd");
    CU_ASSERT_STRING_EQUAL(d.nvram, "/v.fd");
    CU_ASSERT_TRUE(d.uefi && d.x86_64 && d.needs_smm && !d.needs_format);
    descriptor_clear(&d);
}

/* Fedora's come in qcow2, too. */
static void
test_descriptor_format(void)
{
    Descriptor d;
    static const char json[] =
        "{\"mapping\": {\"executable\": {\"filename\": \"/c.qcow2\", "
        "\"format\": \"qcow2\"}, \"nvram-template\": {\"filename\": "
        "\"/v.fd\", \"format\": \"raw\"}}}";

    CU_ASSERT_TRUE(descriptor_read(json, strlen(json), &d, NULL));
    CU_ASSERT_TRUE(d.needs_format);
    descriptor_clear(&d);
}

static void
test_uefi_files(void)
{
    char *dir = make_dir();
    g_autofree char *code = g_build_filename(dir, "OVMF_CODE_4M.fd", NULL);
    g_autofree char *vars = g_build_filename(dir, "OVMF_VARS_4M.fd", NULL);
    g_autoptr(GError) error = NULL;
    UefiFiles files;

    CU_ASSERT_FALSE(uefi_find(code, &files, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, code));
    g_file_set_contents(code, "code", 4, NULL);
    CU_ASSERT_TRUE(uefi_find(code, &files, NULL));
    CU_ASSERT_PTR_NULL(files.vars);
    uefi_files_clear(&files);
    g_file_set_contents(vars, "vars", 4, NULL);
    g_setenv("CARREL_FIRMWARE_PATH", dir, TRUE);
    CU_ASSERT_TRUE(uefi_find("uefi", &files, NULL));
    CU_ASSERT_STRING_EQUAL(files.code, code);
    CU_ASSERT_STRING_EQUAL(files.vars, vars);
    uefi_files_clear(&files);
    /* a name is that file's, never another's */
    CU_ASSERT_TRUE(uefi_find("OVMF_CODE_4M.fd", &files, NULL));
    CU_ASSERT_STRING_EQUAL(files.code, code);
    uefi_files_clear(&files);
    g_clear_error(&error);
    CU_ASSERT_FALSE(uefi_find("no-such-code.fd", &files, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "no-such-code.fd"));
    g_unsetenv("CARREL_FIRMWARE_PATH");
    g_unlink(vars);
    remove_dir(dir, "OVMF_CODE_4M.fd");
}

static void
test_uefi_keys(void)
{
    char *dir = make_dir();
    g_autofree char *code = g_build_filename(dir, "OVMF_CODE.fd", NULL);
    g_autofree char *vars = g_build_filename(dir, "OVMF_VARS.fd", NULL);
    g_autofree char *keys = g_build_filename(dir, "OVMF_VARS.ms.fd", NULL);
    UefiFiles files;

    g_file_set_contents(code, "code", 4, NULL);
    g_file_set_contents(vars, "vars", 4, NULL);
    CU_ASSERT_TRUE(uefi_find(code, &files, NULL));
    CU_ASSERT_PTR_NULL(files.keys);
    uefi_files_clear(&files);
    g_file_set_contents(keys, "keys", 4, NULL);
    CU_ASSERT_TRUE(uefi_find(code, &files, NULL));
    CU_ASSERT_STRING_EQUAL(files.keys, keys);
    uefi_files_clear(&files);
    g_unlink(vars);
    g_unlink(keys);
    remove_dir(dir, "OVMF_CODE.fd");
}

/* A variable as it stands in the flash: its name begins at byte 60. */
static void
test_platform_key(void)
{
    static const guint8 header[] = {
        0xaa, 0x55, 0x3f, 0,    0x27, 0,    0,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    6,    0,    0,    0,    0xed, 3,    0,    0,
        0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0,
        0xe0, 0x98, 0x03, 0x2b, 0x8c, 'P',  0,    'K',  0,    0,    0};
    guint8 flash[300] = {0};
    g_autoptr(GBytes) vars = g_bytes_new_static(flash, sizeof flash);
    g_autoptr(GBytes) cut = g_bytes_new_static(flash, 100 + 65);

    CU_ASSERT_FALSE(uefi_vars_have_key(vars));
    memcpy(flash + 100, header, sizeof header);
    CU_ASSERT_TRUE(uefi_vars_have_key(vars));
    CU_ASSERT_FALSE(uefi_vars_have_key(cut));
    flash[102] = 0x3d; /* deleted */
    CU_ASSERT_FALSE(uefi_vars_have_key(vars));
    flash[102] = 0x3f;
    flash[162] = 'X'; /* another variable */
    CU_ASSERT_FALSE(uefi_vars_have_key(vars));
}

CU_MAIN("firmware",
        {"a_descriptor_says_what_a_uefi_needs", test_descriptor_uefi},
        {"a_descriptor_says_what_is_not_raw", test_descriptor_format},
        {"uefi_code_and_variables_are_found_together", test_uefi_files},
        {"uefi_variables_with_keys_are_found_beside_them", test_uefi_keys},
        {"a_platform_key_counts_while_it_is_valid", test_platform_key},
        {"descriptor_names_a_memory_image", test_descriptor_memory},
        {"descriptor_names_a_flash_image", test_descriptor_flash},
        {"broken_descriptors_say_why", test_descriptor_bad},
        {"environment_ranks_first", test_environment_first},
        {"missing_names_packages_and_paths", test_missing},
        {"impossible_sizes_are_refused", test_sizes})
