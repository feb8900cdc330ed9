#include "kernel/text_stop.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 8 };

// In the order of their bytes, without case and endings.
static const char words[][LONGEST + 1] = {
    "a",     "about",   "after",  "again",    "all",   "also",   "am",      "an",     "and",
    "ani",   "are",     "arent",  "as",       "at",    "be",     "becaus",  "been",   "befor",
    "both",  "but",     "by",     "can",      "cant",  "could",  "couldnt", "d",      "did",
    "didnt", "do",      "doe",    "doesnt",   "dont",  "dure",   "each",    "few",    "for",
    "from",  "further", "had",    "hadnt",    "has",   "hasnt",  "have",    "havent", "he",
    "her",   "here",    "him",    "his",      "how",   "i",      "if",      "in",     "into",
    "is",    "isnt",    "it",     "just",     "ll",    "m",      "me",      "more",   "most",
    "my",    "no",      "nor",    "not",      "now",   "of",     "off",     "on",     "onc",
    "onli",  "or",      "other",  "our",      "out",   "over",   "own",     "re",     "s",
    "same",  "she",     "should", "shouldnt", "so",    "some",   "such",    "t",      "than",
    "that",  "the",     "their",  "them",     "then",  "there",  "these",   "they",   "this",
    "those", "through", "to",     "too",      "under", "until",  "up",      "us",     "ve",
    "veri",  "was",     "wasnt",  "we",       "were",  "werent", "what",    "when",   "where",
    "whi",   "which",   "while",  "who",      "whom",  "whose",  "will",    "with",   "wont",
    "would", "wouldnt", "you",    "your",
};

static int compare(const void *key, const void *word)
{
    return strcmp(key, word);
}

bool mb_text_is_stop(const char *word, size_t length)
{
    char key[LONGEST + 1];
    if (length > LONGEST)
        return false;
    memcpy(key, word, length);
    key[length] = 0;
    return bsearch(key, words, sizeof words / sizeof *words, sizeof *words, compare) != NULL;
}
