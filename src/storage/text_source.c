#include "storage/text_source.h"

#include <string.h>

#define NONE ((uint64_t)UINT32_MAX + 1)

static bool is_long(const mb_text_source *s)
{
    return s->bounds != NULL;
}

// Scores are rounded, so a bound is one more.
static uint32_t bound_of(const mb_text_weight *weight, const mb_posting_peaks *peaks)
{
    uint32_t bound = 0;
    for (uint32_t i = 0; i < peaks->used; i++) {
        uint32_t score = mb_text_score(weight, peaks->count[i], peaks->words[i]);
        if (score >= bound)
            bound = score + 1;
    }
    return bound;
}

static bool weigh_parts(mb_reader *r, mb_text_source *s, const mb_text_weight *weight)
{
    s->bounds = sqlite3_malloc64((s->directory.count + 1) * sizeof *s->bounds);
    if (s->bounds == NULL)
        return mb_reader_no_memory(r);
    for (size_t i = 0; i < s->directory.count; i++)
        s->bounds[i] = bound_of(weight, &s->directory.parts[i].peaks);
    return true;
}

bool mb_text_source_weigh(mb_reader *r, mb_text_source *s, const mb_text_weight *weight)
{
    if (s->list != 0)
        return weigh_parts(r, s, weight);
    for (size_t i = 0; i < s->count; i++) {
        uint32_t score = mb_text_score(weight, s->items[i].count, s->items[i].words);
        if (score > s->most)
            s->most = score;
    }
    return true;
}

static uint32_t serial_at(const mb_text_source *s, size_t at)
{
    return s->items != NULL ? s->items[at].serial : s->chunk->serials[at];
}

// Goes on in larger and larger steps, then back in smaller ones.
static void skip_postings(mb_text_source *s, uint32_t from)
{
    size_t step = 1;
    if (s->at == s->count || serial_at(s, s->at) >= from)
        return;
    while (s->at + step < s->count && serial_at(s, s->at + step) < from) {
        s->at += step;
        step *= 2;
    }
    for (; step > 0; step /= 2) {
        if (s->at + step < s->count && serial_at(s, s->at + step) < from)
            s->at += step;
    }
    s->at++;
}

static uint32_t score_at(const mb_text_source *s, const mb_text_weight *weight, size_t at)
{
    if (s->items != NULL)
        return mb_text_score(weight, s->items[at].count, s->items[at].words);
    uint32_t count = mb_text_columns_count(&s->chunk->columns, at);
    return mb_text_score(weight, count, mb_text_columns_words(&s->chunk->columns, at, count));
}

static uint64_t seek_part(mb_text_source *s, uint32_t from)
{
    const mb_text_directory *d = &s->directory;
    while (s->part < d->count && d->parts[s->part].last < from) {
        s->part++;
        s->loaded = false;
    }
    if (s->part == d->count)
        return NONE;
    if (!s->loaded)
        return d->parts[s->part].first > from ? d->parts[s->part].first : from;
    skip_postings(s, from);
    return s->at < s->count ? s->chunk->serials[s->at] : from;
}

uint64_t mb_text_source_seek(mb_text_source *s, uint32_t from)
{
    if (s->next >= from && s->next > 0)
        return s->next;
    if (is_long(s)) {
        s->next = seek_part(s, from);
    } else {
        skip_postings(s, from);
        s->next = s->at < s->count ? s->items[s->at].serial : NONE;
    }
    return s->next;
}

uint32_t mb_text_source_bound(const mb_text_source *s, uint32_t to)
{
    uint32_t bound = 0;
    if (s->next > to)
        return 0;
    if (!is_long(s))
        return s->most;
    for (size_t i = s->part; i < s->directory.count; i++) {
        if (s->directory.parts[i].first > to)
            break;
        if (s->bounds[i] > bound)
            bound = s->bounds[i];
    }
    return bound;
}

static bool load(mb_reader *r, mb_text_source *s)
{
    const mb_text_part *part = &s->directory.parts[s->part];
    if (s->loaded)
        return true;
    if (s->chunk == NULL)
        s->chunk = sqlite3_malloc64(sizeof *s->chunk);
    if (s->chunk == NULL)
        return mb_reader_no_memory(r);
    if (!mb_text_chunk_read(r, s->segment, s->list, part, s->chunk))
        return false;
    s->count = part->count;
    s->at = 0;
    s->loaded = true;
    return true;
}

static void add(mb_text_source *s, const mb_text_weight *weight, uint32_t from, uint32_t to,
                uint32_t *scores, uint64_t *touched)
{
    size_t i;
    skip_postings(s, from);
    for (i = s->at; i < s->count && serial_at(s, i) <= to; i++) {
        uint32_t text = serial_at(s, i) - from;
        scores[text] += score_at(s, weight, i);
        touched[text / 64] |= UINT64_C(1) << text % 64;
    }
    s->at = i;
}

static bool add_parts(mb_reader *r, mb_text_source *s, const mb_text_weight *weight,
                      int64_t idle, uint32_t from, uint32_t to, uint32_t *scores,
                      uint64_t *touched)
{
    const mb_text_directory *d = &s->directory;
    while (s->part < d->count && d->parts[s->part].first <= to) {
        if (s->bounds[s->part] > idle) {
            if (!load(r, s))
                return false;
            add(s, weight, from, to, scores, touched);
        }
        if (d->parts[s->part].last > to)
            break;
        s->part++;
        s->loaded = false;
    }
    return true;
}

bool mb_text_source_add(mb_reader *r, mb_text_source *s, const mb_text_weight *weight,
                        int64_t idle, uint32_t from, uint32_t to, uint32_t *scores,
                        uint64_t *touched)
{
    if (s->next > to)
        return true;
    if (is_long(s))
        return add_parts(r, s, weight, idle, from, to, scores, touched);
    add(s, weight, from, to, scores, touched);
    return true;
}

static void probe(mb_text_source *s, const mb_text_weight *weight, mb_text_candidate *text)
{
    skip_postings(s, text->serial);
    if (s->at < s->count && serial_at(s, s->at) == text->serial)
        text->score += score_at(s, weight, s->at);
}

static bool probe_parts(mb_reader *r, mb_text_source *s, const mb_text_weight *weight,
                        int64_t idle, mb_text_candidate *texts, size_t count)
{
    const mb_text_directory *d = &s->directory;
    for (size_t i = 0; i < count; i++) {
        seek_part(s, texts[i].serial);
        if (s->part == d->count)
            return true;
        if (d->parts[s->part].first > texts[i].serial ||
            (int64_t)texts[i].score + s->bounds[s->part] <= idle)
            continue;
        if (!load(r, s))
            return false;
        probe(s, weight, &texts[i]);
    }
    return true;
}

bool mb_text_source_probe(mb_reader *r, mb_text_source *s, const mb_text_weight *weight,
                          int64_t idle, mb_text_candidate *texts, size_t count)
{
    if (count == 0 || s->next > texts[count - 1].serial)
        return true;
    if (is_long(s))
        return probe_parts(r, s, weight, idle, texts, count);
    for (size_t i = 0; i < count; i++)
        probe(s, weight, &texts[i]);
    return true;
}

void mb_text_source_free(mb_text_source *s)
{
    sqlite3_free(s->items);
    sqlite3_free(s->chunk);
    sqlite3_free(s->bounds);
    mb_text_directory_free(&s->directory);
    memset(s, 0, sizeof *s);
}
