#include "storage/owners.h"

#include <string.h>

enum {
    INDEX = 1,  // page of an index tree
    BROKEN = 2, // not readable, or not what it should be
    PARENT = 4, // what hung below it was found without it
    FIRST_PAGE_HEADER = 100
};

bool mb_owners_open(mb_owners *o, mb_pages *pages)
{
    memset(o, 0, sizeof *o);
    o->pages = pages;
    size_t count = (size_t)pages->count + 1;
    o->root = sqlite3_malloc64(count * sizeof *o->root);
    o->state = sqlite3_malloc64(count);
    o->page = sqlite3_malloc64(pages->size);
    if (o->root == NULL || o->state == NULL || o->page == NULL)
        return false;
    memset(o->root, 0, count * sizeof *o->root);
    memset(o->state, 0, count);
    return true;
}

void mb_owners_close(mb_owners *o)
{
    sqlite3_free(o->root);
    sqlite3_free(o->state);
    sqlite3_free(o->stack);
    sqlite3_free(o->page);
    memset(o, 0, sizeof *o);
}

bool mb_owners_is_broken(const mb_owners *o, uint32_t number)
{
    return (o->state[number] & BROKEN) != 0;
}

bool mb_owners_is_replaced(const mb_owners *o, uint32_t number)
{
    return (o->state[number] & PARENT) != 0;
}

bool mb_tree_page_parse(mb_tree_page *tree, const mb_pages *pages, const uint8_t *page,
                        uint32_t number)
{
    const uint8_t *header = page + (number == 1 ? FIRST_PAGE_HEADER : 0);
    uint8_t kind = header[0];
    if (kind != 2 && kind != 5 && kind != 10 && kind != 13)
        return false;
    tree->leaf = kind >= 10;
    tree->index = kind == 2 || kind == 10;
    tree->cells = mb_big16(header + 3);
    tree->at = header + (tree->leaf ? 8 : 12);
    tree->end = page + pages->usable;
    return tree->at + 2 * (size_t)tree->cells <= tree->end;
}

const uint8_t *mb_tree_page_cell(const mb_tree_page *tree, const uint8_t *page, uint32_t n)
{
    const uint8_t *cell = page + mb_big16(tree->at + 2 * (size_t)n);
    bool inside = cell >= tree->at + 2 * (size_t)tree->cells && cell + 4 <= tree->end;
    return inside ? cell : NULL;
}

static void push(mb_owners *o, uint32_t number)
{
    if (o->waiting == o->room) {
        size_t room = 2 * o->room + 64;
        uint32_t *more = sqlite3_realloc64(o->stack, room * sizeof *more);
        if (more == NULL) {
            o->failed = true;
            return;
        }
        o->stack = more;
        o->room = room;
    }
    o->stack[o->waiting++] = number;
}

static void take(mb_owners *o, uint32_t number, uint32_t root, bool index)
{
    o->root[number] = root;
    o->state[number] = index ? INDEX : 0;
    push(o, number);
}

// Takes a child that a page names. False when that cannot be.
static bool take_child(mb_owners *o, uint32_t parent, uint32_t child)
{
    uint32_t known = 0;
    if (child < 2 || child > o->pages->count || mb_pages_is_special(o->pages, child))
        return false;
    mb_page_use use = mb_pages_use(o->pages, child, &known);
    if (use != MB_PAGE_UNKNOWN && (use != MB_PAGE_TREE || known != parent))
        return false;
    if (o->root[child] != 0)
        return false;
    take(o, child, o->root[parent], (o->state[parent] & INDEX) != 0);
    return true;
}

static bool take_children(mb_owners *o, const mb_tree_page *tree, uint32_t number)
{
    bool sound = take_child(o, number, mb_big32(tree->at - 4));
    for (uint32_t i = 0; i < tree->cells; i++) {
        const uint8_t *cell = mb_tree_page_cell(tree, o->page, i);
        if (cell == NULL || !take_child(o, number, mb_big32(cell)))
            sound = false;
    }
    return sound;
}

static void look_at(mb_owners *o, uint32_t number)
{
    mb_tree_page tree;
    bool index = (o->state[number] & INDEX) != 0;
    bool sound = mb_pages_read(o->pages, number, o->page) &&
                 mb_tree_page_parse(&tree, o->pages, o->page, number) && tree.index == index;
    if (sound && !tree.leaf)
        sound = take_children(o, &tree, number);
    if (!sound)
        o->state[number] |= BROKEN;
}

static void walk(mb_owners *o)
{
    while (o->waiting > 0 && !o->failed)
        look_at(o, o->stack[--o->waiting]);
}

void mb_owners_claim(mb_owners *o, uint32_t root, bool index)
{
    if (root == 0 || root > o->pages->count || o->root[root] != 0)
        return;
    take(o, root, root, index);
    walk(o);
}

// Takes a page that nobody named and whose parent, as the map has it, is damaged.
static bool adopt(mb_owners *o, uint32_t number)
{
    uint32_t parent = 0;
    if (o->root[number] != 0 || mb_pages_use(o->pages, number, &parent) != MB_PAGE_TREE ||
        parent > o->pages->count || o->root[parent] == 0 || !mb_owners_is_broken(o, parent))
        return false;
    o->state[parent] |= PARENT;
    take(o, number, o->root[parent], (o->state[parent] & INDEX) != 0);
    walk(o);
    return true;
}

void mb_owners_adopt(mb_owners *o)
{
    for (bool more = true; more && !o->failed;) {
        more = false;
        for (uint32_t number = 2; number <= o->pages->count; number++)
            more = adopt(o, number) || more;
    }
}
