// Values between Lua and SQLite: arguments to parameters, rows to tables.
#ifndef MB_BINDING_ROWS_H
#define MB_BINDING_ROWS_H

#include "binding/vm.h"
#include "storage/statement.h"

MB_HIDDEN_BEGIN

// What became of an attempt to bind arguments.
typedef enum mbL_bound {
    MBL_BOUND,  // the statement can be stepped
    MBL_FAILED, // a document cannot be stored; its field: the parameter's name, then the path
    MBL_MISUSED // their number or a type is wrong, which is to be raised
} mbL_bound;

// Binds the arguments from stack index 'first' on to the parameters of 's', in
// order; fills 'err' unless they are bound. Raises nothing but Lua's memory
// error, so that the caller can put the statement down first. The bound strings
// must stay on the stack until the statement is done.
mbL_bound mbL_bind(lua_State *L, mbL_vm *vm, mb_statement *s, int first, mb_error *err);

// Pushes column 'column' of the present row. False with 'err' filled, nothing
// pushed, when it holds a document that cannot be read.
bool mbL_push_column(lua_State *L, mbL_vm *vm, mb_statement *s, int column, mb_error *err);

// Pushes the present row as a table; NULL columns are absent. 'keys' is the
// stack index of the first of the column names, pushed by mbL_push_keys.
bool mbL_push_row(lua_State *L, mbL_vm *vm, mb_statement *s, int keys, mb_error *err);

// Pushes the names of the columns, one stack slot each, and returns the index of
// the first: a row then costs no look-up of a name.
int mbL_push_keys(lua_State *L, mb_statement *s);

MB_HIDDEN_END

#endif
