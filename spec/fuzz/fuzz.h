// What fuzz targets share. What does not hold ends the process, so that libFuzzer keeps the
// input.
#ifndef MB_SPEC_FUZZ_H
#define MB_SPEC_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(bool holds)
{
    if (!holds)
        abort();
}

// The C library's memory as an mb_allocator's.
static inline void *allocate(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    (void)ud;
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

// A copy of exactly this size, so that a look beyond its end is seen; the caller frees it.
static inline char *copy_input(const uint8_t *data, size_t size)
{
    char *text = malloc(size == 0 ? 1 : size);
    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    return text;
}

#endif
