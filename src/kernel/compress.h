// Zstandard, one piece at a time.
#ifndef MB_KERNEL_COMPRESS_H
#define MB_KERNEL_COMPRESS_H

#include "kernel/buffer.h"
#include "kernel/codes.h"
#include "kernel/common.h"

enum { MB_ZSTD_MIN_LEVEL = 1, MB_ZSTD_MAX_LEVEL = 19, MB_ZSTD_DEFAULT_LEVEL = 3 };

typedef struct mb_zstd {
    void *compressor;   // ZSTD_CCtx, made at the first use as that takes a while
    void *decompressor; // ZSTD_DCtx, likewise
} mb_zstd;

MB_HIDDEN_BEGIN

// Gives the contexts back. A zeroed state is ready for use, and a freed one is a zeroed one.
void mb_zstd_free(mb_zstd *state);

// Appends the compressed form of `length` bytes to `out`; it records their number. Fails with
// MB_INTERNAL when memory runs out, `out` then being as long as before.
bool mb_zstd_compress(mb_zstd *state, const void *bytes, size_t length, int level,
                      mb_buffer *out, mb_error *error);

// Appends the bytes that were compressed, of which there may be at most `bound`: garbage and
// more bytes than that are MB_CORRUPT, `out` then being as long as before. The input must be
// one whole frame that records its size.
bool mb_zstd_decompress(mb_zstd *state, const void *bytes, size_t length, size_t bound,
                        mb_buffer *out, mb_error *error);

MB_HIDDEN_END

#endif
