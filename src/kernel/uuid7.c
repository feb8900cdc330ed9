#include "kernel/uuid7.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { LARGEST_COUNTER = 0xFFF, RANDOM_BYTES = 8 };

static bool read_random(unsigned char bytes[RANDOM_BYTES])
{
#if defined(__linux__)
    ssize_t length;
    do {
        length = getrandom(bytes, RANDOM_BYTES, 0);
    } while (length < 0 && errno == EINTR);
    return length == RANDOM_BYTES;
#else
    return getentropy(bytes, RANDOM_BYTES) == 0;
#endif
}

// Moves on to the next time and counter. When the counter is used up the time runs ahead.
static void advance(mb_uuid7 *state, int64_t ms)
{
    if (ms > state->last_ms) {
        state->last_ms = ms;
        state->counter = 0;
    } else if (state->counter < LARGEST_COUNTER) {
        state->counter++;
    } else {
        state->last_ms++;
        state->counter = 0;
    }
}

// xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx
static void write_text(const unsigned char bytes[16], char *text)
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *text++ = '-';
        }
        *text++ = hex[bytes[i] >> 4];
        *text++ = hex[bytes[i] & 15];
    }
    *text = '\0';
}

bool mb_uuid7_next(mb_uuid7 *state, int64_t ms, char text[MB_UUID7_LENGTH + 1], mb_error *error)
{
    unsigned char bytes[16];
    if (!read_random(bytes + 8)) {
        mb_error_set(error, MB_IO, 0, "no random bits: %s", strerror(errno));
        return false;
    }
    advance(state, ms);
    for (int i = 0; i < 6; i++) {
        bytes[i] = (unsigned char)(state->last_ms >> (40 - 8 * i));
    }
    bytes[6] = (unsigned char)(0x70 | state->counter >> 8);
    bytes[7] = (unsigned char)(state->counter & 0xFF);
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3F));
    write_text(bytes, text);
    return true;
}
