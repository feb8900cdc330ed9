#include "kernel/text_columns.h"

// Postings that fit however wide they are.
enum { HEAD = 5, SURELY = (MB_TEXT_COLUMNS_BYTES - HEAD) / 12 };

// What the widths must hold.
typedef struct extent {
    uint32_t distance;
    uint32_t count;
    uint32_t words;
} extent;

// Widths are powers of two: bytes of 1, 2 or 4; counts have no bits, 4 or 32.
static unsigned code_of(uint32_t value)
{
    return value < 0x100 ? 0 : value < 0x10000 ? 1 : 2;
}

static const unsigned count_bits[] = { 0, 4, 32 };

static unsigned count_code(uint32_t count)
{
    return count == 0 ? 0 : count < 16 ? 1 : 2;
}

static size_t counts_size(unsigned code, size_t count)
{
    return (count * count_bits[code] + 7) / 8;
}

static size_t size_of(const extent *e, size_t count)
{
    return HEAD + (count << code_of(e->distance)) + (count << code_of(e->words)) +
           counts_size(count_code(e->count), count);
}

// Takes a posting behind that of serial `previous` in.
static void extend(extent *e, uint32_t previous, const mb_posting *item)
{
    uint32_t distance = item->serial - previous, words = item->words - item->count;
    e->distance = distance > e->distance ? distance : e->distance;
    e->count = item->count - 1 > e->count ? item->count - 1 : e->count;
    e->words = words > e->words ? words : e->words;
}

// How many of the postings are written, and how wide.
static size_t measure(const mb_posting *items, size_t count, bool fit, extent *e)
{
    *e = (extent){ 0 };
    if (count > MB_TEXT_COLUMNS_MAX)
        count = MB_TEXT_COLUMNS_MAX;
    for (size_t i = 0; i < count; i++) {
        extent before = *e;
        extend(e, items[i > 0 ? i - 1 : 0].serial, &items[i]);
        if (fit && i >= SURELY && size_of(e, i + 1) > MB_TEXT_COLUMNS_BYTES) {
            *e = before;
            return i;
        }
    }
    return count;
}

static uint8_t *put_number(uint8_t *out, uint32_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

static uint8_t *put_counts(uint8_t *out, const mb_posting *items, size_t count, unsigned code)
{
    for (size_t i = 0; i < count && code == 1; i += 2) {
        uint32_t second = i + 1 < count ? items[i + 1].count - 1 : 0;
        *out++ = (uint8_t)((items[i].count - 1) | second << 4);
    }
    for (size_t i = 0; i < count && code == 2; i++)
        out = put_number(out, items[i].count - 1, 4);
    return out;
}

size_t mb_text_columns_write(uint8_t *out, const mb_posting *items, size_t *count, bool fit)
{
    extent e;
    uint8_t *end = out;
    *count = measure(items, *count, fit, &e);
    unsigned distances = code_of(e.distance), words = code_of(e.words);
    unsigned counts = count_code(e.count);
    *end++ = (uint8_t)(distances | words << 2 | counts << 4);
    end = put_number(end, items[0].serial, 4);
    for (size_t i = 0; i < *count; i++)
        end =
            put_number(end, items[i].serial - items[i > 0 ? i - 1 : 0].serial, 1u << distances);
    end = put_counts(end, items, *count, counts);
    for (size_t i = 0; i < *count; i++)
        end = put_number(end, items[i].words - items[i].count, 1u << words);
    return (size_t)(end - out);
}

bool mb_text_columns_open(mb_text_columns *c, const uint8_t *data, size_t size, size_t count)
{
    if (size < HEAD || count == 0 || count > MB_TEXT_COLUMNS_MAX)
        return false;
    unsigned distances = data[0] & 3u, words = data[0] >> 2 & 3u, counts = data[0] >> 4;
    if (distances > 2 || words > 2 || counts > 2)
        return false;
    c->count = count;
    c->first = mb_text_number(data + 1, 4);
    c->distance_width = 1u << distances;
    c->count_bits = count_bits[counts];
    c->words_width = 1u << words;
    c->distances = data + HEAD;
    c->counts = c->distances + count * c->distance_width;
    c->words = c->counts + counts_size(counts, count);
    return c->words + count * c->words_width == data + size;
}

// The compiler makes a loop for each width.
static MB_ALWAYS_INLINE uint64_t add_up(const mb_text_columns *c, uint32_t *serials,
                                        unsigned width, bool *good)
{
    uint64_t serial = c->first;
    serials[0] = c->first;
    for (size_t i = 1; i < c->count; i++) {
        uint32_t distance = mb_text_number(c->distances + i * width, width);
        *good &= distance != 0;
        serial += distance;
        serials[i] = (uint32_t)serial;
    }
    return serial;
}

bool mb_text_columns_serials(const mb_text_columns *c, uint32_t *serials, uint32_t last)
{
    bool good = c->first > 0;
    uint64_t end = c->distance_width == 1   ? add_up(c, serials, 1, &good)
                   : c->distance_width == 2 ? add_up(c, serials, 2, &good)
                                            : add_up(c, serials, 4, &good);
    return good && end == last;
}
