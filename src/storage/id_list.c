#include "storage/id_list.h"

#include <stdlib.h>
#include <string.h>

static bool make_room(mb_id_list *list)
{
    if (list->count < list->capacity)
        return true;
    size_t capacity = list->capacity ? list->capacity * 2 : 32;
    mb_id *items = sqlite3_realloc64(list->items, capacity * sizeof *items);
    if (items == NULL)
        return false;
    list->items = items;
    list->capacity = capacity;
    return true;
}

static bool make_text_room(mb_id_list *list, size_t length)
{
    if (list->size - list->used >= length)
        return true;
    size_t size = 2 * list->size + length + 1024;
    char *text = sqlite3_realloc64(list->text, size);
    if (text == NULL)
        return false;
    list->text = text;
    list->size = size;
    return true;
}

bool mb_id_list_add(mb_id_list *list, int64_t position, int64_t seq, const char *text,
                    size_t length)
{
    if (!make_room(list) || !make_text_room(list, length))
        return false;
    memcpy(list->text + list->used, text, length);
    list->items[list->count++] = (mb_id){ position, seq, list->used, length };
    list->used += length;
    return true;
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_seq(const void *a, const void *b)
{
    const mb_id *one = a, *other = b;
    return compare(one->seq, other->seq);
}

static int by_place(const void *a, const void *b)
{
    const mb_id *one = a, *other = b;
    int order = compare(one->position, other->position);
    return order != 0 ? order : compare(one->seq, other->seq);
}

void mb_id_list_sort(mb_id_list *list, bool by_position)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, by_position ? by_place : by_seq);
}

void mb_id_list_free(mb_id_list *list)
{
    sqlite3_free(list->items);
    sqlite3_free(list->text);
    *list = (mb_id_list){ 0 };
}
