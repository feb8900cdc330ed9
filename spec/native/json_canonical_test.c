// The canonical form of JSON: equal documents have one text, different ones have two.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/json_canonical.h"

static int passed, failed;

static void check(bool good, const char *what)
{
    *(good ? &passed : &failed) += 1;
    if (!good) {
        printf("FAILED: %s\n", what);
    }
}

// An allocator that fails for the n-th time it is asked, if n is not 0.
typedef struct limited {
    long asked;   // so far
    long fails;   // n
    size_t inuse; // bytes
} limited;

static void *allocate(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    limited *l = ud;
    if (new_size == 0) {
        free(ptr);
        l->inuse -= old_size;
        return NULL;
    }
    if (++l->asked == l->fails) {
        return NULL;
    }
    void *moved = realloc(ptr, new_size);
    l->inuse += moved != NULL ? new_size - old_size : 0;
    return moved;
}

typedef struct bench {
    limited memory;         // where it comes from
    mb_json_canonical form; // what is tested
    mb_buffer unescaped;    // the reader's
} bench;

static void setup(bench *b, long fails)
{
    b->memory = (limited){ .fails = fails };
    mb_allocator allocator = { allocate, &b->memory };
    mb_json_canonical_init(&b->form, allocator);
    mb_buffer_init(&b->unescaped, allocator);
}

static void teardown(bench *b)
{
    mb_json_canonical_free(&b->form);
    mb_buffer_free(&b->unescaped);
    check(b->memory.inuse == 0, "all memory is given back");
}

static const char *canonicalize(bench *b, const char *text)
{
    mb_buffer_clear(&b->unescaped);
    return mb_json_canonicalize(&b->form, text, strlen(text), &b->unescaped);
}

static bool is_text(const bench *b, const char *expected)
{
    const mb_buffer *text = &b->form.text;
    return text->length == strlen(expected) && !memcmp(text->data, expected, text->length);
}

typedef struct example {
    const char *text;      // given
    const char *canonical; // expected
    bool reduced;          // expected too
} example;

static const example examples[] = {
    { " [ ] ", "[]", false }, // first, before there is any memory for pieces
    { "null", "null", false },
    { "{}", "{}", false },
    { "{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}", false },
    { "{\"b\":{\"d\":[],\"c\":{}},\"a\":[{\"z\":1,\"y\":2},3]}",
      "{\"a\":[{\"y\":2,\"z\":1},3],\"b\":{\"c\":{},\"d\":[]}}", false },
    { "[3,1,2]", "[3,1,2]", false },
    // A key comes before one that it begins, whatever follows.
    { "{\"a!\":1,\"a\":2,\"a\\u0001\":3,\"\":4}", "{\"\":4,\"a\":2,\"a!\":1,\"a\\u0001\":3}",
      false },
    { "[1.0,-0.0,1e2,100,0.5]", "[1,0,100,100,0.5]", true },
    { "[0.5,1e300,\"1.0\"]", "[0.5,1e300,\"1.0\"]", false },
    { "9223372036854775807", "9223372036854775807", false },
    { "-9223372036854775808.0", "-9223372036854775808", true },
    { "9223372036854775808.0", "9.223372036854776e18", false },
    { "9223372036854775808", "9.223372036854776e18", true },
    { "9007199254740992.0", "9007199254740992", true },
    { "\"a\\u0062\\n\\/\"", "\"ab\\n/\"", false },
    { "[true,false,null]", "[true,false,null]", false },
};

static void try_examples(void)
{
    bench b;
    setup(&b, 0);
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const example *e = &examples[i];
        check(canonicalize(&b, e->text) == NULL, e->text);
        check(is_text(&b, e->canonical), e->text);
        check(b.form.reduced == e->reduced, e->text);
        check(canonicalize(&b, e->canonical) == NULL && is_text(&b, e->canonical),
              "a canonical text is its own canonical form");
        check(!b.form.reduced, "and keeps its types");
    }
    teardown(&b);
}

static void refuse_what_is_no_json(void)
{
    static const char *const texts[] = { "", "{", "[1,", "{\"a\"}", "nul", "1e999", "[1]x" };
    bench b;
    setup(&b, 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check(canonicalize(&b, texts[i]) != NULL, texts[i]);
        check(!b.form.text.failed, "which is not a lack of memory");
    }
    teardown(&b);
}

// As many keys as there are orders to meet: ascending, descending, and a stride between.
static void sort_many_keys(void)
{
    enum { COUNT = 1009, SIZE = 16 };
    static char text[COUNT * SIZE + 3], expected[COUNT * SIZE + 3];
    static const int strides[] = { 1, COUNT - 1, 601, 2 };
    bench b;
    setup(&b, 0);
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
        size_t at = 0, wanted = 0;
        for (int i = 0; i < COUNT; i++) {
            const char *open = i == 0 ? "{" : ",", *close = i == COUNT - 1 ? "}" : "";
            int key = i * strides[s] % COUNT;
            at +=
                (size_t)snprintf(text + at, SIZE + 3, "%s\"%04d\":%d%s", open, key, key, close);
            wanted += (size_t)snprintf(expected + wanted, SIZE + 3, "%s\"%04d\":%d%s", open, i,
                                       i, close);
        }
        check(canonicalize(&b, text) == NULL && is_text(&b, expected), "keys are sorted");
    }
    teardown(&b);
}

static void nest(char *text, size_t depth)
{
    size_t at = 0;
    for (size_t i = 0; i < depth; i++) {
        memcpy(text + at, "{\"b\":1,\"a\":", 11);
        at += 11;
    }
    text[at++] = '0';
    memset(text + at, '}', depth);
    text[at + depth] = '\0';
}

static void go_deep(void)
{
    enum { DEEPEST = 1000 };
    static char text[DEEPEST * 13];
    bench b;
    setup(&b, 0);
    nest(text, DEEPEST);
    check(canonicalize(&b, text) == NULL, "as deep as a document may be");
    check(b.form.text.length == strlen(text), "sorting changes no length");
    nest(text, DEEPEST + 1);
    check(canonicalize(&b, text) != NULL, "and no deeper");
    teardown(&b);
}

static void fail_each_allocation(void)
{
    const char *text = "{\"b\\n\":[1,2.5,{\"x\":\"long \\u00e9 enough to need memory of its "
                       "own, and a bit more than that, so that buffers grow once or twice\"}],"
                       "\"a\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}";
    long n = 1;
    for (bool done = false; !done; n++) {
        bench b;
        setup(&b, n);
        const char *problem = canonicalize(&b, text);
        done = b.memory.asked < n;
        check(done ? problem == NULL && !b.form.text.failed : b.form.text.failed,
              "memory that runs out is told");
        b.memory.fails = 0;
        check(canonicalize(&b, text) == NULL && !b.form.text.failed, "and once only");
        teardown(&b);
    }
    check(n > 4, "several allocations were tried");
}

int main(void)
{
    try_examples();
    refuse_what_is_no_json();
    sort_many_keys();
    go_deep();
    fail_each_allocation();
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
