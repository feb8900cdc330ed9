// What one Lua state keeps for the core: work buffers, generators and the marks of JSON arrays.
// It lives in one userdata, upvalue 1 of every function of the core. C memory that must survive
// a Lua error is held here, so an error that jumps out of the middle of a function leaks
// nothing.
#ifndef MB_BINDING_VM_H
#define MB_BINDING_VM_H

#include "binding/compat.h"
#include "binding/string_cache.h"
#include "kernel/buffer.h"
#include "kernel/common.h"
#include "kernel/compress.h"
#include "kernel/json_canonical.h"
#include "kernel/text_terms.h"
#include "kernel/uuid7.h"

// A work buffer that grew beyond this is given back after use.
enum { MBL_SCRATCH_KEEP = 64 * 1024 };

typedef struct mbL_vm {
    mb_buffer scratch;           // text or bytes being built by the function that runs
    mb_buffer unescaped;         // the JSON decoder's own: a string without its escapes
    mb_buffer blob_names;        // hashes that what was bound names, until they are asked for
    mb_json_canonical canonical; // work space of core.canonical
    mb_text_terms text;          // the terms of a text
    mb_uuid7 uuid;               // generator of ids
    mb_zstd zstd;                // compression contexts
    bool sha256_hardware;        // the processor has SHA-256 instructions
    int array_mark;              // registry reference: the metatable that marks an array
    int array_marks;         // registry reference: set of foreign metatables that mark one too
    const void *array_known; // identity of the metatable at array_mark
    // lua-cjson's light userdata for an empty array, if it has one
    const void *cjson_empty_array;
    bool cjson_known;         // lua-cjson is loaded, and its marks are known
    mbL_string_cache strings; // of the JSON decoder: keys and short values
    // of the JSON decoder: when a key in that slot was last met, by the serial of its object
    uint64_t key_serials[MBL_CACHE_SLOTS];
    uint64_t last_serial; // of the objects decoded so far
    struct mbL_vm *aside; // what finalizers work with instead; see mbL_vm_get
    struct mbL_vm *home;  // the one of the whole state, whose generator makes the ids
} mbL_vm;

MB_HIDDEN_BEGIN

// Leaves the state's mbL_vm userdata on the stack, made on the first call.
mbL_vm *mbL_vm_new(lua_State *L);

// The same, from upvalue 1 of the running C function. A finalizer may come wherever a function
// of the core makes a Lua value, and gets another one: what it left in the buffers and caches
// would become part of that function's result.
mbL_vm *mbL_vm_get(lua_State *L);

// Gives the work buffers back where they grew large. For the end of a function that used them.
void mbL_vm_trim(mbL_vm *vm);

MB_HIDDEN_END

#endif
