/* devices/firmware/fw-cfg.c - the firmware configuration device.
 *
 * The interface SeaBIOS, OVMF and Linux know from QEMU (its specification is
 * docs/specs/fw_cfg): selector and data ports, DMA, file directory. Read
 * only: DMA writes report an error, so no firmware can change what the next
 * boot sees. */
#include "devices/firmware/fw-cfg.h"

#include <string.h>

#include "vmm/io/io.h"
#include "vmm/mem/dma.h"

#define FW_CFG_PORT        0x510
#define FW_CFG_DMA_PORT    0x514
#define FW_CFG_DATA        1 /* offset of the byte-wide data port */
#define FW_CFG_INVALID_KEY 0xffff

#define FW_CFG_FEATURES    3u /* classic ports, DMA */

#define FW_CFG_DMA_ERROR   0x01u
#define FW_CFG_DMA_READ    0x02u
#define FW_CFG_DMA_SKIP    0x04u
#define FW_CFG_DMA_SELECT  0x08u
#define FW_CFG_DMA_WRITE   0x10u

/* A transfer past the item's end is filled with zeroes. Readers round up by
 * a sector or a page; more than this is a runaway and would hold the vCPU. */
#define MAX_ZERO_FILL (1u << 20)

typedef struct {
    guint16 key;
    guint32 offset;      /* next byte of the item */
    guint32 dma_address; /* upper half, waiting for the lower */
} FwCfgState;

typedef struct {
    char name[FW_CFG_MAX_FILE_PATH];
    GBytes *data;
    FwCfgMake make; /* NULL: data stays as it is */
    void *make_data;
    GDestroyNotify free_make_data;
} FwCfgFile;

typedef struct {
    Device dev;
    FwCfgState s;
    IoRegion *port, *dma_port;
    Dma *dma;
    GHashTable *items; /* key -> GBytes; the directory among them */
    GPtrArray *files;  /* FwCfgFile, by name */
} FwCfg;

static void
file_free(void *data)
{
    FwCfgFile *file = data;

    g_bytes_unref(file->data);
    if (file->free_make_data != NULL)
        file->free_make_data(file->make_data);
    g_free(file);
}

static const guint8 *
current_item(FwCfg *d, gsize *ret_len)
{
    GBytes *item = g_hash_table_lookup(d->items, GUINT_TO_POINTER(d->s.key));

    *ret_len = 0;
    return item != NULL ? g_bytes_get_data(item, ret_len) : NULL;
}

/* The directory has told its size. */
static void
make_file(FwCfg *d, guint16 key)
{
    guint i = (guint) key - FW_CFG_FILE_FIRST;
    const FwCfgFile *file = key >= FW_CFG_FILE_FIRST && i < d->files->len
                                ? g_ptr_array_index(d->files, i)
                                : NULL;

    if (file == NULL || file->make == NULL)
        return;
    g_autoptr(GBytes) data = file->make(file->make_data);
    if (g_bytes_get_size(data) == g_bytes_get_size(file->data))
        g_hash_table_insert(d->items, GUINT_TO_POINTER(key), g_bytes_ref(data));
}

static void
select_key(FwCfg *d, guint16 key)
{
    make_file(d, key);
    d->s.key = key;
    d->s.offset = 0;
}

/* Returns the bytes left in the item, and moves past at most len of them. */
static gsize
take(FwCfg *d, gsize len, const guint8 **ret_data)
{
    gsize size;
    const guint8 *data = current_item(d, &size);
    gsize n = 0;

    if (data != NULL && d->s.offset < size)
        n = MIN(len, size - d->s.offset);
    *ret_data = n > 0 ? data + d->s.offset : NULL;
    d->s.offset += (guint32) n;
    return n;
}

static guint64
fw_cfg_read(void *dev, guint64 offset, unsigned size)
{
    FwCfg *d = dev;
    const guint8 *data;

    if (size != 1 || offset != FW_CFG_DATA)
        return G_MAXUINT64 >> (64 - 8 * size);
    return take(d, 1, &data) == 1 ? *data : 0;
}

static void
fw_cfg_read_rep(void *dev, guint64 offset, guint8 *out, unsigned size,
                unsigned count)
{
    FwCfg *d = dev;
    const guint8 *data;
    gsize n;

    if (size != 1 || offset != FW_CFG_DATA) {
        memset(out, 0xff, (gsize) size * count);
        return;
    }
    n = take(d, count, &data);
    if (n > 0)
        memcpy(out, data, n);
    memset(out + n, 0, count - n);
}

static void
fw_cfg_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    if (size == 2 && offset == 0)
        select_key(dev, (guint16) value);
    /* The data port ignores writes. */
}

static const IoOps fw_cfg_ops = {
    .read = fw_cfg_read,
    .write = fw_cfg_write,
    .max_size = 2,
    .read_rep = fw_cfg_read_rep,
};

static bool
dma_read_item(FwCfg *d, guint64 address, guint32 len)
{
    static const guint8 zeroes[4096];
    const guint8 *data;
    gsize n = take(d, len, &data);
    gsize fill = len - n;

    if (fill > MAX_ZERO_FILL) {
        device_guest_error(&d->dev, "DMA of %u bytes, item 0x%04x has %zu", len,
                           d->s.key, n);
        return false;
    }
    if (n > 0 && dma_write(d->dma, address, data, n) < 0)
        return false;
    for (gsize done = 0; done < fill; done += sizeof zeroes)
        if (dma_write(d->dma, address + n + done, zeroes,
                      MIN(fill - done, sizeof zeroes)) < 0)
            return false;
    return true;
}

/* One command: be32 control, be32 length, be64 address at `command`. */
static void
dma_run(FwCfg *d, guint64 command)
{
    guint8 raw[16];
    guint32 control, len, result;
    guint64 address;
    const guint8 *skipped;
    bool ok = true;

    if (dma_read(d->dma, command, raw, sizeof raw) < 0) {
        device_guest_error(
            &d->dev, "DMA command at 0x%" G_GINT64_MODIFIER "x is not in RAM",
            command);
        return;
    }
    memcpy(&control, raw, sizeof control);
    memcpy(&len, raw + 4, sizeof len);
    memcpy(&address, raw + 8, sizeof address);
    control = GUINT32_FROM_BE(control);
    len = GUINT32_FROM_BE(len);
    address = GUINT64_FROM_BE(address);

    if ((control & FW_CFG_DMA_SELECT) != 0)
        select_key(d, (guint16) (control >> 16));
    if ((control & FW_CFG_DMA_READ) != 0)
        ok = dma_read_item(d, address, len);
    else if ((control & FW_CFG_DMA_WRITE) != 0)
        ok = false;
    else if ((control & FW_CFG_DMA_SKIP) != 0)
        (void) take(d, len, &skipped);

    result = GUINT32_TO_BE(ok ? 0 : FW_CFG_DMA_ERROR);
    (void) dma_write(d->dma, command, &result, sizeof result);
}

/* Reading the address register gives "QEMU CFG", big-endian like all of it:
 * firmware without the feature bits probes DMA that way. */
static guint64
dma_port_read(void *dev, guint64 offset, unsigned size)
{
    static const guint8 signature[8] = {'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G'};
    guint64 value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (guint64) signature[offset + i] << (8 * i);
    return value;
}

static void
dma_port_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    FwCfg *d = dev;
    guint32 half = GUINT32_SWAP_LE_BE((guint32) value);

    if (size != 4 || (offset & 3) != 0)
        return;
    if (offset == 0) {
        d->s.dma_address = half;
        return;
    }
    guint64 command = (guint64) d->s.dma_address << 32 | half;
    d->s.dma_address = 0;
    dma_run(d, command);
}

static const IoOps dma_port_ops = {
    .read = dma_port_read,
    .write = dma_port_write,
    .max_size = 4,
};

void
fw_cfg_add_item(Device *dev, guint16 key, GBytes *data)
{
    FwCfg *d = DEVICE_OF(FwCfg, dev);

    g_assert(d->items != NULL);
    g_mutex_lock(&dev->lock);
    g_hash_table_insert(d->items, GUINT_TO_POINTER(key), g_bytes_ref(data));
    g_mutex_unlock(&dev->lock);
}

static void
add_integer(Device *dev, guint16 key, guint64 value, gsize len)
{
    guint64 le = GUINT64_TO_LE(value);
    g_autoptr(GBytes) data = g_bytes_new(&le, len);

    fw_cfg_add_item(dev, key, data);
}

void
fw_cfg_add_u8(Device *dev, guint16 key, guint8 value)
{
    add_integer(dev, key, value, 1);
}

void
fw_cfg_add_u16(Device *dev, guint16 key, guint16 value)
{
    add_integer(dev, key, value, 2);
}

void
fw_cfg_add_u32(Device *dev, guint16 key, guint32 value)
{
    add_integer(dev, key, value, 4);
}

void
fw_cfg_add_u64(Device *dev, guint16 key, guint64 value)
{
    add_integer(dev, key, value, 8);
}

static int
compare_files(const void *a, const void *b)
{
    const FwCfgFile *const *fa = a, *const *fb = b;

    return strcmp((*fa)->name, (*fb)->name);
}

/* Entries are be32 size, be16 key, be16 zero, char[56] after a be32 count.
 * Sorted, so the keys depend on the set of files and not on their order. */
static void
rebuild_directory(FwCfg *d)
{
    GByteArray *dir = g_byte_array_new();
    guint32 count = GUINT32_TO_BE(d->files->len);

    g_ptr_array_sort(d->files, compare_files);
    g_byte_array_append(dir, (const guint8 *) &count, sizeof count);
    for (guint i = 0; i < d->files->len; i++) {
        const FwCfgFile *file = g_ptr_array_index(d->files, i);
        guint16 key = (guint16) (FW_CFG_FILE_FIRST + i);
        guint32 be_size = GUINT32_TO_BE((guint32) g_bytes_get_size(file->data));
        guint16 be_key[2] = {GUINT16_TO_BE(key), 0};
        g_byte_array_append(dir, (const guint8 *) &be_size, sizeof be_size);
        g_byte_array_append(dir, (const guint8 *) be_key, sizeof be_key);
        g_byte_array_append(dir, (const guint8 *) file->name,
                            sizeof file->name);
        fw_cfg_add_item(&d->dev, key, file->data);
    }
    g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(dir);
    fw_cfg_add_item(&d->dev, FW_CFG_FILE_DIR, bytes);
}

static FwCfgFile *
find_file(const FwCfg *d, const char *name)
{
    for (guint i = 0; i < d->files->len; i++) {
        FwCfgFile *have = g_ptr_array_index(d->files, i);
        if (strcmp(have->name, name) == 0)
            return have;
    }
    return NULL;
}

void
fw_cfg_set_maker(Device *dev, const char *name, FwCfgMake make, void *data,
                 GDestroyNotify free_data)
{
    FwCfgFile *file = find_file(DEVICE_OF(FwCfg, dev), name);

    g_assert(file != NULL && file->make == NULL);
    file->make = make;
    file->make_data = data;
    file->free_make_data = free_data;
}

void
fw_cfg_add_file(Device *dev, const char *name, GBytes *data)
{
    FwCfg *d = DEVICE_OF(FwCfg, dev);

    g_assert(d->files != NULL && strlen(name) < FW_CFG_MAX_FILE_PATH &&
             d->files->len < 4096);
    FwCfgFile *file = find_file(d, name);
    if (file == NULL) {
        file = g_new0(FwCfgFile, 1);
        g_strlcpy(file->name, name, sizeof file->name);
        g_ptr_array_add(d->files, file);
    }
    g_bytes_ref(data);
    g_clear_pointer(&file->data, g_bytes_unref);
    file->data = data;
    rebuild_directory(d);
}

static bool
fw_cfg_realize(Device *dev, DeviceEnv *env, GError **error)
{
    FwCfg *d = DEVICE_OF(FwCfg, dev);
    g_autoptr(GBytes) signature = g_bytes_new_static("QEMU", 4);

    d->items =
        g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify) g_bytes_unref);
    d->files = g_ptr_array_new_with_free_func(file_free);
    fw_cfg_add_item(dev, FW_CFG_SIGNATURE, signature);
    fw_cfg_add_u32(dev, FW_CFG_ID, FW_CFG_FEATURES);
    rebuild_directory(d);
    d->dma = dma_new(env->mem);
    d->port = io_region_new("fw-cfg", &fw_cfg_ops, d, &dev->lock, 2);
    d->dma_port = io_region_new("fw-cfg-dma", &dma_port_ops, d, &dev->lock, 8);
    if (io_map(env->ports, d->port, FW_CFG_PORT, 0) < 0 ||
        io_map(env->ports, d->dma_port, FW_CFG_DMA_PORT, 0) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: ports 0x510..0x51b are taken by another device",
                    dev->id);
        return false;
    }
    return true;
}

static void
fw_cfg_unrealize(Device *dev)
{
    FwCfg *d = DEVICE_OF(FwCfg, dev);

    g_clear_pointer(&d->port, io_region_free);
    g_clear_pointer(&d->dma_port, io_region_free);
    g_clear_pointer(&d->dma, dma_free);
    g_clear_pointer(&d->items, g_hash_table_unref);
    g_clear_pointer(&d->files, g_ptr_array_unref);
}

static void
fw_cfg_reset(Device *dev, ResetKind kind)
{
    FwCfg *d = DEVICE_OF(FwCfg, dev);

    d->s = (FwCfgState){.key = FW_CFG_INVALID_KEY};
}

/* clang-format off */
static const StateField fw_cfg_fields[] = {
    STATE_FIELD(FwCfgState, key, STATE_U16),
    STATE_FIELD(FwCfgState, offset, STATE_U32),
    STATE_FIELD(FwCfgState, dma_address, STATE_U32),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc fw_cfg_state = {
    .name = "fw-cfg",
    .version = 1,
    .min_version = 1,
    .size = sizeof(FwCfgState),
    .fields = fw_cfg_fields,
};

const DeviceClass fw_cfg_class = {
    .name = "fw-cfg",
    .summary = "Firmware configuration (fw_cfg)",
    .size = sizeof(FwCfg),
    .state = &fw_cfg_state,
    .state_offset = G_STRUCT_OFFSET(FwCfg, s),
    .realize = fw_cfg_realize,
    .unrealize = fw_cfg_unrealize,
    .reset = fw_cfg_reset,
};
