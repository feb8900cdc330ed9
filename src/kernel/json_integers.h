// Integers beyond 2^53, which not every reader of a document can hold: one whose numbers are
// all doubles gets the digits as a string. What it writes back without having changed it shall
// be the integer again.
#ifndef MB_KERNEL_JSON_INTEGERS_H
#define MB_KERNEL_JSON_INTEGERS_H

#include "kernel/buffer.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// Writes the document `text` to `out`: where a string of it has the digits of such an integer,
// and that integer stands in the same place of the document `old`, the integer, all else as it
// is. `out->failed` tells that memory ran out.
void mb_json_keep_integers(mb_buffer *out, const char *text, size_t length, const char *old,
                           size_t old_length);

MB_HIDDEN_END

#endif
