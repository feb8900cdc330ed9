// Transactions that took too long and were rolled back by somebody else. Their owners do not
// know yet and would take what they do next for a part of them, so each is told at his next
// call.
#ifndef MB_STORAGE_TIMEOUT_H
#define MB_STORAGE_TIMEOUT_H

#include "storage/connection.h"

// One whose owner is to be told.
typedef struct mb_timeout {
    const void *owner; // compared, never read
    uint64_t serial;   // of the transaction's outermost level
    bool lasting;      // he is told until mb_timeout_forget, not once
} mb_timeout;

MB_HIDDEN_BEGIN

// Rolls back the open transaction that began with 'serial'. False with 'err' filled when it is
// not open, or for lack of memory.
bool mb_timeout_transaction(mb_connection *connection, uint64_t serial, bool lasting,
                            mb_error *err);

// Whether 'user' is to be told; then fills 'err'. Cheap while there is none to tell.
bool mb_timed_out(mb_connection *connection, const void *user, mb_error *err);

// The owner knows, or is gone.
void mb_timeout_forget(mb_connection *connection, uint64_t serial);

MB_HIDDEN_END

#endif
