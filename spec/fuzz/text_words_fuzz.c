// Any bytes through the tokenizer. It ends; its words are UTF-8, not empty, in order and inside
// the text; a document has all words of the same text as a query, and the terms add up to them.

#include "fuzz.h"
#include "kernel/text_match.h"
#include "kernel/text_words.h"
#include "kernel/utf8.h"

static size_t count_words(const char *text, size_t size, bool singles)
{
    mb_text_reader r;
    size_t count = 0, before = 0;
    mb_text_open(&r, text, size, singles);
    while (mb_text_next(&r)) {
        require(r.length > 0 && r.length <= sizeof r.word);
        require(mb_utf8_valid(r.word, r.length));
        require(r.first < r.last && r.last <= size && r.first >= before);
        before = r.first;
        count++;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    mb_text_terms terms;
    mb_buffer_init(&terms.items, (mb_allocator){ allocate, NULL });
    size_t words = count_words(text, size, false), indexed = count_words(text, size, true);
    require(words <= indexed);
    require(mb_text_terms_read(&terms, text, size, true) && terms.words == indexed);
    for (size_t i = 1; i < terms.count; i++)
        require(mb_text_terms_items(&terms)[i - 1].hash < mb_text_terms_items(&terms)[i].hash);
    size_t at = mb_text_match(&terms, text, size, 40);
    require(words == 0 ? at == size : at < size);
    mb_buffer_free(&terms.items);
    return 0;
}
