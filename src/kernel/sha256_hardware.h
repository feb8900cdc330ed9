// SHA-256 on the instructions that processors have for it.
#ifndef MB_KERNEL_SHA256_HARDWARE_H
#define MB_KERNEL_SHA256_HARDWARE_H

#include "kernel/common.h"

MB_HIDDEN_BEGIN

// Whether this processor has them, and the build knows them.
bool mb_sha256_hardware_present(void);

// Takes `count` blocks of 64 bytes into the chaining value. Only where they are present.
void mb_sha256_hardware_blocks(uint32_t state[8], const unsigned char *bytes, size_t count);

MB_HIDDEN_END

#endif
