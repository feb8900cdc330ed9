#include "storage/vector_cache.h"

#include <string.h>

// A block that so many searches of its set did not look at makes room for another one.
enum { VIEWS = 16, IDLE = 8 };

struct mb_vector_cache {
    mb_vector_view views[VIEWS]; // those with a key are in use
    size_t limit;                // bytes of blocks that there may be
    uint64_t clock;              // counts searches
    size_t hand;                 // the card where room was found last
};

typedef struct mb_vector_cache cache;

static cache *get_cache(mb_connection *c)
{
    if (c->vectors == NULL) {
        c->vectors = sqlite3_malloc64(sizeof *c->vectors);
        if (c->vectors != NULL) {
            memset(c->vectors, 0, sizeof *c->vectors);
            c->vectors->limit = MB_VECTOR_CACHE_LIMIT;
        }
    }
    return c->vectors;
}

static size_t bytes_of(const cache *all)
{
    size_t bytes = 0;
    for (size_t i = 0; i < VIEWS; i++)
        bytes += all->views[i].bytes;
    return bytes;
}

// The set, other than `keep`, that has blocks and was not used for longest.
static mb_vector_view *oldest_view(cache *all, const mb_vector_view *keep)
{
    mb_vector_view *oldest = NULL;
    for (size_t i = 0; i < VIEWS; i++) {
        mb_vector_view *view = &all->views[i];
        if (view != keep && view->bytes > 0 && (oldest == NULL || view->used < oldest->used))
            oldest = view;
    }
    return oldest;
}

// Forgets a block of the set that was not looked at for some time; false when there is none.
static bool forget_idle(cache *all, mb_vector_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        mb_vector_card *card = &view->cards[all->hand++ % view->count];
        if (card->block.memory != NULL && card->used + IDLE < all->clock) {
            mb_vector_view_forget(view, card);
            return true;
        }
    }
    return false;
}

// Has room for as many more bytes, at the cost of sets that were not used for longer, and then
// of idle blocks of the set itself.
static bool make_room(cache *all, mb_vector_view *view, size_t bytes)
{
    while (bytes <= all->limit && bytes_of(all) > all->limit - bytes) {
        mb_vector_view *oldest = oldest_view(all, view);
        if (oldest != NULL)
            mb_vector_view_free(oldest);
        else if (!forget_idle(all, view))
            return false;
    }
    return bytes <= all->limit;
}

// The view of a set, or one that was not used for longest, emptied.
static mb_vector_view *find_view(cache *all, int64_t key)
{
    mb_vector_view *oldest = &all->views[0];
    for (size_t i = 0; i < VIEWS; i++) {
        mb_vector_view *view = &all->views[i];
        if (view->key == key)
            return view;
        if (view->used < oldest->used)
            oldest = view;
    }
    mb_vector_view_free(oldest);
    oldest->key = key;
    return oldest;
}

mb_vector_view *mb_vector_view_get(mb_reader *r, const mb_vector_set *set)
{
    cache *all = get_cache(r->connection);
    if (all == NULL) {
        mb_reader_no_memory(r);
        return NULL;
    }
    mb_vector_view *view = find_view(all, set->key);
    view->used = ++all->clock;
    return mb_vector_view_load(r, set, view) ? view : NULL;
}

const mb_vector_block *mb_vector_block_get(mb_reader *r, const mb_vector_set *set,
                                           mb_vector_view *view, mb_vector_card *card,
                                           mb_vector_block *spare)
{
    cache *all = r->connection->vectors;
    card->used = all->clock;
    if (card->block.memory != NULL)
        return &card->block;
    bool fits = make_room(all, view, mb_vector_rows_bytes(set->dim, card->records));
    mb_vector_block *b = fits ? &card->block : spare;
    if (!mb_vector_block_reserve(r, b, set->dim, card->records))
        return NULL;
    bool read = mb_block_read(r, set, card->number, card->records, &b->rows, &b->plain);
    if (fits)
        view->bytes += b->bytes;
    if (fits && !read)
        mb_vector_view_forget(view, card);
    return read ? b : NULL;
}

bool mb_vector_cache_limit(mb_connection *c, size_t bytes)
{
    cache *all = get_cache(c);
    if (all == NULL)
        return false;
    all->limit = bytes;
    for (size_t i = 0; i < VIEWS; i++) {
        if (bytes_of(all) > bytes)
            mb_vector_view_free(&all->views[i]);
    }
    return true;
}

size_t mb_vector_cache_bytes(const mb_connection *c)
{
    return c->vectors != NULL ? bytes_of(c->vectors) : 0;
}

void mb_vector_cache_free(mb_connection *c)
{
    for (size_t i = 0; c->vectors != NULL && i < VIEWS; i++)
        mb_vector_view_free(&c->vectors->views[i]);
    sqlite3_free(c->vectors);
    c->vectors = NULL;
}
