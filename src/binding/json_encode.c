#include <math.h>
#include <string.h>

#include "binding/json.h"
#include "binding/json_marks.h"
#include "kernel/json_read.h"
#include "kernel/json_write.h"

// Stack slots: a table and its present key at each level; above them a value and what the marks
// take. They are asked for a few levels at a time.
enum { SLOTS_OF_LEVEL = 2, SLOTS_ABOVE = 10, LEVELS_AT_ONCE = 16 };

typedef enum level_kind {
    OBJECT,   // walked with lua_next; the keys are strings
    SEQUENCE, // walked with lua_next, which so far gave the keys 1, 2, 3...
    LIST      // an array that lua_next gives in another order: walked by index
} level_kind;

// A table that is being written. On the Lua stack it lies at `slot`, in the first two kinds
// with the present key above it.
typedef struct level {
    const void *identity; // of the table, to find cycles
    size_t start;         // length of the output before the table
    int slot;             // stack index of the table
    level_kind kind;      // how it is walked
    int64_t index;        // of an array: of the present item
    int64_t size;         // of a LIST: its number of items
} level;

typedef enum outcome {
    FAILED,  // the error is filled in
    WRITTEN, // and popped
    ENTERED  // a table was begun, whose first key and value are on top of the stack
} outcome;

typedef struct encoder {
    lua_State *L;                  // where the value lies
    int root;                      // stack index of the whole value
    mbL_vm *vm;                    // of the state
    mb_buffer *out;                // where the text goes
    mb_error *err;                 // why it failed
    int depth;                     // tables being written
    level open[MB_JSON_MAX_DEPTH]; // those, outermost first
} encoder;

// ---- errors ----

static void add_path_key(mb_buffer *path, const char *key, size_t length)
{
    bool name = length > 0 && !(key[0] >= '0' && key[0] <= '9');
    for (size_t i = 0; name && i < length; i++) {
        char c = key[i], lower = (char)(c | 0x20);
        name = c == '_' || (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
    }
    if (name) {
        mb_buffer_append_byte(path, '.');
        mb_buffer_append(path, key, length);
        return;
    }
    mb_buffer_append_byte(path, '[');
    mb_json_write_string(path, key, length);
    mb_buffer_append_byte(path, ']');
}

// Writes the path that leads through the outermost `depth` tables.
static void write_path(encoder *e, int depth, mb_buffer *path)
{
    for (int i = 0; i < depth; i++) {
        const level *l = &e->open[i];
        if (l->kind == OBJECT) {
            size_t length;
            const char *key = lua_tolstring(e->L, l->slot + 1, &length);
            add_path_key(path, key, length);
        } else {
            mb_buffer_append_byte(path, '[');
            mb_json_write_integer(path, l->index);
            mb_buffer_append_byte(path, ']');
        }
    }
}

// Adds to the error the path of the value that the outermost `depth` tables lead to. It is put
// together behind the text, which is given up.
static bool fail_at(encoder *e, int depth)
{
    size_t before = e->out->length;
    write_path(e, depth, e->out);
    if (!e->out->failed) {
        mb_error_set_field(e->err, e->out->data + before, e->out->length - before);
    }
    return false;
}

static bool fail(encoder *e, int depth, const char *problem)
{
    mb_error_set(e->err, MB_SERIALIZATION, 0, "%s", problem);
    return fail_at(e, depth);
}

// ---- scalars ----

static void append_literal(encoder *e, const char *literal)
{
    mb_buffer_append(e->out, literal, strlen(literal));
}

static bool write_string(encoder *e)
{
    size_t length;
    const char *text = lua_tolstring(e->L, -1, &length);
    if (!mb_json_write_string(e->out, text, length)) {
        return fail(e, e->depth, "a string is not valid UTF-8");
    }
    return true;
}

static bool write_double(encoder *e, double number)
{
    if (!isfinite(number)) {
        return fail(e, e->depth,
                    isnan(number) ? "NaN has no JSON form" : "infinity has no JSON form");
    }
    mb_json_write_double(e->out, number);
    return true;
}

static bool write_number(encoder *e)
{
#if LUA_VERSION_NUM >= 503
    if (lua_isinteger(e->L, -1)) {
        mb_json_write_integer(e->out, lua_tointeger(e->L, -1));
        return true;
    }
    return write_double(e, lua_tonumber(e->L, -1));
#else
    double number = lua_tonumber(e->L, -1);
    if (fabs(number) <= (double)MBL_MAX_EXACT && (double)(int64_t)number == number &&
        (number != 0 || !signbit(number))) {
        mb_json_write_integer(e->out, (int64_t)number);
        return true;
    }
    return write_double(e, number);
#endif
}

static bool write_light(encoder *e)
{
    const void *light = lua_touserdata(e->L, -1);
    if (light == NULL) {
        append_literal(e, "null");
    } else if (mbL_marks_empty_array(e->L, e->vm, light)) {
        append_literal(e, "[]");
    } else {
        return fail(e, e->depth, "a light userdata has no JSON form");
    }
    return true;
}

// ---- tables ----

// Whether the table on top of the stack may be begun.
static bool check_nesting(encoder *e, const void *identity)
{
    for (int i = e->depth - 1; i >= 0; i--) {
        if (e->open[i].identity == identity) {
            return fail(e, e->depth, "a table contains itself");
        }
    }
    if (e->depth == MB_JSON_MAX_DEPTH) {
        return fail(e, e->depth, "nested too deeply");
    }
    if (e->depth % LEVELS_AT_ONCE == 0 &&
        !lua_checkstack(e->L, LEVELS_AT_ONCE * SLOTS_OF_LEVEL + SLOTS_ABOVE)) {
        mb_error_set(e->err, MB_INTERNAL, 0, "the Lua stack is full");
        return fail_at(e, e->depth);
    }
    return true;
}

// Begins to write the table on top of the stack; an empty one is written at once.
static outcome write_table(encoder *e)
{
    const void *identity = lua_topointer(e->L, -1);
    level *outer = e->depth == 0 ? NULL : &e->open[e->depth - 1];
    if (!check_nesting(e, identity)) {
        return FAILED;
    }
    int slot = outer == NULL ? e->root : outer->slot + (outer->kind == LIST ? 1 : 2);
    mbL_mark mark = lua_getmetatable(e->L, slot) ? mbL_marks_of(e->L, e->vm) : MBL_UNMARKED;
    lua_pushnil(e->L);
    if (!lua_next(e->L, slot)) {
        append_literal(e, mark == MBL_UNMARKED ? "{}" : "[]");
        lua_settop(e->L, slot - 1);
        return WRITTEN;
    }
    bool array = mark == MBL_ARRAY_MARK || lua_type(e->L, -2) == LUA_TNUMBER;
    e->open[e->depth++] = (level){ .identity = identity,
                                   .start = e->out->length,
                                   .slot = slot,
                                   .kind = array ? SEQUENCE : OBJECT };
    mb_buffer_append_byte(e->out, array ? '[' : '{');
    return ENTERED;
}

// The number of items of an array whose keys lie in any order, or -1 after an error.
static int64_t measure_list(encoder *e, const level *l)
{
    int64_t count = 0, greatest = 0;
    lua_pushnil(e->L);
    for (; lua_next(e->L, l->slot); count++) {
        lua_Number key = lua_type(e->L, -2) == LUA_TNUMBER ? lua_tonumber(e->L, -2) : 0;
        if (!(key >= 1 && key <= INT32_MAX && key == (lua_Number)(int32_t)key)) {
            fail(e, e->depth - 1, "a table that is neither an array nor an object");
            return -1;
        }
        greatest = (int64_t)key > greatest ? (int64_t)key : greatest;
        lua_pop(e->L, 1);
    }
    if (greatest != count) {
        fail(e, e->depth - 1, "an array with holes");
        return -1;
    }
    return count;
}

// Begins an array again, to walk it by index.
static outcome restart_as_list(encoder *e, level *l)
{
    lua_settop(e->L, l->slot);
    l->size = measure_list(e, l);
    if (l->size < 0) {
        return FAILED;
    }
    l->kind = LIST;
    l->index = 0;
    e->out->length = e->out->failed ? e->out->length : l->start;
    mb_buffer_append_byte(e->out, '[');
    return WRITTEN;
}

// Writes the value on top of the stack.
static outcome write_value(encoder *e)
{
    bool written;
    switch (lua_type(e->L, -1)) {
    case LUA_TTABLE:
        return write_table(e);
    case LUA_TSTRING:
        written = write_string(e);
        break;
    case LUA_TNUMBER:
        written = write_number(e);
        break;
    case LUA_TBOOLEAN:
        append_literal(e, lua_toboolean(e->L, -1) ? "true" : "false");
        written = true;
        break;
    case LUA_TLIGHTUSERDATA:
        written = write_light(e);
        break;
    default:
        mb_error_set(e->err, MB_SERIALIZATION, 0, "a %s has no JSON form",
                     luaL_typename(e->L, -1));
        return fail_at(e, e->depth) ? WRITTEN : FAILED;
    }
    lua_pop(e->L, 1);
    return written ? WRITTEN : FAILED;
}

// Writes the key below the top of the stack.
static bool write_key(encoder *e, bool first)
{
    size_t length;
    if (lua_type(e->L, -2) != LUA_TSTRING) {
        return fail(e, e->depth - 1, "a table that is neither an array nor an object");
    }
    const char *key = lua_tolstring(e->L, -2, &length);
    if (!mb_json_write_key(e->out, first, key, length)) {
        return fail(e, e->depth - 1, "a key is not valid UTF-8");
    }
    return true;
}

// Writes the item or pair of `l` that was brought on top of the stack.
static outcome write_entry(encoder *e, level *l)
{
    if (l->kind == SEQUENCE && (lua_type(e->L, -2) != LUA_TNUMBER ||
                                lua_tonumber(e->L, -2) != (lua_Number)(l->index + 1))) {
        return restart_as_list(e, l);
    }
    bool first = l->index++ == 0;
    if (l->kind == OBJECT) {
        return write_key(e, first) ? write_value(e) : FAILED;
    }
    if (!first) {
        mb_buffer_append_byte(e->out, ',');
    }
    return write_value(e);
}

// Brings the next item or pair of `l` on top of the stack; false when there is none.
static bool advance(encoder *e, level *l)
{
    if (l->kind != LIST) {
        return lua_next(e->L, l->slot) != 0;
    }
    if (l->index == l->size) {
        return false;
    }
    lua_rawgeti(e->L, l->slot, (int)l->index + 1);
    return true;
}

static void close_table(encoder *e, level *l)
{
    mb_buffer_append_byte(e->out, l->kind == OBJECT ? '}' : ']');
    lua_settop(e->L, l->slot - 1);
    e->depth--;
}

// Writes the value on top of the stack with all that it holds.
static bool write_all(encoder *e)
{
    outcome last = write_value(e);
    while (last != FAILED && e->depth > 0 && !e->out->failed) {
        level *l = &e->open[e->depth - 1];
        if (last == ENTERED || advance(e, l)) {
            last = write_entry(e, l);
        } else {
            close_table(e, l);
        }
    }
    return last != FAILED;
}

bool mbL_json_encode(lua_State *L, mbL_vm *vm, int idx, mb_buffer *out, mb_error *err)
{
    encoder e;
    size_t before = out->length;
    if (!lua_checkstack(L, SLOTS_ABOVE)) {
        mb_error_set(err, MB_INTERNAL, 0, "the Lua stack is full");
        return false;
    }
    lua_pushvalue(L, idx);
    e.L = L;
    e.root = lua_gettop(L);
    e.vm = vm;
    e.out = out;
    e.err = err;
    e.depth = 0;
    bool written = write_all(&e);
    out->length = written && !out->failed ? out->length : before;
    lua_settop(L, e.root - 1);
    return out->failed ? luaL_error(L, "not enough memory") : written;
}
