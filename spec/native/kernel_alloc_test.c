// Every allocation of the kernel fails once: for each function that allocates, the first, then
// the second, and so on until none is left to fail. Each time it must report the failure, leave
// its output as it was, work when called again, and lose nothing.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // RTLD_NEXT
#endif
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "kernel/buffer.h"
#include "kernel/compress.h"
#include "kernel/json_integers.h"
#include "kernel/json_read.h"
#include "kernel/json_write.h"

static struct {
    long countdown; // requests until one fails; below 0 none does
    bool failed;    // one did
    size_t in_use;  // bytes handed out and not given back
} memory;

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "kernel_alloc_test: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static bool fails_now(void)
{
    bool now = memory.countdown-- == 0;
    memory.failed = memory.failed || now;
    return now;
}

static void *allocate(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    (void)ud;
    if (new_size > 0 && fails_now()) {
        return NULL;
    }
    memory.in_use = memory.in_use - old_size + new_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

// zstd takes its contexts from malloc: these stand before its own functions.

ZSTD_CCtx *ZSTD_createCCtx(void)
{
    ZSTD_CCtx *(*real)(void);
    *(void **)&real = dlsym(RTLD_NEXT, "ZSTD_createCCtx");
    return fails_now() ? NULL : real();
}

ZSTD_DCtx *ZSTD_createDCtx(void)
{
    ZSTD_DCtx *(*real)(void);
    *(void **)&real = dlsym(RTLD_NEXT, "ZSTD_createDCtx");
    return fails_now() ? NULL : real();
}

// What a case works with.
typedef struct workbench {
    mb_buffer out;     // where it writes
    mb_buffer scratch; // the reader's
    mb_zstd zstd;      // contexts
} workbench;

static char text[3000];  // letters, with an escape here and there
static char packed[400]; // the same text compressed
static size_t packed_length;

// Each case does its work and tells whether it was told that memory ran out.

static bool append_pieces(workbench *w)
{
    for (size_t i = 0; i < sizeof text; i += 100) {
        mb_buffer_append(&w->out, text + i, 100);
        mb_buffer_append_byte(&w->out, ',');
    }
    return w->out.failed;
}

static bool append_too_much(workbench *w)
{
    mb_buffer_append_byte(&w->out, 'x');
    return !mb_buffer_reserve(&w->out, SIZE_MAX) && w->out.failed;
}

static bool write_strings(workbench *w)
{
    for (size_t length = 0; length < sizeof text; length += 7) {
        mb_json_write_string(&w->out, text, length);
        mb_json_write_key(&w->out, false, text, length);
    }
    return w->out.failed;
}

static bool write_numbers(workbench *w)
{
    for (int i = 0; i < 100; i++) {
        mb_json_write_integer(&w->out, INT64_MIN);
        mb_json_write_double(&w->out, i * 1e-9);
    }
    return w->out.failed;
}

static bool read_strings(workbench *w)
{
    static const char json[] = "[\"a\\nb\",{\"k\\tey\":\"v\\ralue\"},\"plain\"]";
    mb_json_reader r;
    mb_json_event event;
    mb_json_read(&r, json, sizeof json - 1, &w->scratch);
    do {
        event = mb_json_next(&r);
    } while (event != MB_JSON_END && event != MB_JSON_ERROR);
    return event == MB_JSON_ERROR && w->scratch.failed;
}

static bool keep_integers(workbench *w)
{
    static const char old[] = "{\"a\\nb\":[9007199254740993]}";
    static const char now[] = "{\"a\\nb\":[\"9007199254740993\"]}";
    mb_json_keep_integers(&w->out, now, sizeof now - 1, old, sizeof old - 1);
    bool same = w->out.length == sizeof old - 1 && memcmp(w->out.data, old, w->out.length) == 0;
    require(same || w->out.failed, "integers are kept");
    return w->out.failed;
}

static bool compress(workbench *w)
{
    mb_error error;
    size_t before = w->out.length;
    if (mb_zstd_compress(&w->zstd, text, sizeof text, 3, &w->out, &error)) {
        return false;
    }
    require(w->out.length == before, "compress leaves its output as it was");
    return error.code == MB_INTERNAL;
}

static bool decompress(workbench *w)
{
    mb_error error;
    size_t before = w->out.length;
    if (mb_zstd_decompress(&w->zstd, packed, packed_length, sizeof text, &w->out, &error)) {
        return false;
    }
    require(w->out.length == before, "decompress leaves its output as it was");
    return error.code == MB_INTERNAL;
}

static void open_bench(workbench *w)
{
    mb_allocator allocator = { allocate, NULL };
    memset(w, 0, sizeof *w);
    mb_buffer_init(&w->out, allocator);
    mb_buffer_init(&w->scratch, allocator);
}

static void close_bench(workbench *w)
{
    mb_buffer_free(&w->out);
    mb_buffer_free(&w->scratch);
    mb_zstd_free(&w->zstd);
    require(memory.in_use == 0, "every byte is given back");
}

// Runs a case with the n-th request failing, and again without. Whether there was an n-th.
static bool fail_nth(bool (*work)(workbench *), long n, const char *name)
{
    workbench w;
    open_bench(&w);
    memory.countdown = n;
    memory.failed = false;
    bool told = work(&w);
    bool failed = memory.failed;
    require(told == failed || work == append_too_much, name);
    memory.countdown = -1;
    mb_buffer_clear(&w.out);
    mb_buffer_clear(&w.scratch);
    require(work == append_too_much || !work(&w), "works when called again");
    close_bench(&w);
    return failed;
}

static void fail_each(bool (*work)(workbench *), const char *name)
{
    long n = 0;
    while (fail_nth(work, n, name)) {
        n++;
    }
    require(n > 0, "a case allocates");
}

static void prepare(void)
{
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = i % 37 == 36 ? '\n' : (char)('a' + i % 26);
    }
    packed_length = ZSTD_compress(packed, sizeof packed, text, sizeof text, 3);
    require(!ZSTD_isError(packed_length), "the text compresses");
}

int main(void)
{
    prepare();
    fail_each(append_pieces, "append_pieces");
    fail_each(append_too_much, "append_too_much");
    fail_each(write_strings, "write_strings");
    fail_each(write_numbers, "write_numbers");
    fail_each(read_strings, "read_strings");
    fail_each(keep_integers, "keep_integers");
    fail_each(compress, "compress");
    fail_each(decompress, "decompress");
    return EXIT_SUCCESS;
}
