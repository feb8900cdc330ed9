// Which page of a damaged file belongs to which tree. A tree is walked down from its root;
// where a page in between is damaged, the pointer maps tell what hung below it.
#ifndef MB_STORAGE_OWNERS_H
#define MB_STORAGE_OWNERS_H

#include "storage/pages.h"

typedef struct mb_owners {
    mb_pages *pages; // the file
    uint32_t *root;  // by page: the root of its tree; 0: in no tree
    uint8_t *state;  // by page: see owners.c
    uint32_t *stack; // pages that are to be walked
    size_t waiting;  // how many they are
    size_t room;     // how many fit
    uint8_t *page;   // the one that is being looked at
    bool failed;     // memory ran out
} mb_owners;

// What a page of a tree turned out to be.
typedef struct mb_tree_page {
    bool leaf;          // it has no children
    bool index;         // of an index, or of a table without rowids
    uint32_t cells;     // how many it says it has
    const uint8_t *at;  // their offsets, two bytes each
    const uint8_t *end; // behind the usable part of the page
} mb_tree_page;

MB_HIDDEN_BEGIN

// Needs mb_owners_close in any case. False for lack of memory.
bool mb_owners_open(mb_owners *owners, mb_pages *pages);
void mb_owners_close(mb_owners *owners);

// Walks the tree below a root.
void mb_owners_claim(mb_owners *owners, uint32_t root, bool index);

// After all roots are claimed: gives what hung below damaged pages to their trees.
void mb_owners_adopt(mb_owners *owners);

// Whether a page, of a tree, cannot be read or is not what it should be; and whether what it
// held is found elsewhere, because it led to other pages only.
bool mb_owners_is_broken(const mb_owners *owners, uint32_t number);
bool mb_owners_is_replaced(const mb_owners *owners, uint32_t number);

// Looks at a page in memory; false for one that can be no page of a tree.
bool mb_tree_page_parse(mb_tree_page *tree, const mb_pages *pages, const uint8_t *page,
                        uint32_t number);

// The cell with that number, from 0; NULL when it lies outside the page.
const uint8_t *mb_tree_page_cell(const mb_tree_page *tree, const uint8_t *page, uint32_t n);

MB_HIDDEN_END

#endif
