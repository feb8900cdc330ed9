// Words that are in every English text and so tell nothing of what it is about.
#ifndef MB_KERNEL_TEXT_STOP_H
#define MB_KERNEL_TEXT_STOP_H

#include "kernel/common.h"

MB_HIDDEN_BEGIN

// Whether a word is one, in the form that mb_text_next gives it.
bool mb_text_is_stop(const char *word, size_t length);

MB_HIDDEN_END

#endif
