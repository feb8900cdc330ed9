// Functions of the file system that opening needs.
#ifndef MB_BINDING_FILES_H
#define MB_BINDING_FILES_H

#include "binding/compat.h"

MB_HIDDEN_BEGIN

// core.file_look, core.file_sync, core.file_link and core.file_rename.
extern const luaL_Reg mbL_file_functions[];

MB_HIDDEN_END

#endif
