// What a forked child inherits of its parent's open files.
#ifndef MB_STORAGE_INHERITED_H
#define MB_STORAGE_INHERITED_H

#include "kernel/common.h"

MB_HIDDEN_BEGIN

// Makes files that this process opens from now on safe from what it inherited.
// For a process that a fork made, before it opens its first file.
void mb_forget_inherited(void);

MB_HIDDEN_END

#endif
