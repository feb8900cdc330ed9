#include "kernel/embed_hash.h"

#include <math.h>
#include <string.h>

#include "kernel/text_stop.h"
#include "kernel/text_words.h"

// A word weighs this much, and each run of its characters a fifth: related words meet in their
// runs. Words that tell nothing count where there are no others.
enum { WORD = 1000, RUN = 200, STOP = 40 };

// What a feature adds grows with the square root of its weight, in these parts.
#define PARTS 1024.0

// Squares of as many as this, 65536 of them, have a sum of 64 bits.
enum { MOST = 1 << 23 };

enum {
    SHORTEST_RUN = 3,
    LONGEST_RUN = 4,
    LONGEST_WORD = MB_TEXT_WORD_MAX + 16,
    FIRST_SLOTS = 256
};

typedef struct feature {
    uint64_t hash;   // 0: no feature
    uint64_t weight; // the more often it occurs the greater
} feature;

void mb_embed_hash_init(mb_embed_hash *embed, mb_allocator allocator)
{
    mb_buffer_init(&embed->table, allocator);
    embed->count = embed->slots = 0;
}

void mb_embed_hash_free(mb_embed_hash *embed)
{
    mb_buffer_free(&embed->table);
    embed->count = embed->slots = 0;
}

// FNV-1a, stirred at the end so that all bits depend on all bytes. Never 0.
static uint64_t hash_of(const char *bytes, size_t length, uint64_t kind)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ kind;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (hash ^ hash >> 33) | 1 << 8;
}

static feature *find(feature *table, size_t slots, uint64_t hash)
{
    size_t at = (size_t)hash & (slots - 1);
    while (table[at].hash != 0 && table[at].hash != hash)
        at = (at + 1) & (slots - 1);
    return &table[at];
}

// Moves the features to a table of twice the size.
static bool grow(mb_embed_hash *embed)
{
    size_t slots = embed->slots > 0 ? 2 * embed->slots : FIRST_SLOTS;
    mb_buffer larger;
    mb_buffer_init(&larger, embed->table.allocator);
    if (!mb_buffer_reserve(&larger, slots * sizeof(feature)))
        return false;
    feature *to = (feature *)(void *)larger.data;
    const feature *from = (const feature *)(const void *)embed->table.data;
    memset(to, 0, slots * sizeof *to);
    for (size_t i = 0; i < embed->slots; i++) {
        if (from[i].hash != 0)
            *find(to, slots, from[i].hash) = from[i];
    }
    mb_buffer_free(&embed->table);
    embed->table = larger;
    embed->slots = slots;
    return true;
}

static bool add(mb_embed_hash *embed, uint64_t hash, uint64_t weight)
{
    if (2 * embed->count >= embed->slots && !grow(embed))
        return false;
    feature *f = find((feature *)(void *)embed->table.data, embed->slots, hash);
    embed->count += f->hash == 0;
    f->hash = hash;
    f->weight += weight;
    return true;
}

// A word between marks of its beginning and its end, and where its characters begin.
typedef struct framed {
    char bytes[LONGEST_WORD + 2]; // the frame
    size_t starts[LONGEST_WORD + 3];
    size_t count; // of characters, marks included
} framed;

static void frame(framed *f, const char *word, size_t length)
{
    f->bytes[0] = '^';
    memcpy(f->bytes + 1, word, length);
    f->bytes[length + 1] = '$';
    f->count = 0;
    for (size_t i = 0; i < length + 2; i++) {
        if (((unsigned char)f->bytes[i] & 0xC0) != 0x80)
            f->starts[f->count++] = i;
    }
    f->starts[f->count] = length + 2;
}

static bool add_runs(mb_embed_hash *embed, const char *word, size_t length)
{
    framed f;
    frame(&f, word, length);
    for (size_t run = SHORTEST_RUN; run <= LONGEST_RUN; run++) {
        for (size_t i = 0; i + run <= f.count; i++) {
            size_t first = f.starts[i], end = f.starts[i + run];
            if (!add(embed, hash_of(f.bytes + first, end - first, run), RUN))
                return false;
        }
    }
    return true;
}

bool mb_embed_hash_text(mb_embed_hash *embed, const char *text, size_t length)
{
    mb_text_reader reader;
    mb_text_open(&reader, text, length, false);
    while (mb_text_next(&reader)) {
        bool stop = mb_text_is_stop(reader.word, reader.length);
        uint64_t hash = hash_of(reader.word, reader.length, 0);
        if (!add(embed, hash, stop ? STOP : WORD))
            return false;
        if (!stop && !add_runs(embed, reader.word, reader.length))
            return false;
    }
    return true;
}

// Exact, but of sums that only a text of gigabytes has.
static double length_of(const int64_t *sums, size_t dim)
{
    int64_t greatest = 0, unit = 1;
    uint64_t squares = 0;
    for (size_t i = 0; i < dim; i++) {
        int64_t size = sums[i] < 0 ? -sums[i] : sums[i];
        greatest = size > greatest ? size : greatest;
    }
    while (greatest / unit > MOST)
        unit *= 2;
    for (size_t i = 0; i < dim; i++)
        squares += (uint64_t)(sums[i] / unit * (sums[i] / unit));
    return (double)unit * sqrt((double)squares);
}

double mb_embed_hash_sum(const mb_embed_hash *embed, int64_t *sums, size_t dim)
{
    const feature *table = (const feature *)(const void *)embed->table.data;
    for (size_t i = 0; i < embed->slots; i++) {
        if (table[i].hash == 0)
            continue;
        int64_t part = (int64_t)(sqrt((double)table[i].weight) * PARTS);
        size_t place = (size_t)((table[i].hash >> 32) * dim >> 32);
        sums[place] += table[i].hash & 1 ? part : -part;
    }
    return length_of(sums, dim);
}
