#include "kernel/sha256.h"

#include <string.h>

#include "kernel/sha256_hardware.h"

bool mb_sha256_hardware(void)
{
    return mb_sha256_hardware_present();
}

void mb_sha256_init(mb_sha256 *hash, bool hardware)
{
    // The fractional parts of the square roots of the first eight primes.
    static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    hash->hardware = hardware;
    if (!hardware) {
        crypto_hash_sha256_init(&hash->as.sodium);
        return;
    }
    memcpy(hash->as.own.state, start, sizeof start);
    hash->as.own.length = 0;
}

static void own_update(mb_sha256 *hash, const unsigned char *bytes, size_t length)
{
    size_t held = hash->as.own.length % MB_SHA256_BLOCK;
    hash->as.own.length += length;
    if (held > 0) {
        size_t missing = MB_SHA256_BLOCK - held, taken = length < missing ? length : missing;
        memcpy(hash->as.own.block + held, bytes, taken);
        if (taken < missing) {
            return;
        }
        mb_sha256_hardware_blocks(hash->as.own.state, hash->as.own.block, 1);
        bytes += taken;
        length -= taken;
    }
    size_t rest = length % MB_SHA256_BLOCK;
    mb_sha256_hardware_blocks(hash->as.own.state, bytes, length / MB_SHA256_BLOCK);
    memcpy(hash->as.own.block, bytes + (length - rest), rest);
}

void mb_sha256_update(mb_sha256 *hash, const void *bytes, size_t length)
{
    if (length == 0) {
        return;
    }
    if (hash->hardware) {
        own_update(hash, bytes, length);
    } else {
        crypto_hash_sha256_update(&hash->as.sodium, bytes, length);
    }
}

// A one bit, zeros, and the length in bits fill the last block.
static void own_final(mb_sha256 *hash, unsigned char *digest)
{
    unsigned char padding[MB_SHA256_BLOCK + 8] = { 0x80 };
    uint64_t bits = hash->as.own.length * 8;
    size_t held = hash->as.own.length % MB_SHA256_BLOCK;
    size_t zeros = (MB_SHA256_BLOCK + 56 - held - 1) % MB_SHA256_BLOCK;
    for (int i = 0; i < 8; i++) {
        padding[1 + zeros + (size_t)i] = (unsigned char)(bits >> (56 - 8 * i));
    }
    own_update(hash, padding, 1 + zeros + 8);
    for (size_t i = 0; i < MB_SHA256_SIZE; i++) {
        digest[i] = (unsigned char)(hash->as.own.state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

void mb_sha256_final(mb_sha256 *hash, unsigned char digest[MB_SHA256_SIZE])
{
    if (hash->hardware) {
        own_final(hash, digest);
    } else {
        crypto_hash_sha256_final(&hash->as.sodium, digest);
    }
}

void mb_sha256_final_hex(mb_sha256 *hash, char hex[MB_SHA256_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[MB_SHA256_SIZE];
    mb_sha256_final(hash, digest);
    for (int i = 0; i < MB_SHA256_SIZE; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[MB_SHA256_HEX] = '\0';
}

void mb_sha256_hex(const void *bytes, size_t length, bool hardware, char hex[MB_SHA256_HEX + 1])
{
    mb_sha256 hash;
    mb_sha256_init(&hash, hardware);
    mb_sha256_update(&hash, bytes, length);
    mb_sha256_final_hex(&hash, hex);
}
