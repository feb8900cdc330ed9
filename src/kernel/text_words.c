#include "kernel/text_words.h"

#include <string.h>

#include "kernel/text_stem.h"
#include "kernel/text_table.h"
#include "kernel/utf8.h"

// Of ASCII characters: the small letter or digit, 0 for a separator.
// clang-format off
static const char ascii[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 0, 0, 0, 0, 0, 0,
    0, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 0, 0, 0, 0, 0,
    0, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 0, 0, 0, 0, 0,
};
// clang-format on

enum { QUOTE = 0x2019, MODIFIER_QUOTE = 0x2BC, WIDE = 0xFF01, WIDE_END = 0xFF5F };

// A character as the text has it.
typedef struct letter {
    mb_text_class class; // what it is
    size_t size;         // its bytes in the text
    uint32_t code;       // folded, when it is of a word
    uint32_t second;     // of two letters that it stands for; 0: one
} letter;

static uint32_t decode(const char *p, size_t size)
{
    const unsigned char *s = (const unsigned char *)p;
    if (size == 2)
        return (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu);
    if (size == 3)
        return (s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    return (s[0] & 0x07u) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
}

static mb_text_class class_of(uint32_t code)
{
    size_t low = 0, high = mb_text_class_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (mb_text_classes[middle] >> 2 <= code)
            low = middle;
        else
            high = middle;
    }
    return (mb_text_class)(mb_text_classes[low] & 3);
}

static uint32_t small(uint32_t code)
{
    size_t low = 0, high = mb_text_case_run_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const mb_text_case_run *run = &mb_text_case_runs[middle];
        if (code > run->last)
            low = middle + 1;
        else if (code < run->first)
            high = middle;
        else
            return (code - run->first) % run->step == 0 ? code + (uint32_t)run->distance : code;
    }
    return code;
}

static void fold_in_block(letter *l, uint16_t folded)
{
    l->class = folded == 0 ? MB_TEXT_SEPARATOR : folded == 1 ? MB_TEXT_SKIPPED : MB_TEXT_WORD;
    l->code = folded;
    if (folded >= MB_TEXT_PAIRS) {
        uint32_t pair = mb_text_pairs[folded - MB_TEXT_PAIRS];
        l->code = pair >> 16;
        l->second = pair & 0xFFFF;
    }
}

static void fold(letter *l, uint32_t code)
{
    l->code = code;
    if (code >= MB_TEXT_BLOCK1 && code < MB_TEXT_BLOCK1_END) {
        fold_in_block(l, mb_text_folded[code - MB_TEXT_BLOCK1]);
    } else if (code >= MB_TEXT_BLOCK2 && code < MB_TEXT_BLOCK2_END) {
        fold_in_block(
            l, mb_text_folded[code - MB_TEXT_BLOCK2 + MB_TEXT_BLOCK1_END - MB_TEXT_BLOCK1]);
    } else if (code >= WIDE && code < WIDE_END) {
        l->code = (unsigned char)ascii[code - WIDE + '!'];
        l->class = l->code != 0 ? MB_TEXT_WORD : MB_TEXT_SEPARATOR;
    } else {
        l->class = class_of(code);
        if (l->class == MB_TEXT_WORD)
            l->code = small(code);
    }
}

// The character at p, which is before the end.
static letter read_letter(const char *p, const char *end)
{
    letter l = { .class = MB_TEXT_SEPARATOR, .size = 1 };
    if ((unsigned char)*p < 0x80) {
        l.code = (unsigned char)ascii[(unsigned char)*p];
        l.class = l.code != 0 ? MB_TEXT_WORD : MB_TEXT_SEPARATOR;
        return l;
    }
    size_t size = mb_utf8_sequence(p, end);
    if (size > 0) {
        l.size = size;
        fold(&l, decode(p, size));
    }
    return l;
}

static void append(mb_text_reader *r, uint32_t code)
{
    if (code != 0 && r->length < MB_TEXT_WORD_MAX)
        r->length += mb_utf8_write(r->word + r->length, code);
}

static bool is_apostrophe(const char *p, const char *end, size_t *size)
{
    *size = 1;
    if (*p == '\'')
        return true;
    if ((unsigned char)*p < 0x80)
        return false;
    *size = mb_utf8_sequence(p, end);
    uint32_t code = *size > 0 ? decode(p, *size) : 0;
    return code == QUOTE || code == MODIFIER_QUOTE;
}

// Collects letters until something else comes; gives where an apostrophe was, 0: nowhere.
static size_t collect(mb_text_reader *r)
{
    size_t apostrophe = 0, size;
    const char *p = r->at;
    while (p < r->end) {
        unsigned char byte = (unsigned char)*p;
        if (byte < 0x80 && ascii[byte] != 0) {
            if (r->length < MB_TEXT_WORD_MAX)
                r->word[r->length++] = ascii[byte];
            p++;
        } else if (is_apostrophe(p, r->end, &size) && p + size < r->end &&
                   read_letter(p + size, r->end).class == MB_TEXT_WORD) {
            apostrophe = r->length;
            p += size;
        } else {
            letter l = read_letter(p, r->end);
            if (l.class != MB_TEXT_WORD && l.class != MB_TEXT_SKIPPED)
                break;
            if (l.class == MB_TEXT_WORD) {
                append(r, l.code);
                append(r, l.second);
            }
            p += l.size;
        }
    }
    r->at = p;
    return apostrophe;
}

static bool is_one_of(const char *word, size_t length, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strlen(*list) == length && memcmp(*list, word, length) == 0)
            return true;
    }
    return false;
}

// I'm, we'll, Ann's: what follows goes. l'amour, qu'il: what comes before goes. Else (don't,
// O'Brien) it is one word.
static void part(mb_text_reader *r, size_t apostrophe)
{
    static const char *const endings[] = { "s", "m", "d", "re", "ve", "ll", NULL };
    static const char *const articles[] = { "l", "d",  "j",    "n",    "s",     "m", "t",
                                            "c", "qu", "dell", "nell", "jusqu", NULL };
    size_t rest = r->length - apostrophe;
    if (is_one_of(r->word + apostrophe, rest, endings)) {
        r->length = apostrophe;
    } else if (rest > 1 && is_one_of(r->word, apostrophe, articles)) {
        memmove(r->word, r->word + apostrophe, rest);
        r->length = rest;
    }
}

static bool next_word(mb_text_reader *r)
{
    r->length = 0;
    r->first = (size_t)(r->at - r->begin);
    size_t apostrophe = collect(r);
    r->last = (size_t)(r->at - r->begin);
    if (apostrophe > 0)
        part(r, apostrophe);
    r->length = mb_text_stem(r->word, r->length);
    return r->length > 0;
}

static void give(mb_text_reader *r, const char *p, size_t size)
{
    r->first = (size_t)(p - r->begin);
    r->last = r->first + size;
    r->length = size;
    memcpy(r->word, p, size);
}

// Bytes of the character at p if it is of a spaceless script, else 0.
static size_t spaceless(const mb_text_reader *r, const char *p)
{
    if (p == r->end)
        return 0;
    letter l = read_letter(p, r->end);
    return l.class == MB_TEXT_SPACELESS ? l.size : 0;
}

// The character of a spaceless script at `at`: with the one behind it; or alone, unless it was
// given already. False when there is nothing to give.
static bool next_pair(mb_text_reader *r, size_t size)
{
    const char *p = r->at;
    bool given = r->singles || r->in_run;
    if (r->singles && !r->single_given) {
        r->single_given = true;
        give(r, p, size);
        return true;
    }
    size_t other = spaceless(r, p + size);
    r->at = p + size;
    r->single_given = false;
    r->in_run = other > 0;
    if (other == 0 && given)
        return false;
    give(r, p, size + other);
    return true;
}

void mb_text_open(mb_text_reader *r, const char *text, size_t length, bool singles)
{
    r->begin = r->at = text;
    r->end = text + length;
    r->singles = singles;
    r->single_given = r->in_run = false;
    r->length = r->first = r->last = 0;
}

bool mb_text_next(mb_text_reader *r)
{
    while (r->at < r->end) {
        letter l = read_letter(r->at, r->end);
        if (l.class == MB_TEXT_SPACELESS) {
            if (next_pair(r, l.size))
                return true;
        } else if (l.class == MB_TEXT_WORD) {
            if (next_word(r))
                return true;
        } else {
            r->at += l.size;
        }
    }
    return false;
}

uint64_t mb_text_hash(const char *word, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)word[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}
