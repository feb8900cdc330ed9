// The error codes of the public API, all from one table, and the error record that the lower
// floors fill in. Nothing here allocates.
#ifndef MB_KERNEL_CODES_H
#define MB_KERNEL_CODES_H

#include "kernel/common.h"

// X(constant, name, retryable, message used when there is nothing better to say, documentation)
// clang-format off
#define MB_CODES(X)                                                                                \
    X(NOT_FOUND, "not_found", false, "not found",                                                  \
      "What the operation needs does not exist.")                                                  \
    X(EXISTS, "exists", false, "already exists",                                                   \
      "Something with that id, name or path exists already.")                                      \
    X(CONFLICT, "conflict", false, "the stored state is not the expected one",                     \
      "Someone else wrote first; `expected` and `actual` tell the two states. Read and decide "    \
      "again.")                                                                                    \
    X(INVALID, "invalid", false, "invalid value",                                                  \
      "A value of the right type breaks a rule; `field` names it.")                                \
    X(BUSY, "busy", true, "the database is locked by another writer",                              \
      "A lock was not free within the time allowed. The same call may succeed later.")             \
    X(TIMEOUT, "timeout", false, "timed out",                                                      \
      "The operation, or the transaction it belongs to, ran out of time and was undone.")          \
    X(CLOSED, "closed", false, "the store is closed",                                              \
      "The handle was closed before this call.")                                                   \
    X(READONLY, "readonly", false, "the store is open for reading only",                           \
      "A write through a handle, or to a file, that allows only reading.")                         \
    X(FULL, "full", false, "the disk is full",                                                     \
      "No room is left on the device; nothing was written.")                                       \
    X(IO, "io", false, "input or output failed",                                                   \
      "The operating system, or an outside service, reported a failure.")                          \
    X(CORRUPT, "corrupt", false, "stored data is damaged",                                         \
      "What was read cannot be what was written.")                                                 \
    X(SERIALIZATION, "serialization", false, "the value has no JSON form",                         \
      "A value cannot be stored as JSON, or a text is not JSON; `field` is the path to it.")       \
    X(FUTURE_SCHEMA, "future_schema", false, "the file was written by a newer version",            \
      "The schema is newer than this version knows. The file was not touched.")                    \
    X(LEASE_LOST, "lease_lost", false, "the lease is no longer held",                              \
      "The lease, or the claim of a job, expired, was settled or went to another holder.")         \
    X(DENIED, "denied", false, "not allowed",                                                      \
      "The file system, an extension or a participant of the transaction does not allow it.")      \
    X(UNSUPPORTED, "unsupported", false, "not supported here",                                     \
      "The platform, the build or the file's mode does not offer this.")                           \
    X(FORKED, "forked", false, "the store was opened in another process",                          \
      "A handle cannot be used across fork(); open the store again in this process.")              \
    X(WRONG_COROUTINE, "wrong_coroutine", false, "the transaction belongs to another coroutine",   \
      "Only the coroutine that began a transaction may use it.")                                   \
    X(BREAKER_OPEN, "breaker_open", true, "opening failed repeatedly; not tried again yet",        \
      "Opening this path failed several times in a row; it is tried again after a pause.")         \
    X(INTERNAL, "internal", false, "internal error",                                               \
      "A fault of moonbase itself, or memory ran out inside it.")
// clang-format on

typedef enum mb_code {
    MB_OK, // no error
#define MB_CODE_CONSTANT(constant, name, retryable, message, doc) MB_##constant,
    MB_CODES(MB_CODE_CONSTANT)
#undef MB_CODE_CONSTANT
        MB_CODE_COUNT // one past the last code
} mb_code;

typedef struct mb_error {
    mb_code code;      // MB_OK when nothing went wrong
    int sqlite;        // SQLite's extended result code, 0 when it had no part in it
    char message[240]; // one readable line, terminated
    char field[240];   // path of the value at fault, or empty; terminated
} mb_error;

MB_HIDDEN_BEGIN

// Fills in `error`, with an empty field. A NULL `format` stands for the code's default message;
// a message that is too long is cut between two characters. A NULL `error` is left alone. Gives
// `code`.
mb_code mb_error_set(mb_error *error, mb_code code, int sqlite, const char *format, ...)
    MB_PRINTF(4, 5);

// Copies `length` bytes of a path into the error's field, cut between two characters if need
// be.
void mb_error_set_field(mb_error *error, const char *field, size_t length);

// The stable name of a code ("not_found"), its default message, its documentation sentence, and
// whether the same call may succeed later. MB_OK is "ok"; what is no code is "internal".
const char *mb_code_name(mb_code code);
const char *mb_code_message(mb_code code);
const char *mb_code_doc(mb_code code);
bool mb_code_retryable(mb_code code);

// The code of that name, MB_OK when there is none.
mb_code mb_code_from_name(const char *name);

MB_HIDDEN_END

#endif
