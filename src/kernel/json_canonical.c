#include "kernel/json_canonical.h"

#include <string.h>

#include "kernel/json_read.h"
#include "kernel/json_write.h"
#include "kernel/number.h"

// The document is read into a tree whose leaves are canonical already, the children of each
// object are sorted as a list when it is complete, and the tree is written: the time grows with
// the length of the text, however deep it is nested.

// Stands for no node.
#define NONE SIZE_MAX

typedef struct node {
    size_t start; // of its bytes among the pieces: `"key":` in an object, then a scalar's text
    size_t end;   // of those
    size_t key;   // length of the key with its quotes; 0 without one
    size_t first; // its first child, or NONE
    size_t next;  // the child after it of the same parent, or NONE
    char open;    // '{' or '['; 0 of a scalar
} node;

typedef struct tree {
    mb_json_canonical *form;              // where it is kept
    mb_json_reader reader;                // of the text
    const char *problem;                  // what is wrong with the text
    int depth;                            // open containers
    size_t parents[MB_JSON_MAX_DEPTH];    // those, outermost first
    size_t last_child[MB_JSON_MAX_DEPTH]; // of each of them, or NONE
} tree;

static node *nodes_of(const mb_json_canonical *form)
{
    return (node *)(void *)form->nodes.data;
}

// ---- reading ----

static void write_number(tree *t, mb_json_event event)
{
    mb_json_canonical *form = t->form;
    double value = t->reader.number;
    if (event == MB_JSON_INT) {
        mb_json_write_integer(&form->pieces, t->reader.integer);
        return;
    }
    if (event == MB_JSON_BIG && !mb_parse_double(t->reader.text, t->reader.length, &value)) {
        t->problem = "a number out of range";
        return;
    }
    // -2^63 and 2^63 are doubles; every integer lies between them.
    bool fits = value >= (double)INT64_MIN && value < -(double)INT64_MIN;
    bool whole = fits && (double)(int64_t)value == value;
    if (whole) {
        mb_json_write_integer(&form->pieces, (int64_t)value);
    } else {
        mb_json_write_double(&form->pieces, value);
    }
    form->reduced = form->reduced || whole || event == MB_JSON_BIG;
}

static void write_piece(tree *t, mb_json_event event)
{
    static const char *const literals[] = {
        [MB_JSON_NULL] = "null", [MB_JSON_FALSE] = "false", [MB_JSON_TRUE] = "true"
    };
    mb_buffer *pieces = &t->form->pieces;
    switch (event) {
    case MB_JSON_NULL:
    case MB_JSON_FALSE:
    case MB_JSON_TRUE:
        mb_buffer_append(pieces, literals[event], strlen(literals[event]));
        break;
    case MB_JSON_STRING:
        mb_json_write_string(pieces, t->reader.text, t->reader.length);
        break;
    case MB_JSON_INT:
    case MB_JSON_BIG:
    case MB_JSON_DOUBLE:
        write_number(t, event);
        break;
    default:
        break;
    }
}

// Hangs a node below the innermost open container.
static void link_node(tree *t, size_t index)
{
    node *nodes = nodes_of(t->form);
    size_t *last = &t->last_child[t->depth - 1];
    if (*last == NONE) {
        nodes[t->parents[t->depth - 1]].first = index;
    } else {
        nodes[*last].next = index;
    }
    *last = index;
}

// Takes in the value that an event stands for, or begins.
static void add_node(tree *t, mb_json_event event)
{
    mb_json_canonical *form = t->form;
    size_t index = form->nodes.length / sizeof(node);
    node n = { .start = form->pieces.length, .first = NONE, .next = NONE };
    if (t->reader.key != NULL) {
        mb_json_write_string(&form->pieces, t->reader.key, t->reader.key_length);
        n.key = form->pieces.length - n.start;
        mb_buffer_append_byte(&form->pieces, ':');
    }
    write_piece(t, event);
    n.end = form->pieces.length;
    n.open = (char)(event == MB_JSON_OBJECT ? '{' : event == MB_JSON_ARRAY ? '[' : 0);
    mb_buffer_append(&form->nodes, &n, sizeof n);
    if (form->nodes.failed) {
        return;
    }
    if (t->depth > 0) {
        link_node(t, index);
    }
    if (n.open != 0) {
        t->parents[t->depth] = index;
        t->last_child[t->depth++] = NONE;
    }
}

// ---- sorting ----

// Whether the key of `a` comes behind that of `b`. The quote that ends a key is not part of it.
static bool is_behind(const char *pieces, const node *a, const node *b)
{
    size_t shorter = (a->key < b->key ? a->key : b->key) - 2;
    int order = memcmp(pieces + a->start + 1, pieces + b->start + 1, shorter);
    return order > 0 || (order == 0 && a->key > b->key);
}

static size_t merge(const mb_json_canonical *form, size_t a, size_t b)
{
    node *nodes = nodes_of(form);
    size_t first = NONE, *end = &first;
    while (a != NONE && b != NONE) {
        size_t *lesser = is_behind(form->pieces.data, &nodes[a], &nodes[b]) ? &b : &a;
        *end = *lesser;
        end = &nodes[*lesser].next;
        *lesser = *end;
    }
    *end = a != NONE ? a : b;
    return first;
}

// Sorts the children from `first` on by their keys and returns the first then: lists of 1, 2,
// 4... sorted children are merged as soon as there are two of a size.
static size_t sort_children(const mb_json_canonical *form, size_t first)
{
    size_t lists[64], used = 0, result = NONE;
    while (first != NONE) {
        size_t list = first, i = 0;
        first = nodes_of(form)[list].next;
        nodes_of(form)[list].next = NONE;
        for (; i < used && lists[i] != NONE; i++) {
            list = merge(form, lists[i], list);
            lists[i] = NONE;
        }
        used = i == used ? used + 1 : used;
        lists[i] = list;
    }
    for (size_t i = 0; i < used; i++) {
        result = merge(form, lists[i], result);
    }
    return result;
}

static void close_container(tree *t)
{
    node *parent = &nodes_of(t->form)[t->parents[--t->depth]];
    if (parent->open == '{') {
        parent->first = sort_children(t->form, parent->first);
    }
}

static bool read_tree(tree *t)
{
    mb_json_canonical *form = t->form;
    mb_json_event event;
    while ((event = mb_json_next(&t->reader)) > MB_JSON_END) {
        if (event == MB_JSON_CLOSE) {
            close_container(t);
        } else {
            add_node(t, event);
        }
        if (t->problem != NULL || form->nodes.failed || form->pieces.failed) {
            return false;
        }
    }
    if (event == MB_JSON_ERROR) {
        t->problem = t->reader.problem;
    }
    return event == MB_JSON_END;
}

// ---- writing ----

// Goes to the value that follows `at`, closing what ends on the way; NONE at the end.
static size_t advance(tree *t, size_t at)
{
    const node *nodes = nodes_of(t->form);
    while (nodes[at].next == NONE) {
        if (t->depth == 0) {
            return NONE;
        }
        at = t->parents[--t->depth];
        mb_buffer_append_byte(&t->form->text, (char)(nodes[at].open + 2));
    }
    mb_buffer_append_byte(&t->form->text, ',');
    return nodes[at].next;
}

static void write_tree(tree *t)
{
    mb_buffer *out = &t->form->text;
    for (size_t at = 0; at != NONE && !out->failed;) {
        const node *n = &nodes_of(t->form)[at];
        if (n->end > n->start) {
            mb_buffer_append(out, t->form->pieces.data + n->start, n->end - n->start);
        }
        if (n->open != 0) {
            mb_buffer_append_byte(out, n->open);
        }
        if (n->first != NONE) {
            t->parents[t->depth++] = at;
            at = n->first;
            continue;
        }
        if (n->open != 0) {
            mb_buffer_append_byte(out, (char)(n->open + 2));
        }
        at = advance(t, at);
    }
}

const char *mb_json_canonicalize(mb_json_canonical *form, const char *text, size_t length,
                                 mb_buffer *unescaped)
{
    tree t;
    mb_buffer_clear(&form->text);
    mb_buffer_clear(&form->pieces);
    mb_buffer_clear(&form->nodes);
    form->reduced = false;
    t.form = form;
    t.problem = NULL;
    t.depth = 0;
    mb_json_read(&t.reader, text, length, unescaped);
    if (read_tree(&t)) {
        write_tree(&t);
    } else if (t.problem == NULL || unescaped->failed) {
        form->text.failed = true;
    }
    return t.problem;
}

void mb_json_canonical_init(mb_json_canonical *form, mb_allocator allocator)
{
    form->reduced = false;
    mb_buffer_init(&form->text, allocator);
    mb_buffer_init(&form->pieces, allocator);
    mb_buffer_init(&form->nodes, allocator);
}

void mb_json_canonical_trim(mb_json_canonical *form, size_t keep)
{
    mb_buffer_trim(&form->text, keep);
    mb_buffer_trim(&form->pieces, keep);
    mb_buffer_trim(&form->nodes, keep);
}

void mb_json_canonical_free(mb_json_canonical *form)
{
    mb_buffer_free(&form->text);
    mb_buffer_free(&form->pieces);
    mb_buffer_free(&form->nodes);
}
