#include "kernel/blob_names.h"

#include <string.h>

static bool is_hash(const char *text)
{
    for (int i = 0; i < MB_BLOB_NAME; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (!digit && !(text[i] >= 'a' && text[i] <= 'f')) {
            return false;
        }
    }
    return true;
}

void mb_blob_names_find(const char *text, size_t length, mb_buffer *names)
{
    static const char key[] = "$blob\":\"";
    enum { KEY = sizeof key - 1, WHOLE = KEY + MB_BLOB_NAME };
    const char *end = text + length, *p = text;
    // The dollar is rare, so this is hardly more than one look at every byte.
    while (end - p >= WHOLE && (p = memchr(p, '$', (size_t)(end - p - WHOLE + 1))) != NULL) {
        if (memcmp(p, key, KEY) == 0 && is_hash(p + KEY)) {
            mb_buffer_append(names, p + KEY, MB_BLOB_NAME);
        }
        p++;
    }
}
