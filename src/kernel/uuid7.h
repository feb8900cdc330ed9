// Identifiers that sort by the time they were made: UUID version 7 of RFC 9562.
#ifndef MB_KERNEL_UUID7_H
#define MB_KERNEL_UUID7_H

#include "kernel/codes.h"
#include "kernel/common.h"
#include "kernel/process.h"

enum { MB_UUID7_LENGTH = 36 };

#define MB_UUID7_MAX_TIME ((INT64_C(1) << 48) - 1)

enum { MB_UUID7_POOL = 32 };

typedef struct mb_uuid7 {
    int64_t last_ms;              // time of the last id; never goes back
    uint32_t counter;             // its counter, 0..4095
    uint32_t left;                // random numbers in the pool
    uint64_t pool[MB_UUID7_POOL]; // asked of the system together: one by one they cost more
    mb_process process;           // the process that asked for them
} mb_uuid7;

MB_HIDDEN_BEGIN

// Writes an id greater than every earlier one of this state, in lower case and terminated. `ms`
// is the time in 0..MB_UUID7_MAX_TIME; when it stands still or goes back, the counter goes on.
// The other 62 bits are random, and after a fork they are others in each process. A zeroed
// state is ready for use. Fails with MB_IO when the system gives no random bits.
bool mb_uuid7_next(mb_uuid7 *state, int64_t ms, char text[MB_UUID7_LENGTH + 1],
                   mb_error *error);

// Gives back what the state holds; it is ready for use again.
void mb_uuid7_free(mb_uuid7 *state);

MB_HIDDEN_END

#endif
