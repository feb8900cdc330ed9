#include "kernel/buffer.h"

#include <string.h>

enum { SMALLEST_CAPACITY = 256 };

void mb_buffer_init(mb_buffer *buffer, mb_allocator allocator)
{
    *buffer = (mb_buffer){ .allocator = allocator };
}

// The capacity to grow to, or 0 when the sum does not fit a size_t.
static size_t grown_capacity(const mb_buffer *buffer, size_t extra)
{
    size_t needed = buffer->length + extra;
    size_t doubled = buffer->capacity > SIZE_MAX / 2 ? SIZE_MAX : buffer->capacity * 2;
    if (needed < extra) {
        return 0;
    }
    if (doubled < SMALLEST_CAPACITY) {
        doubled = SMALLEST_CAPACITY;
    }
    return needed > doubled ? needed : doubled;
}

bool mb_buffer_grow(mb_buffer *buffer, size_t extra)
{
    if (buffer->failed) {
        return false;
    }
    size_t capacity = grown_capacity(buffer, extra);
    mb_allocator allocator = buffer->allocator;
    char *data = capacity == 0
                     ? NULL
                     : allocator.fn(allocator.ud, buffer->data, buffer->capacity, capacity);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void mb_buffer_append(mb_buffer *buffer, const void *bytes, size_t length)
{
    if (length > 0 && mb_buffer_reserve(buffer, length)) {
        memcpy(buffer->data + buffer->length, bytes, length);
        buffer->length += length;
    }
}

void mb_buffer_free(mb_buffer *buffer)
{
    if (buffer->data != NULL) {
        buffer->allocator.fn(buffer->allocator.ud, buffer->data, buffer->capacity, 0);
    }
    mb_buffer_init(buffer, buffer->allocator);
}
