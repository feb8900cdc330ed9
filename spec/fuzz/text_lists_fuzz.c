// Any bytes as entries of a page, as a list and as columns of postings. What is accepted
// ascends, and comes out the same when it is written and read again.

#include "fuzz.h"
#include "kernel/text_columns.h"

static void check_order(const mb_posting *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        require(items[i].count > 0 && items[i].words >= items[i].count &&
                items[i].serial > (i > 0 ? items[i - 1].serial : 0));
}

// No posting is above all peaks.
static void check_peaks(const mb_posting *items, size_t count)
{
    mb_posting_peaks peaks = { .used = 0 };
    for (size_t i = 0; i < count; i++)
        mb_posting_peaks_add(&peaks, items[i].count, items[i].words);
    for (size_t i = 0; i < count; i++) {
        bool below = false;
        for (uint32_t j = 0; j < peaks.used; j++)
            below =
                below || (peaks.count[j] >= items[i].count && peaks.words[j] <= items[i].words);
        require(below);
    }
}

static void read_list(const uint8_t *data, size_t size, size_t count)
{
    static mb_posting items[256], again[256];
    static uint8_t out[256 * MB_POSTING_MAX];
    uint8_t *end = out;
    if (!mb_postings_read(data, size, items, count))
        return;
    check_order(items, count);
    check_peaks(items, count);
    for (size_t i = 0; i < count; i++)
        end = mb_posting_write(end, i > 0 ? items[i - 1].serial : 0, &items[i]);
    require(mb_postings_read(out, (size_t)(end - out), again, count));
    require(memcmp(items, again, count * sizeof *items) == 0);
}

static void read_columns(const uint8_t *data, size_t size, size_t count)
{
    static uint32_t serials[MB_TEXT_COLUMNS_MAX];
    static mb_posting items[MB_TEXT_COLUMNS_MAX];
    static uint8_t out[MB_TEXT_COLUMNS_ROOM];
    mb_text_columns c;
    if (size < 4 || !mb_text_columns_open(&c, data + 4, size - 4, count) ||
        !mb_text_columns_serials(&c, serials, mb_text_number(data, 4)))
        return;
    for (size_t i = 0; i < count; i++) {
        uint32_t times = mb_text_columns_count(&c, i);
        items[i] = (mb_posting){ serials[i], times, mb_text_columns_words(&c, i, times) };
        if (times == 0 || items[i].words < times)
            return; // only store:check looks at that
    }
    size_t written = count;
    size_t bytes = mb_text_columns_write(out, items, &written, false);
    require(written == count && bytes <= sizeof out);
    require(mb_text_columns_open(&c, out, bytes, count));
    require(mb_text_columns_serials(&c, serials, items[count - 1].serial));
    for (size_t i = 0; i < count; i++) {
        uint32_t times = mb_text_columns_count(&c, i);
        require(serials[i] == items[i].serial && times == items[i].count &&
                mb_text_columns_words(&c, i, times) == items[i].words);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mb_text_entry entry;
    if (size == 0)
        return 0;
    const uint8_t *p = data + 1, *end = data + size;
    read_list(p, size - 1, data[0]);
    if (data[0] > 0)
        read_columns(p, size - 1, data[0]);
    while (p != NULL && p < end) {
        p = mb_text_entry_read(p, end, &entry);
        require(p == NULL || (p <= end && entry.size <= size));
    }
    return 0;
}
