#include "storage/text_check.h"

#include <math.h>
#include <string.h>

#include "storage/text_build.h"

// A text's counts add up to its words, so the shares of all postings add up to the number of
// texts.
typedef struct sums {
    mb_reader *reader;
    int64_t words; // counts of all postings
    double texts;  // counts in proportion to the words of their texts
    int64_t tail;  // texts in the tail
} sums;

static bool wrong(sums *s, const char *what)
{
    return mb_reader_fail(s->reader, MB_CORRUPT, "text index: %s", what);
}

static void count(sums *s, uint32_t times, uint32_t words)
{
    s->words += times;
    s->texts += (double)times / words;
}

static bool check_postings(sums *s, const mb_text_segment *segment, const mb_posting *items,
                           size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (items[i].serial < segment->first_serial || items[i].serial > segment->last_serial)
            return wrong(s, "a text is in a segment where it does not belong");
        if (items[i].words < items[i].count)
            return wrong(s, "a word is more often in a text than there are words");
        count(s, items[i].count, items[i].words);
    }
    return true;
}

static bool check_inline(sums *s, const mb_text_segment *segment, const mb_text_entry *entry)
{
    mb_text_postings list = { 0 };
    bool good = mb_text_postings_room(s->reader, &list, entry->count) &&
                (mb_postings_read(entry->data, entry->size, list.items, entry->count) ||
                 wrong(s, "a list is damaged")) &&
                check_postings(s, segment, list.items, entry->count);
    mb_text_postings_free(&list);
    return good;
}

static bool is_below(const mb_posting_peaks *peaks, const mb_posting *item)
{
    for (uint32_t i = 0; i < peaks->used; i++) {
        if (peaks->count[i] >= item->count && peaks->words[i] <= item->words)
            return true;
    }
    return false;
}

static bool check_chunk(sums *s, const mb_text_segment *segment, const mb_text_part *part,
                        const mb_text_chunk *chunk)
{
    for (size_t i = 0; i < part->count; i++) {
        mb_posting item = mb_text_chunk_posting(chunk, i);
        if (!is_below(&part->peaks, &item))
            return wrong(s, "a posting counts more than its chunk allows");
        if (!check_postings(s, segment, &item, 1))
            return false;
    }
    return chunk->serials[0] == part->first || wrong(s, "a chunk begins elsewhere");
}

static bool check_chunks(sums *s, const mb_text_segment *segment, uint32_t list,
                         const mb_text_directory *d, mb_text_chunk *chunk)
{
    for (size_t i = 0; i < d->count; i++) {
        if (!mb_text_chunk_read(s->reader, segment->key, list, &d->parts[i], chunk) ||
            !check_chunk(s, segment, &d->parts[i], chunk))
            return false;
    }
    return d->count > 0 || wrong(s, "a list is empty");
}

static bool check_list(sums *s, const mb_text_segment *segment, uint32_t list)
{
    mb_text_directory d = { 0 };
    mb_text_chunk *chunk = sqlite3_malloc64(sizeof *chunk);
    bool good = (chunk != NULL || mb_reader_no_memory(s->reader)) &&
                mb_text_directory_read(s->reader, segment->key, list, &d) &&
                check_chunks(s, segment, list, &d, chunk);
    mb_text_directory_free(&d);
    sqlite3_free(chunk);
    return good;
}

// Checks the entries of a page; adds the rows that their lists have.
static bool check_page(sums *s, const mb_text_segment *segment, const mb_text_bytes *page,
                       int64_t key, uint64_t *last, int64_t *rows)
{
    const uint8_t *p = page->data, *end = page->data + page->length;
    while (p < end) {
        mb_text_entry entry;
        p = mb_text_entry_read(p, end, &entry);
        if (p == NULL)
            return wrong(s, "a page is damaged");
        int64_t place = mb_text_place(entry.hash);
        if (entry.hash <= *last || place < segment->low || place >= segment->high ||
            mb_text_key(segment->key, place) < key)
            return wrong(s, "a word is out of order");
        *last = entry.hash;
        *rows += entry.count == 0;
        bool good = entry.count > 0 ? check_inline(s, segment, &entry)
                                    : check_list(s, segment, entry.list);
        if (!good)
            return false;
    }
    return true;
}

// There are as many directories as words with a long list.
static bool check_lists(sums *s, const mb_text_segment *segment, int64_t lists)
{
    mb_reader *r = s->reader;
    int64_t found = 0;
    if (!mb_reader_use(r, "SELECT count(*) FROM text_lists WHERE key BETWEEN $first AND $last"
                          " AND key & 1099511627775 < 1048576"))
        return false;
    mb_reader_bind(r, 1, mb_text_key(segment->key, 0));
    mb_reader_bind(r, 2, mb_text_key(segment->key, MB_TEXT_PLACES - 1));
    if (mb_reader_row(r))
        found = mb_reader_integer(r, 0);
    mb_reader_done(r);
    return mb_reader_good(r) && (found == lists || wrong(s, "a list belongs to no word"));
}

static bool check_segment(sums *s, const mb_text_segment *segment)
{
    mb_text_bytes page = { 0 };
    uint64_t last = 0;
    int64_t lists = 0, key = mb_text_key(segment->key, 0) - 1;
    bool good = true;
    do {
        good = mb_text_page_next(s->reader, segment->key, key + 1, &page, &key);
        if (good && key != 0)
            good = check_page(s, segment, &page, key, &last, &lists);
    } while (good && key != 0);
    mb_text_bytes_free(&page);
    return good && check_lists(s, segment, lists);
}

static bool check_waiting(sums *s, mb_text_waiting *text)
{
    uint64_t last = 0;
    int64_t before = s->words;
    mb_text_term term;
    s->tail++;
    while (mb_text_tail_term(s->reader, text, &term)) {
        if (term.hash <= last)
            return wrong(s, "a word is out of order");
        last = term.hash;
        count(s, (uint32_t)term.count, text->words);
    }
    return mb_reader_good(s->reader) &&
           (s->words - before == text->words || wrong(s, "a text lacks words"));
}

static bool check_tail(sums *s, int64_t set)
{
    mb_text_waiting text;
    if (!mb_text_tail_read(s->reader, set))
        return false;
    while (mb_text_tail_next(s->reader, &text)) {
        if (!check_waiting(s, &text))
            return false;
    }
    return mb_reader_good(s->reader);
}

// What is being merged belongs to a segment that is not whole yet, and begins where that ends.
static bool check_target(sums *s, const mb_text_segments *all, const mb_text_segment *segment)
{
    for (size_t i = 0; i < all->count && segment->target != 0; i++) {
        if (all->items[i].key == segment->target)
            return all->items[i].high == segment->low || wrong(s, "a merge has lost its place");
    }
    return segment->target == 0 || wrong(s, "a merge has lost its target");
}

static bool check_segments(sums *s, int64_t set)
{
    mb_text_segments all;
    if (!mb_text_segments_read(s->reader, set, &all))
        return false;
    for (size_t i = 0; i < all.count; i++) {
        if (!check_target(s, &all, &all.items[i]) || !check_segment(s, &all.items[i]))
            return false;
    }
    return true;
}

bool mb_text_check(mb_reader *r, int64_t key)
{
    mb_text_set set;
    sums s = { .reader = r };
    if (!mb_text_set_read(r, key, &set) || !check_segments(&s, key) || !check_tail(&s, key))
        return false;
    if (s.tail != set.tail_docs || s.words != set.words ||
        fabs(s.texts - (double)set.docs) > 0.01)
        return wrong(&s, "it holds other texts than it should");
    return true;
}
