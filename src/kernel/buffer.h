// A growing array of bytes. A failed allocation is remembered, so a writer appends without
// looking and asks once, at the end, whether `failed` is set: then bytes are missing.
#ifndef MB_KERNEL_BUFFER_H
#define MB_KERNEL_BUFFER_H

#include "kernel/alloc.h"
#include "kernel/common.h"

typedef struct mb_buffer {
    char *data;             // the bytes, not terminated; NULL while capacity is 0
    size_t length;          // bytes in use
    size_t capacity;        // bytes allocated
    mb_allocator allocator; // where they come from
    bool failed;            // an allocation failed since the last clear
} mb_buffer;

MB_HIDDEN_BEGIN

// Makes an empty buffer that owns nothing yet.
void mb_buffer_init(mb_buffer *buffer, mb_allocator allocator);

// Makes room for `extra` more bytes than `length`. False sets `failed` and leaves the bytes
// alone. Growth is geometric.
bool mb_buffer_grow(mb_buffer *buffer, size_t extra);

// Appends `length` bytes of `bytes`, which may not lie inside the buffer.
void mb_buffer_append(mb_buffer *buffer, const void *bytes, size_t length);

// Gives the memory back. The buffer is empty and may be used again.
void mb_buffer_free(mb_buffer *buffer);

MB_HIDDEN_END

// Makes room for `extra` more bytes; false when there is none.
static inline bool mb_buffer_reserve(mb_buffer *buffer, size_t extra)
{
    return MB_LIKELY(buffer->capacity - buffer->length >= extra) ||
           mb_buffer_grow(buffer, extra);
}

// Empties the buffer, keeps its memory and forgets a failure.
static inline void mb_buffer_clear(mb_buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
}

// Empties the buffer and gives its memory back if it is more than `keep` bytes.
static inline void mb_buffer_trim(mb_buffer *buffer, size_t keep)
{
    if (MB_UNLIKELY(buffer->capacity > keep)) {
        mb_buffer_free(buffer);
    }
    mb_buffer_clear(buffer);
}

// Appends one byte.
static inline void mb_buffer_append_byte(mb_buffer *buffer, char byte)
{
    if (mb_buffer_reserve(buffer, 1)) {
        buffer->data[buffer->length++] = byte;
    }
}

#endif
