// English words without their endings: Porter's second stemmer ("English" of Snowball).
#ifndef MB_KERNEL_TEXT_STEM_H
#define MB_KERNEL_TEXT_STEM_H

#include "kernel/common.h"

MB_HIDDEN_BEGIN

// Cuts the endings of a word of small letters in place; gives its new length, which is never
// more than one above the old. There must be room for that. What has other bytes than a to z
// stays as it is.
size_t mb_text_stem(char *word, size_t length);

MB_HIDDEN_END

#endif
