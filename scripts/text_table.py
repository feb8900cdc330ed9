#!/usr/bin/env python3
"""Writes src/kernel/text_table.c: what the tokenizer knows of characters beyond ASCII.

Run by hand when the table shall follow another version of Unicode (that of the Python which runs
it); words of texts that are indexed already must then still come out the same.

    python3 scripts/text_table.py > src/kernel/text_table.c
"""
import unicodedata

SEPARATOR, WORD, SPACELESS, SKIPPED = range(4)

# Scripts written without spaces between words, and Hangul, whose words carry their endings.
SPACELESS_BLOCKS = [
    (0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x1950, 0x19DF),
    (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035), (0x3038, 0x303C),
    (0x3040, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA960, 0xA97F),
    (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0xFF66, 0xFFDC),
    (0x16F00, 0x18D8F), (0x1AFF0, 0x1B2FF), (0x20000, 0x3FFFF),
]

# Where marks only decorate (accents, points, harakat); elsewhere they are vowels.
DECORATION = [
    (0x00AD, 0x00AD), (0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05C7), (0x0610, 0x061A),
    (0x0640, 0x0640), (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06ED), (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF), (0x200B, 0x200F), (0x2060, 0x2064), (0x20D0, 0x20FF), (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2F), (0xFEFF, 0xFEFF), (0xE0100, 0xE01EF),
]

# What has no decomposition, but a usual way to write it without.
SPELLINGS = {
    "ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ø": "o", "Ø": "o",
    "đ": "d", "Đ": "d", "ð": "d", "Ð": "d", "ł": "l", "Ł": "l", "ħ": "h", "Ħ": "h", "ŧ": "t",
    "Ŧ": "t", "ı": "i", "þ": "th", "Þ": "th", "ŋ": "n", "Ŋ": "n",
}

# Latin, Greek, Cyrillic and Armenian, and their precomposed letters.
FOLDED_BLOCKS = [(0x0080, 0x058F), (0x1E00, 0x1FFF)]
PAIRS = 0xE000


def within(code, blocks):
    return any(first <= code <= last for first, last in blocks)


def class_of(code):
    category = unicodedata.category(chr(code))
    if within(code, DECORATION) and (category in ("Mn", "Me", "Cf") or code == 0x640):
        return SKIPPED
    if category[0] in "LNM":
        return SPACELESS if within(code, SPACELESS_BLOCKS) else WORD
    return None if category == "Cn" else SEPARATOR


def without_marks(text):
    text = unicodedata.normalize("NFKD", text)
    return "".join(c for c in text if unicodedata.category(c) != "Mn")


def fold(code):
    character = chr(code)
    if character in SPELLINGS:
        return SPELLINGS[character]
    folded = without_marks(without_marks(character).casefold())
    return "".join(SPELLINGS.get(c, c) for c in folded)


def class_ranges():
    ranges, last = [], None
    for code in range(0x80, 0x110000):
        found = None if 0xD800 <= code <= 0xDFFF else class_of(code)
        if found is not None and found != last:
            ranges.append(code << 2 | found)
            last = found
    return ranges


def folded_blocks():
    pairs, values = [], []
    for first, last in FOLDED_BLOCKS:
        for code in range(first, last + 1):
            kind = class_of(code)
            text = fold(code) if kind == WORD else ""
            letters = [c for c in text if class_of(ord(c)) == WORD or ord(c) < 0x80]
            if kind == SKIPPED:
                values.append(1)
            elif kind != WORD or not letters:
                values.append(0)
            elif len(letters) == 1:
                values.append(ord(letters[0]))
            else:
                pair = ord(letters[0]) << 16 | ord(letters[-1])
                if pair not in pairs:
                    pairs.append(pair)
                values.append(PAIRS + pairs.index(pair))
    return values, pairs


def case_runs():
    """Other scripts with two cases: (first, last, step, distance) of the large letters."""
    runs = []
    for code in range(0x590, 0x110000):
        if 0xD800 <= code <= 0xDFFF or within(code, FOLDED_BLOCKS) or class_of(code) != WORD:
            continue
        small = chr(code).lower()
        if len(small) != 1 or ord(small) == code:
            continue
        distance = ord(small) - code
        if runs and runs[-1][3] == distance and code - runs[-1][1] in (1, 2) and (
                runs[-1][0] == runs[-1][1] or code - runs[-1][1] == runs[-1][2]):
            runs[-1][2] = code - runs[-1][1]
            runs[-1][1] = code
        else:
            runs.append([code, code, 1, distance])
    return runs


def write(name, kind, values, form):
    print("\nconst %s %s[] = {" % (kind, name))
    line = "   "
    for value in values:
        text = " " + form(value) + ","
        if len(line) + len(text) > 96:
            print(line)
            line = "   "
        line += text
    print(line)
    print("};")


def main():
    values, pairs = folded_blocks()
    ranges, runs = class_ranges(), case_runs()
    print("// Written by scripts/text_table.py from Unicode %s; see text_table.h."
          % unicodedata.unidata_version)
    print('#include "kernel/text_table.h"')
    print("\n// clang-format off")
    write("mb_text_folded", "uint16_t", values, lambda v: "%d" % v)
    write("mb_text_pairs", "uint32_t", pairs, lambda v: "0x%x" % v)
    write("mb_text_classes", "uint32_t", ranges, lambda v: "%d" % v)
    write("mb_text_case_runs", "mb_text_case_run", runs, lambda r: "{ %d, %d, %d, %d }" % tuple(r))
    print("// clang-format on")
    print("\nconst size_t mb_text_class_count = %d;" % len(ranges))
    print("const size_t mb_text_case_run_count = %d;" % len(runs))


main()
