#include "storage/text_search.h"

#include <string.h>

#include "storage/text_build.h"
#include "storage/text_source.h"

// Serials of a window; and how few texts that alone are wanted are looked up rather than all
// scored.
enum { WINDOW = 4096, FEW = 128 };

// A word of the query.
typedef struct word {
    uint64_t hash;
    int64_t found; // in how many texts
    mb_text_weight weight;
    mb_text_source sources[MB_TEXT_SOURCES + 1]; // the last one: the tail
    size_t count;                                // of the sources
    uint32_t bound;                              // no text of the window gets more from it
} word;

typedef struct search {
    mb_reader *reader;
    const mb_text_wish *wish;
    mb_text_set set;
    mb_text_segments segments;
    word *words;                          // by hash
    word *order[MB_TEXT_QUERY_WORDS];     // by bound in the window, the least first
    size_t count;                         // of the words
    size_t among;                         // the next one of the serials that are wanted
    uint32_t scores[WINDOW];              // of the window
    uint64_t touched[WINDOW / 64];        // texts of the window that have a score
    mb_text_candidate candidates[WINDOW]; // of the window
    size_t candidate_count;
    uint32_t least; // the score that a text must be above to be among the best
    mb_vector_top *top;
} search;

static bool read_inline(search *s, mb_text_source *source, const mb_text_entry *entry)
{
    source->items = sqlite3_malloc64(entry->count * sizeof *source->items);
    if (source->items == NULL)
        return mb_reader_no_memory(s->reader);
    source->count = entry->count;
    return mb_postings_read(entry->data, entry->size, source->items, entry->count) ||
           mb_text_damaged(s->reader);
}

static bool read_list(search *s, mb_text_source *source, int64_t segment,
                      const mb_text_entry *entry)
{
    source->segment = segment;
    source->list = entry->list;
    return mb_text_directory_read(s->reader, segment, entry->list, &source->directory);
}

// Looks a word up in a page.
static bool read_page(search *s, word *w, int64_t segment, const uint8_t *p, size_t size)
{
    const uint8_t *end = p + size;
    mb_text_entry entry = { .hash = 0 };
    while (p < end && entry.hash < w->hash) {
        p = mb_text_entry_read(p, end, &entry);
        if (p == NULL)
            return mb_text_damaged(s->reader);
    }
    if (entry.hash != w->hash)
        return true;
    mb_text_source *source = &w->sources[w->count++];
    bool good = entry.count > 0 ? read_inline(s, source, &entry)
                                : read_list(s, source, segment, &entry);
    w->found += (int64_t)(source->count + mb_text_directory_total(&source->directory));
    return good;
}

static bool read_segment(search *s, word *w, const mb_text_segment *segment)
{
    mb_reader *r = s->reader;
    int64_t place = mb_text_place(w->hash);
    if (place < segment->low || place >= segment->high)
        return true;
    if (!mb_reader_use(r, "SELECT data FROM text_pages WHERE key BETWEEN $first AND $last"
                          " ORDER BY key DESC LIMIT 1"))
        return false;
    mb_reader_bind(r, 1, mb_text_key(segment->key, 0));
    mb_reader_bind(r, 2, mb_text_key(segment->key, place));
    if (!mb_reader_row(r))
        return mb_reader_good(r);
    size_t size;
    const uint8_t *data = mb_text_blob(r, 0, &size);
    return data != NULL && read_page(s, w, segment->key, data, size);
}

static bool read_segments(search *s)
{
    for (size_t i = 0; i < s->segments.count; i++) {
        for (size_t j = 0; j < s->count; j++) {
            if (!read_segment(s, &s->words[j], &s->segments.items[i]))
                return false;
        }
    }
    return true;
}

static bool add_waiting(search *s, word *w, const mb_text_waiting *text, uint64_t count)
{
    mb_text_source *source = &w->sources[w->count];
    if (source->items == NULL) {
        source->items = sqlite3_malloc64((size_t)s->set.tail_docs * sizeof *source->items);
        if (source->items == NULL)
            return mb_reader_no_memory(s->reader);
    }
    if (source->count == (size_t)s->set.tail_docs)
        return mb_text_damaged(s->reader);
    source->items[source->count++] =
        (mb_posting){ .serial = text->serial, .count = (uint32_t)count, .words = text->words };
    w->found++;
    return true;
}

// Both the words of the text and those of the query come in the order of their hashes.
static bool read_waiting(search *s, mb_text_waiting *text)
{
    mb_text_term term;
    size_t i = 0;
    while (i < s->count && mb_text_tail_term(s->reader, text, &term)) {
        while (i < s->count && s->words[i].hash < term.hash)
            i++;
        if (i < s->count && s->words[i].hash == term.hash &&
            !add_waiting(s, &s->words[i++], text, term.count))
            return false;
    }
    return mb_reader_good(s->reader);
}

static bool read_tail(search *s)
{
    mb_text_waiting text;
    if (s->set.tail_docs == 0)
        return true;
    if (!mb_text_tail_read(s->reader, s->wish->set))
        return false;
    while (mb_text_tail_next(s->reader, &text)) {
        if (!read_waiting(s, &text))
            return false;
    }
    for (size_t i = 0; i < s->count; i++)
        s->words[i].count += s->words[i].sources[s->words[i].count].count > 0;
    return mb_reader_good(s->reader);
}

static bool weigh(search *s)
{
    for (size_t i = 0; i < s->count; i++) {
        word *w = &s->words[i];
        if (w->found > s->set.docs)
            return mb_text_damaged(s->reader);
        w->weight = mb_text_weigh((double)s->set.docs, (double)s->set.words, (double)w->found);
        s->wish->asked[i].rarity = w->weight.most / ((MB_TEXT_K1 + 1) * MB_TEXT_ONE);
        if (s->wish->asked[i].faint)
            w->weight.most *= MB_TEXT_FAINT;
        for (size_t j = 0; j < w->count; j++) {
            if (!mb_text_source_weigh(s->reader, &w->sources[j], &w->weight))
                return false;
        }
    }
    return true;
}

// Passes over the serials that are wanted before `from`.
static void skip_wanted(search *s, uint64_t from)
{
    if (s->wish->among == NULL)
        return;
    while (s->among < s->wish->among_count && s->wish->among[s->among] < from)
        s->among++;
}

// The next window that has anything: false when there is none.
static bool find_window(search *s, uint64_t from, uint64_t *first)
{
    uint64_t next = (uint64_t)UINT32_MAX + 1;
    if (s->wish->among != NULL) {
        skip_wanted(s, from);
        if (s->among == s->wish->among_count)
            return false;
        from = s->wish->among[s->among];
    }
    if (from > UINT32_MAX)
        return false;
    for (size_t i = 0; i < s->count; i++) {
        for (size_t j = 0; j < s->words[i].count; j++) {
            uint64_t at = mb_text_source_seek(&s->words[i].sources[j], (uint32_t)from);
            next = at < next ? at : next;
        }
    }
    *first = next & ~(uint64_t)(WINDOW - 1);
    skip_wanted(s, *first);
    return next <= UINT32_MAX;
}

// Puts the words in the order of what they can add in the window.
static void order_words(search *s, uint32_t to)
{
    for (size_t i = 0; i < s->count; i++) {
        word *w = &s->words[i];
        size_t at = i;
        w->bound = 0;
        for (size_t j = 0; j < w->count; j++) {
            uint32_t bound = mb_text_source_bound(&w->sources[j], to);
            w->bound = bound > w->bound ? bound : w->bound;
        }
        for (; at > 0 && s->order[at - 1]->bound > w->bound; at--)
            s->order[at] = s->order[at - 1];
        s->order[at] = w;
    }
}

// How many of the words cannot make a text one of the best together, and what they add at most.
static size_t count_idle(const search *s, uint64_t *added)
{
    size_t idle = 0;
    *added = 0;
    while (idle < s->count && *added + s->order[idle]->bound <= s->least)
        *added += s->order[idle++]->bound;
    return idle;
}

// What a word must count more than in a text, if all others count as much as they can.
static int64_t idle_part(const search *s, const word *w)
{
    int64_t others = -(int64_t)w->bound;
    for (size_t i = 0; i < s->count; i++)
        others += s->words[i].bound;
    return (int64_t)s->least - others;
}

static bool score_window(search *s, size_t idle, uint32_t from)
{
    memset(s->scores, 0, sizeof s->scores);
    memset(s->touched, 0, sizeof s->touched);
    for (size_t i = idle; i < s->count; i++) {
        word *w = s->order[i];
        int64_t least = idle_part(s, w);
        for (size_t j = 0; j < w->count; j++) {
            if (!mb_text_source_add(s->reader, &w->sources[j], &w->weight, least, from,
                                    from + (WINDOW - 1), s->scores, s->touched))
                return false;
        }
    }
    return true;
}

static void drop_others(search *s, uint32_t from)
{
    uint64_t wanted[WINDOW / 64] = { 0 };
    for (size_t i = s->among; i < s->wish->among_count; i++) {
        uint32_t at = s->wish->among[i] - from;
        if (at >= WINDOW)
            break;
        wanted[at / 64] |= UINT64_C(1) << at % 64;
    }
    for (size_t i = 0; i < WINDOW / 64; i++)
        s->touched[i] &= wanted[i];
}

static uint32_t lowest_bit(uint64_t bits)
{
#if defined(__GNUC__)
    return (uint32_t)__builtin_ctzll(bits);
#else
    uint32_t at = 0;
    while ((bits >> at & 1) == 0)
        at++;
    return at;
#endif
}

// Makes candidates of what was scored.
static void gather(search *s, uint32_t from, uint64_t added)
{
    s->candidate_count = 0;
    if (s->wish->among != NULL)
        drop_others(s, from);
    for (uint32_t i = 0; i < WINDOW / 64; i++) {
        for (uint64_t bits = s->touched[i]; bits != 0; bits &= bits - 1) {
            uint32_t text = i * 64 + lowest_bit(bits);
            if (s->scores[text] + added > s->least)
                s->candidates[s->candidate_count++] =
                    (mb_text_candidate){ from + text, s->scores[text] };
        }
    }
}

// When only few texts of the window are wanted, these are the candidates.
static bool gather_wanted(search *s, uint32_t from)
{
    size_t end = s->among;
    if (s->wish->among == NULL)
        return false;
    while (end < s->wish->among_count && s->wish->among[end] - from < WINDOW &&
           end - s->among < FEW)
        end++;
    if (end - s->among == FEW)
        return false;
    s->candidate_count = 0;
    for (size_t i = s->among; i < end; i++)
        s->candidates[s->candidate_count++] = (mb_text_candidate){ s->wish->among[i], 0 };
    return true;
}

static bool probe(search *s, word *w, int64_t idle)
{
    for (size_t j = 0; j < w->count; j++) {
        if (!mb_text_source_probe(s->reader, &w->sources[j], &w->weight, idle, s->candidates,
                                  s->candidate_count))
            return false;
    }
    return true;
}

static void keep_likely(search *s, uint64_t added)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->candidate_count; i++) {
        if (s->candidates[i].score + added > s->least)
            s->candidates[kept++] = s->candidates[i];
    }
    s->candidate_count = kept;
}

// Completes the scores with the words that were left out so far, those that add most first.
static bool complete(search *s, size_t idle, uint64_t added)
{
    while (idle > 0 && s->candidate_count > 0) {
        word *w = s->order[--idle];
        added -= w->bound;
        if (!probe(s, w, (int64_t)s->least - (int64_t)added))
            return false;
        keep_likely(s, added);
    }
    for (size_t i = 0; i < s->candidate_count; i++) {
        const mb_text_candidate *text = &s->candidates[i];
        if (text->score > s->least)
            mb_vector_top_add(s->top, text->score, text->serial);
        if (mb_vector_top_full(s->top))
            s->least = (uint32_t)s->top->items[0].key;
    }
    return true;
}

static bool search_window(search *s, uint32_t from)
{
    uint64_t added;
    order_words(s, from + (WINDOW - 1));
    size_t idle = count_idle(s, &added);
    if (idle == s->count)
        return true;
    if (gather_wanted(s, from)) {
        idle = s->count;
        added = 0;
        for (size_t i = 0; i < idle; i++)
            added += s->order[i]->bound;
    } else {
        if (!score_window(s, idle, from))
            return false;
        gather(s, from, added);
    }
    return complete(s, idle, added);
}

static bool search_windows(search *s)
{
    uint64_t from = 0;
    while (find_window(s, from, &from)) {
        if (!search_window(s, (uint32_t)from))
            return false;
        from += WINDOW;
    }
    return true;
}

static bool run(search *s)
{
    mb_reader *r = s->reader;
    if (!mb_text_set_read(r, s->wish->set, &s->set))
        return false;
    if (s->set.docs == 0)
        return true;
    return mb_text_segments_read(r, s->wish->set, &s->segments) && read_segments(s) &&
           read_tail(s) && weigh(s) && search_windows(s);
}

static void free_all(search *s)
{
    for (size_t i = 0; i < s->count; i++) {
        for (size_t j = 0; j <= MB_TEXT_SOURCES; j++)
            mb_text_source_free(&s->words[i].sources[j]);
    }
    sqlite3_free(s->words);
    sqlite3_free(s);
}

static search *new_search(mb_reader *r, const mb_text_wish *wish, mb_vector_top *top)
{
    size_t count = wish->terms->count;
    if (count > MB_TEXT_QUERY_WORDS)
        count = MB_TEXT_QUERY_WORDS;
    search *s = sqlite3_malloc64(sizeof *s);
    word *words = sqlite3_malloc64((count + 1) * sizeof *words);
    if (s == NULL || words == NULL) {
        mb_reader_no_memory(r);
        sqlite3_free(s);
        sqlite3_free(words);
        return NULL;
    }
    memset(s, 0, sizeof *s);
    memset(words, 0, (count + 1) * sizeof *words);
    for (size_t i = 0; i < count; i++)
        words[i].hash = mb_text_terms_items(wish->terms)[i].hash;
    s->reader = r;
    s->wish = wish;
    s->words = words;
    s->count = count;
    s->top = top;
    return s;
}

bool mb_text_search(mb_reader *r, const mb_text_wish *wish, mb_vector_top *top)
{
    search *s = new_search(r, wish, top);
    if (s == NULL)
        return false;
    bool found = run(s);
    mb_reader_done(r);
    free_all(s);
    if (!found)
        return false;
    mb_vector_top_sort(top);
    for (size_t i = 0; i < top->count; i++)
        top->items[i].key /= MB_TEXT_ONE;
    return true;
}
