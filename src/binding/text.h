// Texts: their words, and what the connection does with the index of a set of them.
#ifndef MB_BINDING_TEXT_H
#define MB_BINDING_TEXT_H

#include "binding/compat.h"

MB_HIDDEN_BEGIN

// core.words, core.text_match.
extern const luaL_Reg mbL_text_functions[];

// Methods of a connection; see there.
int mbL_text_put(lua_State *L);
int mbL_text_remove(lua_State *L);
int mbL_text_drop(lua_State *L);
int mbL_text_search(lua_State *L);
int mbL_text_check(lua_State *L);

MB_HIDDEN_END

#endif
