#include "storage/timeout.h"

#include <string.h>

#include "storage/sqlite_error.h"
#include "storage/transaction.h"

bool mb_timeout_transaction(mb_connection *c, uint64_t serial, bool lasting, mb_error *err)
{
    const void *owner = c->owner;
    if (!mb_level_open(c, serial)) {
        mb_error_set(err, MB_CLOSED, 0, "the transaction has ended");
        return false;
    }
    mb_timeout *list = sqlite3_realloc64(c->timeouts, (c->timeout_count + 1) * sizeof *list);
    if (list == NULL)
        return mb_sqlite_fail(err, NULL, SQLITE_NOMEM, "rollback");
    c->timeouts = list;
    if (!mb_leave(c, serial, false, err))
        return false;
    list[c->timeout_count++] = (mb_timeout){ owner, serial, lasting };
    return true;
}

static void drop(mb_connection *c, size_t i)
{
    c->timeouts[i] = c->timeouts[--c->timeout_count];
}

bool mb_timed_out(mb_connection *c, const void *user, mb_error *err)
{
    for (size_t i = 0; i < c->timeout_count; i++) {
        if (c->timeouts[i].owner != user)
            continue;
        mb_error_set(err, MB_TIMEOUT, 0, "the transaction was open for too long");
        if (!c->timeouts[i].lasting)
            drop(c, i);
        return true;
    }
    return false;
}

void mb_timeout_forget(mb_connection *c, uint64_t serial)
{
    for (size_t i = 0; i < c->timeout_count; i++) {
        if (c->timeouts[i].serial == serial) {
            drop(c, i);
            return;
        }
    }
}
