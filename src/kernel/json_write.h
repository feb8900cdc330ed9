// The pieces of JSON text. Every function appends to a buffer, whose `failed` tells whether
// memory ran out.
#ifndef MB_KERNEL_JSON_WRITE_H
#define MB_KERNEL_JSON_WRITE_H

#include "kernel/buffer.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// Writes a string with its quotes: what must be escaped is, everything else is as it is. False,
// with the buffer as long as before, when the bytes are not valid UTF-8.
bool mb_json_write_string(mb_buffer *out, const char *bytes, size_t length);

// Writes a key of an object with the colon after it and, if it is not the first, the comma
// before it. Otherwise the same.
bool mb_json_write_key(mb_buffer *out, bool first, const char *bytes, size_t length);

// Writes an integer.
void mb_json_write_integer(mb_buffer *out, int64_t value);

// Writes a finite double, always with a point or an exponent.
void mb_json_write_double(mb_buffer *out, double value);

MB_HIDDEN_END

#endif
