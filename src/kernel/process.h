// Whether something is used by the process that made it, or by one that came from it by a fork.
#ifndef MB_KERNEL_PROCESS_H
#define MB_KERNEL_PROCESS_H

#include "kernel/common.h"

typedef struct mb_process {
    long pid;      // its number
    uint8_t *mark; // not zero in it, zero in its children; NULL: there is none
} mb_process;

MB_HIDDEN_BEGIN

// Remembers the present process in `process`, which is given up by mb_process_forget.
void mb_process_remember(mb_process *process);

// Does nothing for one that is all zero.
void mb_process_forget(mb_process *process);

// True in the process that is remembered; by a system call.
bool mb_process_has_number(const mb_process *process);

MB_HIDDEN_END

// True in the process that is remembered. The system would tell for a tenth of a microsecond,
// which is a part of every short read; a byte that it clears in children costs nothing.
static inline bool mb_process_is_present(const mb_process *process)
{
    return MB_LIKELY(process->mark != NULL) ? *process->mark != 0
                                            : mb_process_has_number(process);
}

#endif
