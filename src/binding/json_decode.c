#include <string.h>

#include "binding/json.h"
#include "binding/json_marks.h"
#include "binding/string_cache.h"
#include "kernel/json_read.h"
#include "kernel/number.h"

// A container is built when it is complete, so that its table has the right size from the
// start: until then a placeholder stands on the Lua stack and above it what goes into the
// table. Only large ones are stored in portions, because LuaJIT gives a C function no more than
// 8000 slots.
enum {
    PORTION = 64,        // values, or pairs, that wait at most for their table
    STACK_BUDGET = 4000, // slots in use from which on none wait
    STACK_STEP = 64,     // slots asked for at a time
    STACK_SPARE = 8,     // slots kept for the work on a table
    SEARCHES = 4         // keys of an object that are looked for among those that wait
};

typedef struct container {
    uint64_t serial;  // greater than that of every container begun before it
    int slot;         // stack index of the table, or its placeholder
    uint32_t waiting; // values, or pairs, above it that are not stored yet
    uint32_t stored;  // items of an array that are
    bool object;      // an object, not an array
    bool created;     // the table is there
    bool repeated;    // two of the waiting keys may be the same
    int searches;     // how often waiting keys were searched for a new one
} container;

typedef struct decoder {
    lua_State *L;          // where the values go
    mbL_vm *vm;            // of the state
    int strings;           // stack index of the cache's array; the root value is above it
    int top;               // stack index of the topmost value
    int limit;             // greatest stack index that is certain to be there
    int depth;             // open containers
    int room;              // fields that the caller is going to add to the root object
    mb_json_reader reader; // of the text
    container open[MB_JSON_MAX_DEPTH]; // those, outermost first
} decoder;

// Makes room on the stack for a few more values.
static bool reserve_slots(decoder *d)
{
    if (MB_LIKELY(d->top + STACK_SPARE <= d->limit)) {
        return true;
    }
    if (!lua_checkstack(d->L, STACK_STEP + STACK_SPARE)) {
        return false;
    }
    d->limit = d->top + STACK_STEP + STACK_SPARE;
    return true;
}

// Puts the table of `c` in the place of its placeholder.
static void create_table(decoder *d, container *c, int items)
{
    int room = c == d->open ? d->room : 0;
    lua_createtable(d->L, c->object ? 0 : items, c->object ? items + room : 0);
    lua_replace(d->L, c->slot);
    c->created = true;
}

static void store_items(decoder *d, container *c)
{
    for (uint32_t i = c->waiting; i > 0; i--) {
        lua_rawseti(d->L, c->slot, (int)(c->stored + i));
    }
    c->stored += c->waiting;
}

// Stores the pairs from the last to the first, as they lie on the stack; where a key may come
// twice from the first to the last, for the last one wins.
static void store_pairs(decoder *d, container *c)
{
    if (MB_LIKELY(!c->repeated)) {
        for (uint32_t i = c->waiting; i > 0; i--) {
            lua_rawset(d->L, c->slot);
        }
        return;
    }
    for (int key = c->slot + 1; key < d->top; key += 2) {
        lua_pushvalue(d->L, key);
        lua_pushvalue(d->L, key + 1);
        lua_rawset(d->L, c->slot);
    }
    lua_settop(d->L, c->slot);
}

// Moves what waits above `c`, the innermost container, into its table.
static void store_waiting(decoder *d, container *c)
{
    if (c->object) {
        store_pairs(d, c);
    } else {
        store_items(d, c);
    }
    c->waiting = 0;
    c->repeated = false;
    d->top = c->slot;
}

// Too many values wait for their table: it is made before it is complete.
MB_COLD static void store_portion(decoder *d, container *c)
{
    if (!c->created) {
        create_table(d, c, (int)c->waiting * 2);
    }
    store_waiting(d, c);
}

// A value was pushed, and may belong to a container.
static MB_ALWAYS_INLINE void pushed(decoder *d)
{
    d->top++;
    if (MB_UNLIKELY(d->depth == 0)) {
        return;
    }
    container *c = &d->open[d->depth - 1];
    c->waiting++;
    if (MB_UNLIKELY(c->waiting >= PORTION || d->top >= d->strings + STACK_BUDGET)) {
        store_portion(d, c);
    }
}

static MB_ALWAYS_INLINE unsigned push_string(decoder *d, const char *text, size_t length)
{
    return mbL_string_cache_push(d->L, &d->vm->strings, d->strings, text, length);
}

// Whether the key on top of the stack may be among those that wait in `c`. Searching for many
// of them would cost more than storing the pairs with care.
MB_COLD static bool is_waiting(decoder *d, container *c)
{
    if (c->repeated || c->searches++ == SEARCHES) {
        return true;
    }
    for (int key = c->slot + 1; key < d->top; key += 2) {
        if (lua_rawequal(d->L, key, d->top)) {
            return true;
        }
    }
    return false;
}

// Pushes the key of a value in the innermost container. Only if one of its slot was met since
// the container began can it be there already.
static MB_ALWAYS_INLINE void push_key(decoder *d)
{
    container *c = &d->open[d->depth - 1];
    unsigned slot = push_string(d, d->reader.key, d->reader.key_length);
    d->top++;
    if (MB_UNLIKELY(slot == MBL_CACHE_SLOTS || d->vm->key_serials[slot] >= c->serial)) {
        c->repeated = is_waiting(d, c);
    }
    d->vm->key_serials[slot % MBL_CACHE_SLOTS] = c->serial;
}

static MB_ALWAYS_INLINE void open_container(decoder *d, bool object)
{
    lua_pushnil(d->L);
    d->top++;
    d->open[d->depth++] =
        (container){ .serial = ++d->vm->last_serial, .slot = d->top, .object = object };
}

static MB_ALWAYS_INLINE void close_container(decoder *d)
{
    container *c = &d->open[d->depth - 1];
    bool empty = !c->created && c->waiting == 0;
    if (!c->created) {
        create_table(d, c, (int)c->waiting);
    }
    store_waiting(d, c);
    if (empty && !c->object) {
        mbL_marks_push(d->L, d->vm);
        lua_setmetatable(d->L, c->slot);
    }
    d->depth--;
    d->top--;
    pushed(d);
}

#if LUA_VERSION_NUM >= 503

static bool push_integer(decoder *d)
{
    lua_pushinteger(d->L, (lua_Integer)d->reader.integer);
    return true;
}

// An integer beyond Lua's is the nearest float.
static bool push_big(decoder *d)
{
    double number;
    if (!mb_parse_double(d->reader.text, d->reader.length, &number)) {
        d->reader.problem = "a number out of range";
        return false;
    }
    lua_pushnumber(d->L, number);
    return true;
}

#else

// An integer that a double does not hold exactly stays text rather than being rounded.
static bool push_big(decoder *d)
{
    lua_pushlstring(d->L, d->reader.text, d->reader.length);
    return true;
}

static bool push_integer(decoder *d)
{
    int64_t integer = d->reader.integer;
    if (integer > MBL_MAX_EXACT || integer < -MBL_MAX_EXACT) {
        return push_big(d);
    }
    lua_pushnumber(d->L, (lua_Number)integer);
    return true;
}

#endif

// Pushes what an event stands for. False when it is an error.
static MB_ALWAYS_INLINE bool take_event(decoder *d, mb_json_event event)
{
    if (d->reader.key != NULL) {
        push_key(d);
    }
    switch (event) {
    case MB_JSON_OBJECT:
    case MB_JSON_ARRAY:
        open_container(d, event == MB_JSON_OBJECT);
        return true;
    case MB_JSON_CLOSE:
        close_container(d);
        return true;
    case MB_JSON_STRING:
        push_string(d, d->reader.text, d->reader.length);
        break;
    case MB_JSON_INT:
    case MB_JSON_BIG:
        if (!(event == MB_JSON_INT ? push_integer : push_big)(d)) {
            return false;
        }
        break;
    case MB_JSON_DOUBLE:
        lua_pushnumber(d->L, d->reader.number);
        break;
    case MB_JSON_NULL:
        lua_pushlightuserdata(d->L, NULL);
        break;
    case MB_JSON_TRUE:
    case MB_JSON_FALSE:
        lua_pushboolean(d->L, event == MB_JSON_TRUE);
        break;
    default:
        return false;
    }
    pushed(d);
    return true;
}

static bool fail(decoder *d, mb_error *err)
{
    const mb_json_reader *r = &d->reader;
    if (r->unescaped->failed) {
        mb_buffer_clear(r->unescaped);
        luaL_error(d->L, "not enough memory");
    }
    mb_error_set(err, MB_SERIALIZATION, 0, "invalid JSON: %s at byte %zu", r->problem,
                 (size_t)(r->cursor - r->start) + 1);
    lua_settop(d->L, d->strings - 1);
    return false;
}

static bool fail_stack(decoder *d, int top, mb_error *err)
{
    lua_settop(d->L, top);
    mb_error_set(err, MB_INTERNAL, 0, "the Lua stack is full");
    return false;
}

// Takes event after event, until the value stands above the cache's array, and leaves it alone.
static bool decode_events(decoder *d, mb_error *err)
{
    while (MB_LIKELY(reserve_slots(d))) {
        mb_json_event event = mb_json_next(&d->reader);
        if (event == MB_JSON_END) {
            lua_replace(d->L, d->strings);
            return true;
        }
        if (!take_event(d, event)) {
            return fail(d, err);
        }
    }
    return fail_stack(d, d->strings - 1, err);
}

bool mbL_json_decode(lua_State *L, mbL_vm *vm, const char *text, size_t length, mb_error *err)
{
    return mbL_json_decode_roomy(L, vm, text, length, 0, err);
}

bool mbL_json_decode_roomy(lua_State *L, mbL_vm *vm, const char *text, size_t length, int room,
                           mb_error *err)
{
    decoder d;
    d.L = L;
    d.vm = vm;
    d.depth = 0;
    d.room = room;
    d.top = d.strings = lua_gettop(L) + 1;
    d.limit = d.top + STACK_STEP;
    if (!lua_checkstack(L, STACK_STEP + 1)) {
        return fail_stack(&d, d.strings - 1, err);
    }
    mbL_string_cache_open(L, &vm->strings);
    mb_json_read(&d.reader, text, length, &vm->unescaped);
    return decode_events(&d, err);
}
