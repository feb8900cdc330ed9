#include "kernel/text_postings.h"

#include <string.h>

uint8_t *mb_varint_write(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

static const uint8_t *read_wide(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; p < end && shift < 35; shift += 7) {
        *value |= (uint64_t)(*p & 0x7F) << shift;
        if (*p++ < 0x80)
            return p;
    }
    return NULL;
}

const uint8_t *mb_varint_read(const uint8_t *p, const uint8_t *end, uint32_t *value)
{
    uint64_t wide;
    if (MB_LIKELY(p < end && *p < 0x80)) {
        *value = *p;
        return p + 1;
    }
    p = read_wide(p, end, &wide);
    *value = (uint32_t)wide;
    return p != NULL && wide <= UINT32_MAX ? p : NULL;
}

uint8_t *mb_posting_write(uint8_t *out, uint32_t previous, const mb_posting *posting)
{
    uint64_t distance = posting->serial - previous;
    out = mb_varint_write(out, distance << 1 | (posting->count > 1));
    if (posting->count > 1)
        out = mb_varint_write(out, posting->count);
    return mb_varint_write(out, posting->words);
}

// Reads the posting at p behind that of serial `previous`.
static const uint8_t *read_posting(const uint8_t *p, const uint8_t *end, uint32_t previous,
                                   mb_posting *out)
{
    uint64_t distance;
    if (MB_LIKELY(p < end && *p < 0x80))
        distance = *p++;
    else if ((p = read_wide(p, end, &distance)) == NULL)
        return NULL;
    uint64_t serial = previous + (distance >> 1);
    out->serial = (uint32_t)serial;
    out->count = 1;
    if ((distance & 1) != 0 && (p = mb_varint_read(p, end, &out->count)) == NULL)
        return NULL;
    p = mb_varint_read(p, end, &out->words);
    bool good = p != NULL && distance > 1 && serial <= UINT32_MAX && out->count > 0 &&
                out->words >= out->count;
    return good ? p : NULL;
}

// Nearly all numbers have one byte.
static const uint8_t *read_short(const uint8_t *p, uint32_t previous, mb_posting *out)
{
    uint32_t several = p[0] & 1u;
    if (((p[0] | p[1]) & 0x80) != 0 || (several != 0 && p[2] >= 0x80))
        return NULL;
    out->serial = previous + (p[0] >> 1);
    out->count = several != 0 ? p[1] : 1;
    out->words = p[1 + several];
    bool good =
        p[0] > 1 && out->serial > previous && out->count > 0 && out->words >= out->count;
    return good ? p + 2 + several : NULL;
}

bool mb_postings_read(const uint8_t *data, size_t size, mb_posting *out, size_t count)
{
    const uint8_t *p = data, *end = data + size;
    uint32_t previous = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *next = end - p >= 3 ? read_short(p, previous, &out[i]) : NULL;
        p = next != NULL ? next : read_posting(p, end, previous, &out[i]);
        if (p == NULL)
            return false;
        previous = out[i].serial;
    }
    return p == end;
}

static void remove_peak(mb_posting_peaks *peaks, uint32_t at)
{
    peaks->used--;
    for (uint32_t i = at; i < peaks->used; i++) {
        peaks->count[i] = peaks->count[i + 1];
        peaks->words[i] = peaks->words[i + 1];
    }
}

// Makes room: the two whose counts lie closest become one that is above both.
static void unite_peaks(mb_posting_peaks *peaks)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i + 1 < peaks->used; i++) {
        if (peaks->count[i + 1] - peaks->count[i] < peaks->count[best + 1] - peaks->count[best])
            best = i;
    }
    peaks->words[best + 1] = peaks->words[best];
    remove_peak(peaks, best);
}

// Whether one of them is above: that with the least count of those that are not below it.
static bool is_covered(const mb_posting_peaks *peaks, uint32_t count, uint32_t words)
{
    uint32_t above = 0;
    while (above < peaks->used && peaks->count[above] < count)
        above++;
    return above < peaks->used && peaks->words[above] <= words;
}

static void insert_peak(mb_posting_peaks *peaks, uint32_t count, uint32_t words)
{
    uint32_t at = peaks->used++;
    for (; at > 0 && peaks->count[at - 1] > count; at--) {
        peaks->count[at] = peaks->count[at - 1];
        peaks->words[at] = peaks->words[at - 1];
    }
    peaks->count[at] = count;
    peaks->words[at] = words;
}

void mb_posting_peaks_add(mb_posting_peaks *peaks, uint32_t count, uint32_t words)
{
    if (is_covered(peaks, count, words))
        return;
    for (uint32_t i = peaks->used; i-- > 0;) {
        if (peaks->count[i] <= count && peaks->words[i] >= words)
            remove_peak(peaks, i);
    }
    if (peaks->used == MB_POSTING_PEAKS)
        unite_peaks(peaks);
    if (!is_covered(peaks, count, words))
        insert_peak(peaks, count, words);
}

uint8_t *mb_text_entry_write(uint8_t *out, const mb_text_entry *entry)
{
    for (int i = 0; i < 8; i++)
        *out++ = (uint8_t)(entry->hash >> (8 * i));
    out = mb_varint_write(out, entry->count);
    return mb_varint_write(out, entry->count > 0 ? entry->size : entry->list);
}

const uint8_t *mb_text_entry_read(const uint8_t *p, const uint8_t *end, mb_text_entry *entry)
{
    uint32_t number;
    if (end - p < 10)
        return NULL;
    entry->hash = 0;
    for (int i = 0; i < 8; i++)
        entry->hash |= (uint64_t)p[i] << (8 * i);
    p = mb_varint_read(p + 8, end, &entry->count);
    p = p != NULL ? mb_varint_read(p, end, &number) : NULL;
    if (p == NULL)
        return NULL;
    entry->data = p;
    entry->size = entry->count > 0 ? number : 0;
    entry->list = entry->count > 0 ? 0 : number;
    return (size_t)(end - p) >= entry->size && entry->count <= entry->size ? p + entry->size
                                                                           : NULL;
}
