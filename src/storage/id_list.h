// Ids of nodes that a query found, to be given out when nothing more is read.
#ifndef MB_STORAGE_ID_LIST_H
#define MB_STORAGE_ID_LIST_H

#include <sqlite3.h>

#include "kernel/common.h"

typedef struct mb_id {
    int64_t position; // of the node on its path
    int64_t seq;      // the order in which nodes were added
    size_t at;        // where its text begins
    size_t length;    // bytes of it
} mb_id;

// All zero is an empty list.
typedef struct mb_id_list {
    mb_id *items;
    size_t count;
    size_t capacity;
    char *text; // of all, one behind the other
    size_t used;
    size_t size;
} mb_id_list;

MB_HIDDEN_BEGIN

// Appends an id. False when memory runs out.
bool mb_id_list_add(mb_id_list *list, int64_t position, int64_t seq, const char *text,
                    size_t length);

// Orders by seq, or by position and then seq.
void mb_id_list_sort(mb_id_list *list, bool by_position);

// Gives the memory back.
void mb_id_list_free(mb_id_list *list);

MB_HIDDEN_END

#endif
