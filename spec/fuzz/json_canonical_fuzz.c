// Any bytes through the canonicalizer. What it accepts has a canonical form that is JSON, is
// its own canonical form, and keeps the types of its numbers.

#include "fuzz.h"
#include "kernel/json_canonical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mb_allocator allocator = { allocate, NULL };
    mb_json_canonical first, second;
    mb_buffer unescaped;
    mb_json_canonical_init(&first, allocator);
    mb_json_canonical_init(&second, allocator);
    mb_buffer_init(&unescaped, allocator);
    if (mb_json_canonicalize(&first, (const char *)data, size, &unescaped) == NULL) {
        const mb_buffer *text = &first.text;
        require(mb_json_canonicalize(&second, text->data, text->length, &unescaped) == NULL);
        require(second.text.length == text->length);
        require(memcmp(second.text.data, text->data, text->length) == 0);
        require(!second.reduced);
    }
    mb_json_canonical_free(&first);
    mb_json_canonical_free(&second);
    mb_buffer_free(&unescaped);
    return 0;
}
