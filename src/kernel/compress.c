#include "kernel/compress.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

// A context that grew beyond this for a large input is not kept.
enum { LARGEST_CONTEXT = 1024 * 1024 };

static void free_compressor(mb_zstd *state)
{
    ZSTD_freeCCtx(state->compressor);
    state->compressor = NULL;
}

void mb_zstd_free(mb_zstd *state)
{
    free_compressor(state);
    ZSTD_freeDCtx(state->decompressor);
    state->decompressor = NULL;
}

static bool fail_memory(mb_error *error)
{
    mb_error_set(error, MB_INTERNAL, 0, "not enough memory");
    return false;
}

// What went wrong with `result`, which is zstd's. Only for want of memory is it not `code`.
static bool fail_result(mb_error *error, mb_code code, size_t result)
{
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) {
        return fail_memory(error);
    }
    mb_error_set(error, code, 0, "zstd: %s", ZSTD_getErrorName(result));
    return false;
}

bool mb_zstd_compress(mb_zstd *state, const void *bytes, size_t length, int level,
                      mb_buffer *out, mb_error *error)
{
    size_t bound = ZSTD_compressBound(length);
    if (state->compressor == NULL) {
        state->compressor = ZSTD_createCCtx();
    }
    if (state->compressor == NULL || ZSTD_isError(bound) || !mb_buffer_reserve(out, bound)) {
        return fail_memory(error);
    }
    size_t result = ZSTD_compressCCtx(state->compressor, out->data + out->length, bound, bytes,
                                      length, level);
    if (ZSTD_isError(result)) {
        free_compressor(state);
        return fail_result(error, MB_INTERNAL, result);
    }
    if (ZSTD_sizeof_CCtx(state->compressor) > LARGEST_CONTEXT) {
        free_compressor(state);
    }
    out->length += result;
    return true;
}

// The size that a frame of `length` bytes says its contents have. False when it is not exactly
// one frame that says so, or says more than `bound`.
static bool frame_size(const void *bytes, size_t length, size_t bound, size_t *size,
                       mb_error *error)
{
    static const unsigned char magic[4] = { 0x28, 0xB5, 0x2F, 0xFD };
    bool frame = length >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
    unsigned long long content = frame ? ZSTD_getFrameContentSize(bytes, length) : 0;
    if (!frame || content == ZSTD_CONTENTSIZE_ERROR || content == ZSTD_CONTENTSIZE_UNKNOWN ||
        ZSTD_findFrameCompressedSize(bytes, length) != length) {
        mb_error_set(error, MB_CORRUPT, 0, "compressed data is damaged");
        return false;
    }
    if (content > bound) {
        mb_error_set(error, MB_CORRUPT, 0, "compressed data is larger than it should be");
        return false;
    }
    *size = (size_t)content;
    return true;
}

bool mb_zstd_decompress(mb_zstd *state, const void *bytes, size_t length, size_t bound,
                        mb_buffer *out, mb_error *error)
{
    size_t size;
    if (!frame_size(bytes, length, bound, &size, error)) {
        return false;
    }
    if (state->decompressor == NULL) {
        state->decompressor = ZSTD_createDCtx();
    }
    if (state->decompressor == NULL || !mb_buffer_reserve(out, size)) {
        return fail_memory(error);
    }
    size_t result =
        ZSTD_decompressDCtx(state->decompressor, out->data + out->length, size, bytes, length);
    if (ZSTD_isError(result)) {
        return fail_result(error, MB_CORRUPT, result);
    }
    out->length += result;
    return true;
}
