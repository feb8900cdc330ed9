// SHA-256 of bytes that may come in pieces, on the processor's own instructions where it has
// them and by libsodium where it has not.
#ifndef MB_KERNEL_SHA256_H
#define MB_KERNEL_SHA256_H

#include <sodium/crypto_hash_sha256.h>

#include "kernel/common.h"

enum { MB_SHA256_BLOCK = 64, MB_SHA256_SIZE = 32, MB_SHA256_HEX = 64 };

typedef struct mb_sha256 {
    bool hardware; // which of the two works on this hash
    union {
        crypto_hash_sha256_state sodium; // libsodium's
        struct {
            uint32_t state[8];                    // chaining value
            uint64_t length;                      // bytes taken in
            unsigned char block[MB_SHA256_BLOCK]; // those that do not fill a block yet
        } own;                                    // ours
    } as;
} mb_sha256;

MB_HIDDEN_BEGIN

// Whether this processor has SHA-256 instructions that the kernel can use. Asking may be slow
// in a virtual machine; ask once and keep the answer.
bool mb_sha256_hardware(void);

// Begins a hash. `hardware` is the answer above; false always works.
void mb_sha256_init(mb_sha256 *hash, bool hardware);

// Takes in further bytes.
void mb_sha256_update(mb_sha256 *hash, const void *bytes, size_t length);

// Ends the hash and gives its 32 bytes.
void mb_sha256_final(mb_sha256 *hash, unsigned char digest[MB_SHA256_SIZE]);

// The same in lower case hexadecimal, terminated.
void mb_sha256_final_hex(mb_sha256 *hash, char hex[MB_SHA256_HEX + 1]);

// All three steps at once.
void mb_sha256_hex(const void *bytes, size_t length, bool hardware,
                   char hex[MB_SHA256_HEX + 1]);

MB_HIDDEN_END

#endif
