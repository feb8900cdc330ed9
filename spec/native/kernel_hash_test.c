// SHA-256 on the processor's instructions against libsodium's, and whole against in pieces.
#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sha256.h"

static unsigned char bytes[4096];
static int failures;

static void expect(bool holds, const char *what, size_t length)
{
    if (!holds) {
        fprintf(stderr, "kernel_hash_test: %s, %zu bytes\n", what, length);
        failures++;
    }
}

static void hash_whole(size_t length, bool hardware, unsigned char *digest)
{
    mb_sha256 hash;
    mb_sha256_init(&hash, hardware);
    mb_sha256_update(&hash, bytes, length);
    mb_sha256_final(&hash, digest);
}

static void hash_pieces(size_t length, size_t piece, bool hardware, unsigned char *digest)
{
    mb_sha256 hash;
    mb_sha256_init(&hash, hardware);
    for (size_t done = 0; done < length; done += piece) {
        mb_sha256_update(&hash, bytes + done, length - done < piece ? length - done : piece);
    }
    mb_sha256_final(&hash, digest);
}

static void check_length(size_t length, bool hardware)
{
    unsigned char expected[MB_SHA256_SIZE], digest[MB_SHA256_SIZE];
    crypto_hash_sha256(expected, bytes, length);
    hash_whole(length, hardware, digest);
    expect(memcmp(digest, expected, sizeof digest) == 0, "whole", length);
    for (size_t piece = 1; piece < 200; piece += piece < 4 ? 1 : 15) {
        hash_pieces(length, piece, hardware, digest);
        expect(memcmp(digest, expected, sizeof digest) == 0, "in pieces", length);
    }
}

int main(void)
{
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof bytes; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (unsigned char)(state >> 24);
    }
    for (int hardware = 0; hardware <= (mb_sha256_hardware() ? 1 : 0); hardware++) {
        for (size_t length = 0; length <= 520; length++) {
            check_length(length, hardware != 0);
        }
        check_length(sizeof bytes, hardware != 0);
    }
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
