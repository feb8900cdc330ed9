#include "binding/text.h"

#include <string.h>

#include "binding/connection.h"
#include "binding/errors.h"
#include "binding/vm.h"
#include "kernel/text_match.h"
#include "kernel/text_stop.h"
#include "kernel/text_weight.h"
#include "kernel/text_words.h"
#include "storage/sqlite_error.h"
#include "storage/text_check.h"
#include "storage/text_index.h"
#include "storage/text_search.h"

// From so many on, texts that are put at once become a segment of their own; hits, at most.
enum { BULK = 64, MOST_HITS = 1 << 20 };

// core.words(text, [indexed]): the words in order, those of a query, or those that a text is
// indexed under.
static int core_words(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    mb_text_reader reader;
    mb_text_open(&reader, text, length, lua_toboolean(L, 2) != 0);
    lua_newtable(L);
    for (int n = 1; mb_text_next(&reader); n++) {
        lua_pushlstring(L, reader.word, reader.length);
        lua_rawseti(L, -2, n);
    }
    return 1;
}

static int no_memory(lua_State *L)
{
    mb_error err;
    mb_sqlite_fail(&err, NULL, SQLITE_NOMEM, "read words");
    return mbL_fail(L, &err);
}

// core.text_match(text, query, piece): where the piece of so many bytes begins that has most of
// the query's words; 1 when the text has none.
static int core_text_match(lua_State *L)
{
    size_t length, query_length;
    mbL_vm *vm = mbL_vm_get(L);
    const char *text = luaL_checklstring(L, 1, &length);
    const char *query = luaL_checklstring(L, 2, &query_length);
    size_t piece = (size_t)luaL_checknumber(L, 3);
    if (!mb_text_terms_read(&vm->text, query, query_length, false))
        return no_memory(L);
    size_t at = mb_text_match(&vm->text, text, length, piece);
    mbL_vm_trim(vm);
    lua_pushinteger(L, at == length ? 1 : (lua_Integer)at + 1);
    return 1;
}

const luaL_Reg mbL_text_functions[] = {
    { "words", core_words },
    { "text_match", core_text_match },
    { NULL, NULL },
};

// Argument 2: the key of the set.
static int64_t check_set(lua_State *L)
{
    lua_Number key = luaL_checknumber(L, 2);
    luaL_argcheck(L, key >= 1 && key <= INT32_MAX, 2, "out of range");
    return (int64_t)key;
}

// Begins to work for the caller, who must have the transaction where it is a change.
static bool begin(lua_State *L, mb_connection *c, bool change, mb_reader *r)
{
    memset(r, 0, sizeof *r);
    if (!mbL_connection_check(L, c, &r->err))
        return false;
    if (change && (c->depth == 0 || c->owner != L))
        return mb_reader_fail(r, MB_INTERNAL, "texts are changed inside a transaction only");
    return mb_reader_open(r, c, L);
}

static bool read_terms(mb_reader *r, mbL_vm *vm, const char *text, size_t length, bool singles)
{
    return mb_text_terms_read(&vm->text, text, length, singles) || mb_reader_no_memory(r);
}

typedef bool change_fn(mb_text_change *, uint32_t, const mb_text_terms *);

// Calls `one` for each of the texts of the arrays at 3 and 4.
static bool change_all(lua_State *L, mbL_vm *vm, mb_text_change *change, change_fn *one)
{
    for (size_t i = 1, count = lua_rawlen(L, 3); i <= count; i++) {
        size_t length;
        lua_rawgeti(L, 3, (int)i);
        lua_rawgeti(L, 4, (int)i);
        lua_Number serial = lua_tonumber(L, -2);
        if (!(serial >= 1 && serial <= UINT32_MAX) || lua_type(L, -1) != LUA_TSTRING)
            return mb_reader_fail(change->reader, MB_INTERNAL, "no serial, or no text");
        const char *text = lua_tolstring(L, -1, &length);
        if (!read_terms(change->reader, vm, text, length, true) ||
            !one(change, (uint32_t)serial, &vm->text))
            return false;
        lua_pop(L, 2);
    }
    return true;
}

// True, or nil and the error.
static int push_done(lua_State *L, const mb_reader *r, bool done)
{
    if (!done)
        return mbL_fail(L, &r->err);
    lua_pushboolean(L, true);
    return 1;
}

static int end_change(lua_State *L, mbL_vm *vm, mb_text_change *change, bool done)
{
    done = mb_text_change_close(change) && done;
    mb_reader_close(change->reader);
    mbL_vm_trim(vm);
    return push_done(L, change->reader, done);
}

// Puts the texts of the arrays at 3 and 4, or takes them out.
static int change_texts(lua_State *L, change_fn *one)
{
    mb_connection *c = mbL_check_connection(L);
    mbL_vm *vm = mbL_vm_get(L);
    int64_t set = check_set(L);
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checktype(L, 4, LUA_TTABLE);
    luaL_checkstack(L, 8, NULL);
    mb_reader r;
    mb_text_change change = { .reader = &r };
    bool done = begin(L, c, true, &r) &&
                mb_text_change_open(&change, &r, set, lua_rawlen(L, 3) >= BULK) &&
                change_all(L, vm, &change, one);
    return end_change(L, vm, &change, done);
}

// connection:text_put(set, serials, texts): adds texts to a set.
int mbL_text_put(lua_State *L)
{
    return change_texts(L, mb_text_put);
}

// connection:text_remove(set, serials, texts): takes texts out, as they were put.
int mbL_text_remove(lua_State *L)
{
    return change_texts(L, mb_text_remove);
}

// connection:text_drop(set): removes all of a set.
int mbL_text_drop(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    int64_t set = check_set(L);
    mb_reader r;
    bool done = begin(L, c, true, &r) && mb_text_drop(&r, set);
    mb_reader_close(&r);
    return push_done(L, &r, done);
}

// The serials of the array at `arg`, on the stack; NULL when it is nil.
static const uint32_t *push_serials(lua_State *L, int arg, size_t *count)
{
    *count = 0;
    if (lua_isnoneornil(L, arg))
        return NULL;
    luaL_checktype(L, arg, LUA_TTABLE);
    *count = lua_rawlen(L, arg);
    uint32_t *serials = lua_newuserdatauv(L, (*count + 1) * sizeof *serials, 0);
    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(L, arg, (int)i + 1);
        serials[i] = (uint32_t)lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    return serials;
}

static int push_hits(lua_State *L, const mb_vector_top *top)
{
    lua_createtable(L, (int)top->count, 0);
    lua_createtable(L, (int)top->count, 0);
    for (size_t i = 0; i < top->count; i++) {
        lua_pushinteger(L, (lua_Integer)top->items[i].serial);
        lua_rawseti(L, -3, (int)i + 1);
        lua_pushnumber(L, top->items[i].key);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 2;
}

// Which of the terms a word is; their number when it is none that counts.
static size_t term_of(const mb_text_terms *terms, const mb_text_reader *word)
{
    uint64_t hash = mb_text_hash(word->word, word->length);
    size_t most = terms->count < MB_TEXT_QUERY_WORDS ? terms->count : MB_TEXT_QUERY_WORDS;
    for (size_t i = 0; i < most; i++) {
        if (mb_text_terms_items(terms)[i].hash == hash)
            return i;
    }
    return terms->count;
}

// Words that tell nothing are faint where there are others.
static void ask(const mb_text_terms *terms, const char *query, size_t length,
                mb_text_asked *asked)
{
    bool others = false;
    mb_text_reader word;
    mb_text_open(&word, query, length, false);
    while (mb_text_next(&word)) {
        size_t i = term_of(terms, &word);
        if (i == terms->count)
            continue;
        asked[i].faint = mb_text_is_stop(word.word, word.length);
        others = others || !asked[i].faint;
    }
    for (size_t i = 0; i < MB_TEXT_QUERY_WORDS && !others; i++)
        asked[i].faint = false;
}

// The words that count, in order and each once, and how rare they are.
static int push_words(lua_State *L, const mb_text_terms *terms, const char *query,
                      size_t length, mb_text_asked *asked)
{
    int n = 0;
    mb_text_reader word;
    lua_newtable(L);
    lua_newtable(L);
    mb_text_open(&word, query, length, false);
    while (mb_text_next(&word)) {
        size_t i = term_of(terms, &word);
        if (i == terms->count || asked[i].faint || asked[i].told)
            continue;
        asked[i].told = true;
        lua_pushlstring(L, word.word, word.length);
        lua_rawseti(L, -3, ++n);
        lua_pushnumber(L, asked[i].rarity);
        lua_rawseti(L, -2, n);
    }
    return 2;
}

// connection:text_search(set, query, k, among): serials and scores of the best k texts, the
// best first; the words of the query that tell something and their rarities. `among` is nil for
// all, else an ascending array of serials.
int mbL_text_search(lua_State *L)
{
    size_t length;
    mb_connection *c = mbL_check_connection(L);
    mbL_vm *vm = mbL_vm_get(L);
    mb_text_asked asked[MB_TEXT_QUERY_WORDS] = { { .faint = false } };
    mb_text_wish wish = { .set = check_set(L), .terms = &vm->text, .asked = asked };
    const char *query = luaL_checklstring(L, 3, &length);
    lua_Number k = luaL_checknumber(L, 4);
    luaL_argcheck(L, k >= 0, 4, "negative");
    wish.among = push_serials(L, 5, &wish.among_count);
    size_t most = wish.among != NULL ? wish.among_count : MOST_HITS;
    mb_vector_top top = { .limit = k < (lua_Number)most ? (size_t)k : most };
    top.items = lua_newuserdatauv(L, (top.limit + 1) * sizeof *top.items, 0);
    mb_reader r;
    bool done = begin(L, c, false, &r) && read_terms(&r, vm, query, length, false);
    if (done && top.limit > 0 && vm->text.count > 0) {
        ask(&vm->text, query, length, asked);
        done = mb_text_search(&r, &wish, &top);
    }
    mb_reader_close(&r);
    int results =
        done ? push_hits(L, &top) + push_words(L, &vm->text, query, length, asked) : 0;
    mbL_vm_trim(vm);
    return done ? results : mbL_fail(L, &r.err);
}

// connection:text_check(set): reads all of a set, and tells whether it agrees with itself.
int mbL_text_check(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    int64_t set = check_set(L);
    mb_reader r;
    bool good = begin(L, c, false, &r) && mb_text_check(&r, set);
    mb_reader_close(&r);
    return push_done(L, &r, good);
}
