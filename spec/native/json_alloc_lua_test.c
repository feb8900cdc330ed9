// Every allocation of the JSON codec fails, one by one, Lua's and its own alike, for they come
// from the same allocator. Lua then raises its memory error out of the middle of the work.
// Nothing may be lost, and the same state must do the work when asked again.
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding/json.h"
#include "binding/vm.h"

static struct {
    bool armed;    // requests are counted, and fail
    bool lasting;  // so do all after the one
    long at;       // the request that fails, from 0
    long seen;     // requests so far
    size_t in_use; // bytes handed out and not given back
} memory;

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "json_alloc_lua_test: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static bool fails_now(void)
{
    long now = memory.armed ? memory.seen++ : -1;
    return now >= 0 && (now == memory.at || (memory.lasting && now > memory.at));
}

// A block that shrinks never fails: Lua relies on that.
static void *allocate(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    (void)ud;
    size_t held = ptr == NULL ? 0 : old_size;
    if (new_size > held && fails_now()) {
        return NULL;
    }
    memory.in_use = memory.in_use - held + new_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

static const char SMALL[] =
    "{\"id\":\"01a1f87d-b83f-7000-aeee-b498b1778881\",\"role\":\"assistant\",\"content\":"
    "[{\"type\":\"text\",\"text\":\"Let me \\\"look\\\" that "
    "up.\\n\\u00e9\"}],\"tool_calls\":[],"
    "\"n\":[1,2.5,-0.0,null,true],\"metadata\":{},\"role\":\"user\"}";

static char large[20000]; // a document of many portions
static const char *document;

static void write_large(void)
{
    size_t length = (size_t)snprintf(large, sizeof large, "{\"deep\":[[[[[[]]]]]]");
    for (int i = 0; i < 200; i++) {
        length += (size_t)snprintf(large + length, sizeof large - length,
                                   ",\"key%d\":[%d,\"a\\nb%d\",{\"x\":%d}]", i, i, i, i);
    }
    snprintf(large + length, sizeof large - length, "}");
}

// The same short keys again and again, each the head of its value. The values are too long for
// the cache of strings.
static char pairs[40000];
static char turned[40000]; // the other way round
static const char TAIL[] = " and what no cache would keep";

static void write_pairs(char *text, size_t size, bool turn)
{
    size_t length = (size_t)snprintf(text, size, "{");
    for (int i = 0; i < 500; i++) {
        int n = (turn ? 499 - i : i) / 2; // twice running: then it is kept
        const char *form = i % 100 == 99 ? "\"x\":{" : "\"key%d\":\"key%d%s\",";
        length += (size_t)snprintf(text + length, size - length, form, n, n, TAIL);
    }
    snprintf(text + length, size - length, "\"e\":\"e%s\"}}}}}}", TAIL);
}

// Checks that keys in the table on top of the stack, and in those it holds, head their values.
static void check_pairs(lua_State *L)
{
    luaL_checkstack(L, 3, NULL);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        if (lua_istable(L, -1)) {
            check_pairs(L);
            continue;
        }
        const char *key = lua_tostring(L, -2), *value = lua_tostring(L, -1);
        bool heads = strncmp(key, value, strlen(key)) == 0 && value[strlen(key)] == ' ';
        require(heads, "a key is given for another");
    }
}

// Decodes the document, encodes it, and decodes that.
static int work(lua_State *L)
{
    mb_error err;
    mbL_vm *vm = mbL_vm_new(L);
    mb_buffer_clear(&vm->scratch);
    if (!mbL_json_decode(L, vm, document, strlen(document), &err) ||
        !mbL_json_encode(L, vm, -1, &vm->scratch, &err) ||
        !mbL_json_decode(L, vm, vm->scratch.data, vm->scratch.length, &err)) {
        return luaL_error(L, "not enough memory");
    }
    mbL_vm_trim(vm);
    if (document == pairs || document == turned) {
        check_pairs(L);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static bool run(lua_State *L)
{
    lua_settop(L, 0);
    lua_pushcfunction(L, work);
    if (lua_pcall(L, 0, 1, 0) == LUA_OK) {
        return true;
    }
    const char *message = lua_tostring(L, -1);
    require(message != NULL && strstr(message, "not enough memory") != NULL,
            "the error is memory's");
    return false;
}

// Whether there was an n-th request to fail. Lua collects garbage and asks again, so that a
// failure need not be seen unless it lasts.
static bool fail_nth(long n, bool lasting)
{
    memory.armed = false;
    lua_State *L = lua_newstate(allocate, NULL);
    require(L != NULL, "a state is made");
    memory.armed = true;
    memory.lasting = lasting;
    memory.at = n;
    memory.seen = 0;
    bool done = run(L), failed = memory.seen > n;
    memory.armed = false;
    require(done || failed, "it fails only for want of memory");
    require(!(done && failed && lasting), "it fails for want of memory");
    document = document == pairs ? turned : document;
    require(run(L), "the same state does it when asked again");
    lua_close(L);
    require(memory.in_use == 0, "every byte is given back");
    return failed;
}

int main(void)
{
    write_large();
    write_pairs(pairs, sizeof pairs, false);
    write_pairs(turned, sizeof turned, true);
    const char *documents[] = { SMALL, large, pairs };
    for (int i = 0; i < 6; i++) {
        long n = 0;
        do {
            document = documents[i / 2];
        } while (fail_nth(n++, i % 2 != 0));
        require(n > 1, "it asks for memory");
    }
    return EXIT_SUCCESS;
}
