#include "binding/vm.h"

#include <string.h>

#include "binding/json_marks.h"
#include "kernel/sha256.h"

static const char VM_KEY[] = "moonbase.vm";
static const char ASIDE_KEY[] = "moonbase.vm.aside";

static int vm_gc(lua_State *L)
{
    mbL_vm *vm = lua_touserdata(L, 1);
    mb_buffer_free(&vm->scratch);
    mb_buffer_free(&vm->unescaped);
    mb_buffer_free(&vm->blob_names);
    mb_buffer_free(&vm->text.items);
    mb_json_canonical_free(&vm->canonical);
    mb_zstd_free(&vm->zstd);
    mb_uuid7_free(&vm->uuid);
    return 0;
}

static void vm_init(lua_State *L, mbL_vm *vm)
{
    mb_allocator allocator;
    memset(vm, 0, sizeof *vm);
    allocator.fn = lua_getallocf(L, &allocator.ud);
    mb_buffer_init(&vm->scratch, allocator);
    mb_buffer_init(&vm->unescaped, allocator);
    mb_buffer_init(&vm->blob_names, allocator);
    mb_buffer_init(&vm->text.items, allocator);
    mb_json_canonical_init(&vm->canonical, allocator);
    vm->sha256_hardware = mb_sha256_hardware();
}

static mbL_vm *push_vm(lua_State *L)
{
    mbL_vm *vm = lua_newuserdatauv(L, sizeof *vm, 0);
    vm_init(L, vm);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, vm_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    mbL_string_cache_setup(L, &vm->strings);
    vm->home = vm;
    return vm;
}

// Made at once: what is made while a state is being closed is not finalized any more.
static void make_aside(lua_State *L, mbL_vm *vm)
{
    mbL_vm *aside = push_vm(L);
    aside->home = vm;
    aside->array_mark = vm->array_mark;
    aside->array_marks = vm->array_marks;
    aside->array_known = vm->array_known;
    lua_setfield(L, LUA_REGISTRYINDEX, ASIDE_KEY);
    vm->aside = aside;
}

mbL_vm *mbL_vm_new(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, VM_KEY);
    mbL_vm *vm = lua_touserdata(L, -1);
    if (vm != NULL) {
        return vm;
    }
    lua_pop(L, 1);
    vm = push_vm(L);
    mbL_marks_setup(L, vm);
    make_aside(L, vm);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, VM_KEY);
    return vm;
}

// The collector is held while a finalizer runs. Where the program holds it, what is aside
// serves as well.
mbL_vm *mbL_vm_get(lua_State *L)
{
    mbL_vm *vm = lua_touserdata(L, lua_upvalueindex(1));
    return MB_LIKELY(lua_gc(L, LUA_GCISRUNNING, 0) == 1) ? vm : vm->aside;
}

void mbL_vm_trim(mbL_vm *vm)
{
    mb_buffer_trim(&vm->scratch, MBL_SCRATCH_KEEP);
    mb_buffer_trim(&vm->unescaped, MBL_SCRATCH_KEEP);
    mb_buffer_trim(&vm->text.items, MBL_SCRATCH_KEEP);
    mb_json_canonical_trim(&vm->canonical, MBL_SCRATCH_KEEP);
}
