#include "binding/wipe.h"

#include "binding/connection.h"
#include "binding/errors.h"
#include "storage/wipe.h"

// connection:wipe(): inside a transaction that has not written yet, and then must.
int mbL_wipe(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_error err;
    bool good = mbL_connection_check(L, c, &err);
    if (good && (c->depth != 1 || c->owner != L)) {
        mb_error_set(&err, MB_INTERNAL, 0, "pages are wiped at the beginning of a transaction");
        good = false;
    }
    if (!good || !mb_wipe(c, &err))
        return mbL_fail(L, &err);
    lua_pushboolean(L, true);
    return 1;
}
