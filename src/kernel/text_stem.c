#include "kernel/text_stem.h"

#include <string.h>

// The word that is cut. A y that is a consonant is a Y meanwhile.
typedef struct stem {
    char *word;
    size_t length;
    size_t r1; // the region behind the first consonant that follows a vowel
    size_t r2; // the same again, within r1
} stem;

// An ending and what takes its place.
typedef struct rule {
    const char *ending;
    size_t length;       // of the ending
    const char *instead; // NULL: nothing, but only in r2
} rule;

#define RULE(ending, instead)                                                                  \
    {                                                                                          \
        (ending), sizeof(ending) - 1, (instead)                                                \
    }
#define LAST_RULE                                                                              \
    {                                                                                          \
        NULL, 0, NULL                                                                          \
    }

static bool is_vowel(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

static bool ends_in(const stem *s, const char *ending, size_t n)
{
    return s->length >= n && s->word[s->length - 1] == ending[n - 1] &&
           memcmp(s->word + s->length - n, ending, n) == 0;
}

#define ENDS(s, ending) ends_in(s, (ending), sizeof(ending) - 1)

// Where the region behind the first consonant that follows a vowel begins, from `at` on.
static size_t region(const stem *s, size_t at)
{
    while (at < s->length && !is_vowel(s->word[at]))
        at++;
    while (at < s->length && is_vowel(s->word[at]))
        at++;
    return at < s->length ? at + 1 : at;
}

static void find_regions(stem *s)
{
    static const char *const prefixes[] = { "gener", "commun", "arsen" };
    s->r1 = region(s, 0);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t n = strlen(prefixes[i]);
        if (s->length >= n && memcmp(s->word, prefixes[i], n) == 0)
            s->r1 = n;
    }
    s->r2 = region(s, s->r1);
}

// Whether there is a vowel among the first `length` letters.
static bool has_vowel(const stem *s, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (is_vowel(s->word[i]))
            return true;
    }
    return false;
}

// Whether the first `length` letters end in a short syllable.
static bool is_short(const stem *s, size_t length)
{
    const char *w = s->word;
    if (length == 2)
        return is_vowel(w[0]) && !is_vowel(w[1]);
    if (length < 3)
        return false;
    char last = w[length - 1];
    return !is_vowel(w[length - 3]) && is_vowel(w[length - 2]) && !is_vowel(last) &&
           last != 'w' && last != 'x' && last != 'Y';
}

static void replace(stem *s, const rule *found)
{
    size_t n = strlen(found->instead);
    s->length -= found->length;
    memcpy(s->word + s->length, found->instead, n);
    s->length += n;
}

// Which letters the endings of a list end in.
#define LETTER(c) (UINT32_C(1) << ((c) - 'a'))

// The rule of the longest ending that the word has, no more of it than lies behind `from`: the
// first one in the list. Endings have two letters at least.
static const rule *find_rule(const stem *s, const rule *rules, uint32_t letters, size_t from)
{
    if (s->length < from + 2)
        return NULL;
    char last = s->word[s->length - 1], before = s->word[s->length - 2];
    if (last < 'a' || (letters & LETTER(last)) == 0)
        return NULL;
    for (; rules->ending != NULL; rules++) {
        const char *tail = rules->ending + rules->length - 2;
        if (tail[1] == last && tail[0] == before && ends_in(s, rules->ending, rules->length))
            return rules;
    }
    return NULL;
}

static void plural(stem *s)
{
    if (ENDS(s, "sses")) {
        s->length -= 2;
    } else if (ENDS(s, "ied") || ENDS(s, "ies")) {
        s->length -= s->length > 4 ? 2 : 1;
    } else if (!ENDS(s, "us") && !ENDS(s, "ss") && ENDS(s, "s") && s->length > 2 &&
               has_vowel(s, s->length - 2)) {
        s->length--;
    }
}

// After "ed" or "ing" went: hop(p)ing, hop(e)ing, conflat(e)ed.
static void mend(stem *s)
{
    char last = s->word[s->length - 1];
    bool twice = s->length > 1 && last == s->word[s->length - 2];
    bool cut = ENDS(s, "at") || ENDS(s, "bl") || ENDS(s, "iz");
    if (!cut && twice && strchr("bdfgmnprt", last) != NULL)
        s->length--;
    else if (cut || (s->r1 >= s->length && is_short(s, s->length)))
        s->word[s->length++] = 'e';
}

static void past(stem *s)
{
    static const rule rules[] = {
        RULE("eedly", "ee"), RULE("ingly", ""), RULE("edly", ""), RULE("eed", "ee"),
        RULE("ing", ""),     RULE("ed", ""),    LAST_RULE
    };
    const rule *found = find_rule(s, rules, LETTER('d') | LETTER('g') | LETTER('y'), 0);
    if (found == NULL)
        return;
    size_t rest = s->length - found->length;
    if (found->instead[0] != '\0') {
        if (rest >= s->r1)
            replace(s, found);
    } else if (has_vowel(s, rest)) {
        s->length = rest;
        mend(s);
    }
}

static void final_y(stem *s)
{
    char *last = &s->word[s->length - 1];
    if (s->length > 2 && (*last == 'y' || *last == 'Y') && !is_vowel(last[-1]))
        *last = 'i';
}

static void derived(stem *s)
{
    static const rule rules[] = { RULE("ational", "ate"),
                                  RULE("fulness", "ful"),
                                  RULE("iveness", "ive"),
                                  RULE("ization", "ize"),
                                  RULE("ousness", "ous"),
                                  RULE("biliti", "ble"),
                                  RULE("lessli", "less"),
                                  RULE("tional", "tion"),
                                  RULE("alism", "al"),
                                  RULE("aliti", "al"),
                                  RULE("ation", "ate"),
                                  RULE("entli", "ent"),
                                  RULE("fulli", "ful"),
                                  RULE("iviti", "ive"),
                                  RULE("ousli", "ous"),
                                  RULE("abli", "able"),
                                  RULE("alli", "al"),
                                  RULE("anci", "ance"),
                                  RULE("ator", "ate"),
                                  RULE("enci", "ence"),
                                  RULE("izer", "ize"),
                                  RULE("bli", "ble"),
                                  RULE("ogi", "og"),
                                  RULE("li", ""),
                                  LAST_RULE };
    const rule *found = find_rule(s, rules,
                                  LETTER('i') | LETTER('l') | LETTER('m') | LETTER('n') |
                                      LETTER('r') | LETTER('s'),
                                  s->r1);
    if (found == NULL)
        return;
    size_t rest = s->length - found->length;
    char before = rest > 0 ? s->word[rest - 1] : ' ';
    if (rest < s->r1 || (strcmp(found->ending, "ogi") == 0 && before != 'l') ||
        (strcmp(found->ending, "li") == 0 && strchr("cdeghkmnrt", before) == NULL))
        return;
    replace(s, found);
}

static void derived_further(stem *s)
{
    static const rule rules[] = { RULE("ational", "ate"), RULE("tional", "tion"),
                                  RULE("alize", "al"),    RULE("ative", NULL),
                                  RULE("icate", "ic"),    RULE("iciti", "ic"),
                                  RULE("ical", "ic"),     RULE("ness", ""),
                                  RULE("ful", ""),        LAST_RULE };
    const rule *found =
        find_rule(s, rules, LETTER('e') | LETTER('i') | LETTER('l') | LETTER('s'), s->r1);
    if (found == NULL)
        return;
    size_t rest = s->length - found->length;
    if (found->instead == NULL && rest >= s->r2)
        s->length = rest;
    else if (found->instead != NULL && rest >= s->r1)
        replace(s, found);
}

static void suffix(stem *s)
{
    static const rule rules[] = { RULE("ement", ""), RULE("able", ""), RULE("ance", ""),
                                  RULE("ence", ""),  RULE("ible", ""), RULE("ment", ""),
                                  RULE("ant", ""),   RULE("ate", ""),  RULE("ent", ""),
                                  RULE("ion", ""),   RULE("ism", ""),  RULE("iti", ""),
                                  RULE("ive", ""),   RULE("ize", ""),  RULE("ous", ""),
                                  RULE("al", ""),    RULE("er", ""),   RULE("ic", ""),
                                  LAST_RULE };
    const rule *found =
        find_rule(s, rules,
                  LETTER('c') | LETTER('e') | LETTER('i') | LETTER('l') | LETTER('m') |
                      LETTER('n') | LETTER('r') | LETTER('s') | LETTER('t'),
                  s->r2);
    if (found == NULL)
        return;
    size_t rest = s->length - found->length;
    bool ion = strcmp(found->ending, "ion") == 0;
    char before = rest > 0 ? s->word[rest - 1] : ' ';
    if (rest >= s->r2 && (!ion || before == 's' || before == 't'))
        s->length = rest;
}

static void final_e(stem *s)
{
    size_t rest = s->length - 1;
    bool e = ENDS(s, "e") && (rest >= s->r2 || (rest >= s->r1 && !is_short(s, rest)));
    if (e || (ENDS(s, "ll") && rest >= s->r2))
        s->length = rest;
}

// Letters of the longest exception.
enum { EXCEPTION_MAX = 6 };

static bool is_exception(stem *s)
{
    static const rule rules[] = { RULE("skis", "ski"),
                                  RULE("skies", "sky"),
                                  RULE("dying", "die"),
                                  RULE("lying", "lie"),
                                  RULE("tying", "tie"),
                                  RULE("idly", "idl"),
                                  RULE("gently", "gentl"),
                                  RULE("ugly", "ugli"),
                                  RULE("early", "earli"),
                                  RULE("only", "onli"),
                                  RULE("singly", "singl"),
                                  RULE("sky", "sky"),
                                  RULE("news", "news"),
                                  RULE("howe", "howe"),
                                  RULE("atlas", "atlas"),
                                  RULE("cosmos", "cosmos"),
                                  RULE("bias", "bias"),
                                  RULE("andes", "andes"),
                                  LAST_RULE };
    const rule *found =
        s->length <= EXCEPTION_MAX
            ? find_rule(s, rules, LETTER('e') | LETTER('g') | LETTER('s') | LETTER('y'), 0)
            : NULL;
    if (found == NULL || found->length != s->length)
        return false;
    replace(s, found);
    return true;
}

static bool is_finished(const stem *s)
{
    static const rule words[] = { RULE("inning", ""),  RULE("outing", ""),  RULE("canning", ""),
                                  RULE("herring", ""), RULE("earring", ""), RULE("proceed", ""),
                                  RULE("exceed", ""),  RULE("succeed", ""), LAST_RULE };
    const rule *found = s->length > 5 && s->length < 8
                            ? find_rule(s, words, LETTER('d') | LETTER('g'), 0)
                            : NULL;
    return found != NULL && found->length == s->length;
}

static void mark_consonants(stem *s)
{
    for (size_t i = 0; i < s->length; i++) {
        if (s->word[i] == 'y' && (i == 0 || is_vowel(s->word[i - 1])))
            s->word[i] = 'Y';
    }
}

static void unmark(stem *s)
{
    for (size_t i = 0; i < s->length; i++) {
        if (s->word[i] == 'Y')
            s->word[i] = 'y';
    }
}

size_t mb_text_stem(char *word, size_t length)
{
    stem s = { .word = word, .length = length };
    for (size_t i = 0; i < length; i++) {
        if (word[i] < 'a' || word[i] > 'z')
            return length;
    }
    if (length <= 2 || is_exception(&s))
        return s.length;
    mark_consonants(&s);
    find_regions(&s);
    plural(&s);
    if (!is_finished(&s)) {
        past(&s);
        final_y(&s);
        derived(&s);
        derived_further(&s);
        suffix(&s);
        final_e(&s);
    }
    unmark(&s);
    return s.length;
}
