#include "kernel/text_reading.h"

#include <string.h>

#include "kernel/text_weight.h"
#include "kernel/text_words.h"

// The share in what was said so many texts before: answers follow questions. And in what was
// said so many texts later.
static const double after[] = { 1, 0.8, 0.56, 0.39 };
static const double before[] = { 1, 0.5, 0.35, 0.25 };

#define QUESTION 0.8 // what asks seldom answers
#define SHORT 2.0    // of so many words, half is shared with it: "Thanks!" tells little

typedef struct word_value {
    uint32_t count; // how often the word is in the text
    float found;    // what it is worth there, its neighbours included
} word_value;

// A text that was read; its word_values follow it.
typedef struct text {
    uint32_t words;
    bool neighbour; // of the one before
    bool any;       // of the words is in it
    double own;     // how much what is in it counts,
    double open;    // and what is next to it
} text;

static unsigned char lower(unsigned char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + 'a' - 'A') : byte;
}

// A bit for the second character of a word: none for what is not ASCII. What ends in y may end
// in i without its ending ("lying", "lie").
static uint64_t second_bit(unsigned char byte)
{
    byte = lower(byte);
    if (byte >= '0' && byte <= '9')
        return (uint64_t)1 << (byte - '0');
    if (byte >= 'a' && byte <= 'z')
        return (uint64_t)1 << (10 + (byte == 'y' ? 'i' : byte) - 'a');
    return (uint64_t)1 << 63;
}

void mb_reading_open(mb_reading *reading, const mb_reading_word *words, size_t count,
                     mb_allocator allocator)
{
    reading->words = words;
    reading->word_count = count;
    reading->count = 0;
    memset(reading->begins, 0, sizeof reading->begins);
    for (size_t i = 0; i < count; i++) {
        unsigned char first = lower(words[i].first);
        if (first < 128)
            reading->begins[first] |= second_bit(words[i].second);
    }
    mb_buffer_init(&reading->texts, allocator);
}

void mb_reading_close(mb_reading *reading)
{
    mb_buffer_free(&reading->texts);
}

static size_t record_size(const mb_reading *reading)
{
    return sizeof(text) + reading->word_count * sizeof(word_value);
}

static text *text_at(const mb_reading *reading, size_t i)
{
    return (text *)(void *)(reading->texts.data + i * record_size(reading));
}

static word_value *values_of(text *t)
{
    return (word_value *)(void *)(t + 1);
}

// Whether it ends with a question mark, of ASCII or of full width.
static bool is_question(const char *bytes, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", bytes[length - 1]) != NULL)
        length--;
    return (length >= 1 && bytes[length - 1] == '?') ||
           (length >= 3 && memcmp(bytes + length - 3, "\xEF\xBC\x9F", 3) == 0);
}

// Counts the words of a piece of a text.
static void count_words(const mb_reading *reading, text *t, const char *bytes, size_t length)
{
    mb_text_reader reader;
    mb_text_open(&reader, bytes, length, false);
    while (mb_text_next(&reader)) {
        uint64_t hash = mb_text_hash(reader.word, reader.length);
        t->words++;
        for (size_t i = 0; i < reading->word_count; i++) {
            if (reading->words[i].hash == hash) {
                values_of(t)[i].count++;
                t->any = true;
            }
        }
    }
}

static bool is_plain(unsigned char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

// Whether an ASCII word begins like one that is looked for. The tokenizer cuts endings, never
// beginnings. What has an apostrophe there is looked at.
static bool may_match(const mb_reading *reading, const unsigned char *p, size_t length)
{
    if (length > 1 && !is_plain(p[1]))
        return true;
    return (reading->begins[lower(p[0])] & second_bit(length > 1 ? p[1] : 0)) != 0;
}

static void count_all(const mb_reading *reading, text *t, const char *bytes, size_t length)
{
    const unsigned char *p = (const unsigned char *)bytes, *end = p + length;
    while (p < end) {
        const unsigned char *begin = p;
        bool ascii = true;
        for (; p < end && (is_plain(*p) || *p == '\'' || *p >= 128); p++)
            ascii = ascii && *p < 128;
        size_t size = (size_t)(p - begin);
        if (size == 0)
            p++;
        else if (!ascii || !is_plain(*begin) || may_match(reading, begin, size))
            count_words(reading, t, (const char *)begin, size);
        else
            t->words++;
    }
}

bool mb_reading_add(mb_reading *reading, const char *bytes, size_t length, bool neighbour)
{
    size_t size = record_size(reading);
    if (!mb_buffer_reserve(&reading->texts, size))
        return false;
    text *t = text_at(reading, reading->count++);
    reading->texts.length += size;
    memset(t, 0, size);
    t->neighbour = neighbour;
    count_all(reading, t, bytes, length);
    t->own = is_question(bytes, length) ? QUESTION : 1;
    t->open = t->own * t->words / (t->words + SHORT);
    return true;
}

static void share(text *t, size_t word, double value)
{
    word_value *v = &values_of(t)[word];
    if ((float)value > v->found)
        v->found = (float)value;
}

// Lets the neighbours of a text share in a word of it.
static void spread(const mb_reading *reading, size_t at, size_t word, double value)
{
    share(text_at(reading, at), word, value * text_at(reading, at)->own);
    for (size_t i = 1; i <= MB_READING_REACH && at + i < reading->count; i++) {
        text *t = text_at(reading, at + i);
        if (!t->neighbour)
            break;
        share(t, word, value * after[i] * t->open);
    }
    for (size_t i = 1; i <= MB_READING_REACH && i <= at; i++) {
        if (!text_at(reading, at - i + 1)->neighbour)
            break;
        text *t = text_at(reading, at - i);
        share(t, word, value * before[i] * t->open);
    }
}

static double average_words(const mb_reading *reading)
{
    double sum = 0;
    for (size_t i = 0; i < reading->count; i++)
        sum += text_at(reading, i)->words;
    return sum > 0 ? sum / (double)reading->count : 1;
}

static void spread_all(const mb_reading *reading)
{
    double average = average_words(reading);
    for (size_t i = 0; i < reading->count; i++) {
        text *t = text_at(reading, i);
        double norm = MB_TEXT_K1 * (1 - MB_TEXT_B + MB_TEXT_B * t->words / average);
        for (size_t j = 0; t->any && j < reading->word_count; j++) {
            uint32_t count = values_of(t)[j].count;
            if (count > 0)
                spread(reading, i, j, count * (MB_TEXT_K1 + 1) / (count + norm));
        }
    }
}

void mb_reading_shares(mb_reading *reading, double *shares)
{
    double total = 0;
    for (size_t j = 0; j < reading->word_count; j++)
        total += reading->words[j].rarity * (MB_TEXT_K1 + 1);
    spread_all(reading);
    for (size_t i = 0; i < reading->count; i++) {
        double sum = 0;
        for (size_t j = 0; j < reading->word_count; j++)
            sum += reading->words[j].rarity * values_of(text_at(reading, i))[j].found;
        shares[i] = total > 0 ? sum / total : 0;
    }
}
