// The blobs that a document names, each as {"$blob":"<hash>"}.
#ifndef MB_KERNEL_BLOB_NAMES_H
#define MB_KERNEL_BLOB_NAMES_H

#include "kernel/buffer.h"
#include "kernel/common.h"

// Characters of a hash: SHA-256 in hexadecimal.
enum { MB_BLOB_NAME = 64 };

MB_HIDDEN_BEGIN

// Appends the hashes that a JSON text without white space between its tokens names, one behind
// the other. Text that is no JSON may name more than it should, never less.
void mb_blob_names_find(const char *text, size_t length, mb_buffer *names);

MB_HIDDEN_END

#endif
