#include "binding/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char ERROR_TYPE[] = "moonbase.error";

static void set_text(lua_State *L, const char *key, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

// The table that every error object starts from.
static void push_object(lua_State *L, mb_code code, const char *message)
{
    lua_createtable(L, 0, 6);
    set_text(L, "code", mb_code_name(code));
    set_text(L, "message", message);
    lua_pushboolean(L, mb_code_retryable(code));
    lua_setfield(L, -2, "retryable");
    luaL_setmetatable(L, ERROR_TYPE);
}

void mbL_push_error(lua_State *L, const mb_error *err)
{
    push_object(L, err->code, err->message);
    if (err->field[0] != '\0')
        set_text(L, "field", err->field);
    if (err->sqlite != 0) {
        lua_pushinteger(L, err->sqlite);
        lua_setfield(L, -2, "sqlite");
    }
}

int mbL_fail(lua_State *L, const mb_error *err)
{
    lua_pushnil(L);
    mbL_push_error(L, err);
    return 2;
}

int mbL_raise(lua_State *L, const mb_error *err)
{
    mbL_push_error(L, err);
    return lua_error(L);
}

static void blame(lua_State *L, mb_error *err, int arg, const char *format, va_list args)
{
    char why[160];
    vsnprintf(why, sizeof why, format, args);
    luaL_where(L, 1);
    mb_error_set(err, MB_INVALID, 0, "%sbad argument #%d: %s", lua_tostring(L, -1), arg, why);
    lua_pop(L, 1);
}

void mbL_blame(lua_State *L, mb_error *err, int arg, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    blame(L, err, arg, format, args);
    va_end(args);
}

int mbL_misuse(lua_State *L, int arg, const char *format, ...)
{
    mb_error err;
    va_list args;
    va_start(args, format);
    blame(L, &err, arg, format, args);
    va_end(args);
    return mbL_raise(L, &err);
}

// Pushes the text with its control characters written out: a message may quote an id, or what a
// caller's function raised, and a log must not take that for several lines.
static void push_one_line(lua_State *L, const char *text)
{
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        char escape[8];
        if (byte >= 0x20 && byte != 0x7f) {
            luaL_addchar(&line, *text);
        } else {
            snprintf(escape, sizeof escape, "\\x%02x", byte);
            luaL_addstring(&line, byte == '\n' ? "\\n" : escape);
        }
    }
    luaL_pushresult(&line);
}

static int error_tostring(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "code");
    lua_getfield(L, 1, "message");
    push_one_line(L, lua_pushfstring(L, "%s: %s", lua_tostring(L, -2), lua_tostring(L, -1)));
    return 1;
}

static void copy_details(lua_State *L, int details, int object)
{
    lua_pushnil(L);
    while (lua_next(L, details)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, object);
    }
}

// core.error(code, message?, details?): the error object, not raised.
static int core_error(lua_State *L)
{
    mb_code code = mb_code_from_name(luaL_checkstring(L, 1));
    if (code == MB_OK)
        return mbL_misuse(L, 1, "unknown error code '%s'", lua_tostring(L, 1));
    push_object(L, code, luaL_optstring(L, 2, mb_code_message(code)));
    if (!lua_isnoneornil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        copy_details(L, 3, lua_gettop(L));
    }
    return 1;
}

// core.codes(): the table of codes, for documentation and for checks.
static int core_codes(lua_State *L)
{
    lua_newtable(L);
    for (int i = 1; i < MB_CODE_COUNT; i++) {
        mb_code code = (mb_code)i;
        lua_createtable(L, 0, 4);
        set_text(L, "code", mb_code_name(code));
        set_text(L, "message", mb_code_message(code));
        set_text(L, "doc", mb_code_doc(code));
        lua_pushboolean(L, mb_code_retryable(code));
        lua_setfield(L, -2, "retryable");
        lua_rawseti(L, -2, i);
    }
    return 1;
}

void mbL_open_errors(lua_State *L)
{
    luaL_newmetatable(L, ERROR_TYPE);
    set_text(L, "__name", ERROR_TYPE);
    lua_pushcfunction(L, error_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
}

const luaL_Reg mbL_error_functions[] = {
    { "error", core_error },
    { "codes", core_codes },
    { NULL, NULL },
};
