// The names of blobs in a text: all of them, and nothing behind its end is looked at.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/blob_names.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NAME(hash) "{\"$blob\":\"" hash "\"}"

static int failures;

static void *allocate(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return ud == NULL ? realloc(ptr, new_size) : NULL;
}

// The text is copied to where a checker of memory sees its end.
static void check(const char *text, size_t length, const char *expected)
{
    mb_buffer names;
    char *copy = malloc(length > 0 ? length : 1);
    mb_buffer_init(&names, (mb_allocator){ allocate, NULL });
    if (copy == NULL) {
        exit(EXIT_FAILURE);
    }
    memcpy(copy, text, length);
    mb_blob_names_find(copy, length, &names);
    if (names.length != strlen(expected) ||
        (names.length > 0 && memcmp(names.data, expected, names.length) != 0)) {
        fprintf(stderr, "kernel_names_test: %.*s\n", (int)length, text);
        failures++;
    }
    mb_buffer_free(&names);
    free(copy);
}

static void check_text(const char *text, const char *expected)
{
    check(text, strlen(text), expected);
}

static void check_every_length(void)
{
    static const char text[] = "{\"x\":1," NAME(B) "}";
    size_t whole = (size_t)(strstr(text, B) - text) + MB_BLOB_NAME;
    for (size_t length = 0; length < sizeof text; length++) {
        check(text, length, length >= whole ? B : "");
    }
}

static void check_failure(void)
{
    mb_buffer names;
    int refused;
    mb_buffer_init(&names, (mb_allocator){ allocate, &refused });
    mb_blob_names_find(NAME(A), strlen(NAME(A)), &names);
    if (!names.failed) {
        fprintf(stderr, "kernel_names_test: a failed allocation is not told\n");
        failures++;
    }
    mb_buffer_free(&names);
}

int main(void)
{
    check_text("", "");
    check_text(NAME(A), A);
    check_text("[" NAME(A) "," NAME(B) ",{\"y\":" NAME(A) "}]", A B A);
    check_text("{\"price\":\"$5 $ $$\",\"image\":" NAME(B) "}", B);
    check_text("{\"$blob\":\"short\"}", "");
    check_text(
        "{\"$blob\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", "");
    check_text("{\"$blob\":12,\"$blobs\":\"" A "\",\"blob\":\"" A "\"}", "");
    check_text("\"{\\\"$blob\\\":\\\"" A "\\\"}\"", "");
    check_every_length();
    check_failure();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
