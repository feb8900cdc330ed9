#include "kernel/text_match.h"

#include "kernel/text_words.h"

enum { WORDS = 64 };

// The words that were met last.
typedef struct sight {
    size_t count;       // of the query's words
    size_t last[WORDS]; // where each was met last, + 1; 0: nowhere
} sight;

// How many of the words begin in the `piece` bytes up to `at`, and where the first of them is.
static size_t seen(const sight *s, size_t at, size_t piece, size_t *first)
{
    size_t found = 0;
    *first = at;
    for (size_t i = 0; i < s->count; i++) {
        if (s->last[i] == 0 || s->last[i] - 1 + piece < at)
            continue;
        found++;
        if (s->last[i] - 1 < *first)
            *first = s->last[i] - 1;
    }
    return found;
}

// The number of a word in the query, `count` when it is not in it.
static size_t find(const mb_text_terms *query, size_t count, const mb_text_reader *word)
{
    uint64_t hash = mb_text_hash(word->word, word->length);
    size_t i = 0;
    while (i < count && mb_text_terms_items(query)[i].hash != hash)
        i++;
    return i;
}

size_t mb_text_match(const mb_text_terms *query, const char *text, size_t length, size_t piece)
{
    sight s = { .count = query->count < WORDS ? query->count : WORDS };
    mb_text_reader word;
    size_t best = length, most = 0;
    mb_text_open(&word, text, length, true);
    while (most < s.count && mb_text_next(&word)) {
        size_t i = find(query, s.count, &word), first;
        if (i == s.count)
            continue;
        s.last[i] = word.first + 1;
        size_t found = seen(&s, word.first, piece, &first);
        if (found > most) {
            most = found;
            best = first;
        }
    }
    return best;
}
