#include "kernel/text_terms.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/text_words.h"

// Below so many, moving them into place beats anything else.
enum { FEW = 24 };

static void sort_few(mb_text_term *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        mb_text_term item = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1].hash > item.hash; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

static int compare(const void *left, const void *right)
{
    const mb_text_term *a = left, *b = right;
    return (a->hash > b->hash) - (a->hash < b->hash);
}

// Hashes are spread evenly, so the middle of their range parts them well; where it does not
// (many times the same word), the library's sort takes over.
static void sort(mb_text_term *items, size_t count, uint64_t bit)
{
    while (count > FEW && bit > 1) {
        size_t low = 0, high = count;
        while (low < high) {
            if ((items[low].hash & bit) == 0) {
                low++;
            } else {
                mb_text_term item = items[--high];
                items[high] = items[low];
                items[low] = item;
            }
        }
        bit >>= 1;
        sort(items, low, bit);
        items += low;
        count -= low;
    }
    if (count <= FEW)
        sort_few(items, count);
    else
        qsort(items, count, sizeof *items, compare);
}

// Makes one of those that are the same.
static size_t unite(mb_text_term *items, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && items[kept - 1].hash == items[i].hash)
            items[kept - 1].count += items[i].count;
        else
            items[kept++] = items[i];
    }
    return kept;
}

bool mb_text_terms_read(mb_text_terms *terms, const char *text, size_t length, bool singles)
{
    mb_text_reader reader;
    mb_buffer_clear(&terms->items);
    terms->count = 0;
    terms->words = 0;
    mb_text_open(&reader, text, length, singles);
    while (mb_text_next(&reader)) {
        mb_text_term term = { mb_text_hash(reader.word, reader.length), 1 };
        mb_buffer_append(&terms->items, &term, sizeof term);
        terms->words++;
    }
    if (terms->items.failed)
        return false;
    if (terms->words > 0) {
        mb_text_term *items = mb_text_terms_items(terms);
        sort(items, (size_t)terms->words, UINT64_C(1) << 63);
        terms->count = unite(items, (size_t)terms->words);
    }
    return true;
}
