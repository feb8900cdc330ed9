#include "kernel/uuid7.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { LARGEST_COUNTER = 0xFFF };

static bool read_random(void *bytes, size_t length)
{
#if defined(__linux__)
    ssize_t got;
    do {
        got = getrandom(bytes, length, 0);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)length;
#else
    return getentropy(bytes, length) == 0;
#endif
}

static bool fill_pool(mb_uuid7 *state, mb_error *error)
{
    state->left = 0;
    if (!read_random(state->pool, sizeof state->pool)) {
        mb_error_set(error, MB_IO, 0, "no random bits: %s", strerror(errno));
        return false;
    }
    if (!mb_process_is_present(&state->process)) {
        mb_process_forget(&state->process);
        mb_process_remember(&state->process);
    }
    state->left = MB_UUID7_POOL;
    return true;
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
    bool ready = state->left > 0 && mb_process_is_present(&state->process);
    if (!ready && !fill_pool(state, error)) {
        return false;
    }
    advance(state, ms);
    for (int i = 0; i < 6; i++) {
        bytes[i] = (unsigned char)(state->last_ms >> (40 - 8 * i));
    }
    bytes[6] = (unsigned char)(0x70 | state->counter >> 8);
    bytes[7] = (unsigned char)(state->counter & 0xFF);
    memcpy(bytes + 8, &state->pool[--state->left], 8);
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3F));
    write_text(bytes, text);
    return true;
}

void mb_uuid7_free(mb_uuid7 *state)
{
    mb_process_forget(&state->process);
    state->left = 0;
}
