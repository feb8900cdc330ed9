#include "binding/rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "binding/errors.h"
#include "binding/json.h"
#include "kernel/blob_names.h"
#include "storage/sqlite_error.h"

// The largest magnitude below which a double holds every integer.
#define EXACT_DOUBLE 9007199254740992.0

// The path of a value inside a document, put behind the document's own name.
static void prefix_field(mb_error *err, const mb_name *name)
{
    char path[2 * sizeof err->field];
    int length =
        snprintf(path, sizeof path, "%.*s%s", (int)name->length, name->text, err->field);
    mb_error_set_field(err, path,
                       (size_t)length < sizeof path ? (size_t)length : sizeof path - 1);
}

// What is written is told to whoever collects blobs at the same time: see core.blob_names.
static void note_names(mbL_vm *vm, const mb_statement *s, const char *text, size_t length)
{
    if (length > MB_BLOB_NAME && !sqlite3_stmt_readonly(s->handle))
        mb_blob_names_find(text, length, &vm->blob_names);
}

static int bind_json(lua_State *L, mbL_vm *vm, mb_statement *s, int index, int arg,
                     mb_error *err)
{
    mb_buffer_clear(&vm->scratch);
    if (!mbL_json_encode(L, vm, arg, &vm->scratch, err)) {
        prefix_field(err, &s->parameters[index - 1]);
        return SQLITE_ERROR;
    }
    note_names(vm, s, vm->scratch.data, vm->scratch.length);
    return sqlite3_bind_text64(s->handle, index, vm->scratch.data, vm->scratch.length,
                               SQLITE_TRANSIENT, SQLITE_UTF8);
}

// What a parameter is bound to that takes no value of this kind.
enum { MISUSED = -1 };

static int bind_number(lua_State *L, mb_statement *s, int index, int arg, mb_error *err)
{
    if (lua_isinteger(L, arg))
        return sqlite3_bind_int64(s->handle, index, (sqlite3_int64)lua_tointeger(L, arg));
    double value = (double)lua_tonumber(L, arg);
    if (!isfinite(value)) {
        mbL_blame(L, err, arg, "a number that is not finite cannot be stored");
        return MISUSED;
    }
    return sqlite3_bind_double(s->handle, index, value);
}

static int bind_string(lua_State *L, mbL_vm *vm, mb_statement *s, int index, int arg)
{
    size_t length;
    const char *text = lua_tolstring(L, arg, &length);
    if (s->parameters[index - 1].kind == MB_BLOB)
        return sqlite3_bind_blob64(s->handle, index, text, length, SQLITE_STATIC);
    note_names(vm, s, text, length);
    return sqlite3_bind_text64(s->handle, index, text, length, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_plain(lua_State *L, mbL_vm *vm, mb_statement *s, int index, int arg,
                      mb_error *err)
{
    switch (lua_type(L, arg)) {
    case LUA_TBOOLEAN:
        return sqlite3_bind_int(s->handle, index, lua_toboolean(L, arg));
    case LUA_TNUMBER:
        return bind_number(L, s, index, arg, err);
    case LUA_TSTRING:
        return bind_string(L, vm, s, index, arg);
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, arg) == NULL)
            return sqlite3_bind_null(s->handle, index);
        break;
    default:
        break;
    }
    mbL_blame(L, err, arg, "a %s cannot be stored", luaL_typename(L, arg));
    return MISUSED;
}

static int bind_one(lua_State *L, mbL_vm *vm, mb_statement *s, int index, int arg,
                    mb_error *err)
{
    if (lua_isnil(L, arg))
        return sqlite3_bind_null(s->handle, index);
    if (s->parameters[index - 1].kind == MB_JSON)
        return bind_json(L, vm, s, index, arg, err);
    return bind_plain(L, vm, s, index, arg, err);
}

mbL_bound mbL_bind(lua_State *L, mbL_vm *vm, mb_statement *s, int first, mb_error *err)
{
    int given = lua_gettop(L) - first + 1;
    if (given != s->parameter_count) {
        mbL_blame(L, err, first, "the statement takes %d values, got %d: %.80s",
                  s->parameter_count, given, s->sql);
        return MBL_MISUSED;
    }
    for (int i = 0; i < given; i++) {
        err->code = MB_OK;
        int result = bind_one(L, vm, s, i + 1, first + i, err);
        if (result == SQLITE_OK)
            continue;
        if (err->code == MB_OK)
            mb_sqlite_fail(err, NULL, result, "bind");
        return result == MISUSED ? MBL_MISUSED : MBL_FAILED;
    }
    return MBL_BOUND;
}

static void push_integer(lua_State *L, sqlite3_int64 value)
{
#if LUA_VERSION_NUM >= 503
    lua_pushinteger(L, (lua_Integer)value);
#else
    char digits[24];
    if (value >= -(sqlite3_int64)EXACT_DOUBLE && value <= (sqlite3_int64)EXACT_DOUBLE) {
        lua_pushnumber(L, (lua_Number)value);
        return;
    }
    snprintf(digits, sizeof digits, "%lld", value);
    lua_pushstring(L, digits);
#endif
}

static bool out_of_memory(mb_error *err)
{
    return mb_sqlite_fail(err, NULL, SQLITE_NOMEM, "read");
}

static bool push_document(lua_State *L, mbL_vm *vm, const mb_name *name, const char *text,
                          size_t length, mb_error *err)
{
    if (mbL_json_decode_roomy(L, vm, text, length, name->children, err))
        return true;
    mb_error_set_field(err, name->text, name->length);
    return false;
}

static bool push_text(lua_State *L, mbL_vm *vm, const mb_name *name, sqlite3_value *value,
                      mb_error *err)
{
    const char *text = (const char *)sqlite3_value_text(value);
    size_t length = (size_t)sqlite3_value_bytes(value);
    if (text == NULL)
        return out_of_memory(err);
    if (name->kind == MB_JSON)
        return push_document(L, vm, name, text, length, err);
    lua_pushlstring(L, text, length);
    return true;
}

static bool push_blob(lua_State *L, sqlite3_value *value, mb_error *err)
{
    const char *bytes = sqlite3_value_blob(value);
    size_t length = (size_t)sqlite3_value_bytes(value);
    if (bytes == NULL && length > 0)
        return out_of_memory(err);
    lua_pushlstring(L, bytes ? bytes : "", length);
    return true;
}

// SQLite calls a column's value unprotected: it may be used by one thread at a time, as a
// connection is. To ask for each of its properties by the column's number was a tenth of
// reading short rows.
static bool push_value(lua_State *L, mbL_vm *vm, const mb_name *name, sqlite3_value *value,
                       mb_error *err)
{
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        if (name->kind == MB_BOOLEAN)
            lua_pushboolean(L, sqlite3_value_int(value) != 0);
        else
            push_integer(L, sqlite3_value_int64(value));
        return true;
    case SQLITE_FLOAT:
        lua_pushnumber(L, (lua_Number)sqlite3_value_double(value));
        return true;
    case SQLITE_TEXT:
        return push_text(L, vm, name, value, err);
    case SQLITE_BLOB:
        return push_blob(L, value, err);
    default:
        lua_pushnil(L);
        return true;
    }
}

bool mbL_push_column(lua_State *L, mbL_vm *vm, mb_statement *s, int column, mb_error *err)
{
    return push_value(L, vm, &s->columns[column], sqlite3_column_value(s->handle, column), err);
}

// Sets a column's field of the row on top of the stack, or of the table that an earlier column
// gave; where that gave none there is nothing to set. NULL is an absent field.
static bool push_field(lua_State *L, mbL_vm *vm, mb_statement *s, int column, int keys,
                       mb_error *err)
{
    const mb_name *name = &s->columns[column];
    int parent = name->parent;
    sqlite3_value *value = sqlite3_column_value(s->handle, column);
    if (sqlite3_value_type(value) == SQLITE_NULL)
        return true;
    if (parent >= 0) {
        lua_pushvalue(L, keys + parent);
        lua_rawget(L, -2);
        if (!lua_istable(L, -1)) {
            lua_pop(L, 1);
            return true;
        }
    }
    lua_pushvalue(L, keys + column);
    if (!push_value(L, vm, name, value, err))
        return false;
    lua_rawset(L, -3);
    if (parent >= 0)
        lua_pop(L, 1);
    return true;
}

bool mbL_push_row(lua_State *L, mbL_vm *vm, mb_statement *s, int keys, mb_error *err)
{
    lua_createtable(L, 0, s->column_count);
    int row = lua_gettop(L);
    for (int i = 0; i < s->column_count; i++) {
        if (!push_field(L, vm, s, i, keys, err)) {
            lua_settop(L, row - 1);
            return false;
        }
    }
    return true;
}

int mbL_push_keys(lua_State *L, mb_statement *s)
{
    luaL_checkstack(L, s->column_count + 16, "too many columns");
    int first = lua_gettop(L) + 1;
    for (int i = 0; i < s->column_count; i++)
        lua_pushlstring(L, s->columns[i].text, s->columns[i].length);
    return first;
}
