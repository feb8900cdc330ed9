#include "storage/tree.h"

static const char OPEN[] = "SELECT tree, inherited, leaf >> 32, leaf & 4294967295"
                           " FROM sessions WHERE key = $session";

static const char OPEN_KNOWN[] =
    "SELECT tree, inherited, leaf >> 32, leaf & 4294967295 FROM sessions WHERE key = $session"
    " AND id = $id AND scope = (SELECT id FROM scopes WHERE name = $scope)";

static const char FIND[] =
    "SELECT n.key >> 32, n.key & 4294967295, s.id, coalesce(s.live, 4294967295)"
    " FROM session_nodes n LEFT JOIN segments s ON s.id = n.key >> 32"
    " WHERE n.tree = $tree AND n.id = $id";

static const char ID[] =
    "SELECT id FROM session_nodes WHERE key = ($segment << 32) + $position";

bool mb_tree_open(mb_tree *t, mb_reader *r, const mb_session *session)
{
    t->reader = r;
    if (!mb_reader_use(r, session->id == NULL ? OPEN : OPEN_KNOWN))
        return false;
    mb_reader_bind(r, 1, session->key);
    if (session->id != NULL) {
        mb_reader_bind_text(r, 2, session->id, session->id_length);
        mb_reader_bind_text(r, 3, session->scope, session->scope_length);
    }
    if (!mb_reader_row(r))
        return mb_reader_fail(r, MB_NOT_FOUND, "the session was deleted");
    t->first = mb_reader_integer(r, 0);
    t->owner = -t->first;
    t->inherited = mb_reader_integer(r, 1);
    t->leaf.segment = mb_reader_integer(r, 2);
    t->leaf.position = mb_reader_integer(r, 3);
    return true;
}

// Finds a node among those that were added to a tree. `limit` is the last position that counts;
// 0 stands for the segment's own.
static bool find_in(mb_tree *t, int64_t tree, const char *id, size_t length, int64_t limit,
                    mb_place *place)
{
    mb_reader *r = t->reader;
    place->segment = 0;
    if (!mb_reader_use(r, FIND))
        return false;
    mb_reader_bind(r, 1, tree);
    mb_reader_bind_text(r, 2, id, length);
    if (!mb_reader_row(r))
        return mb_reader_good(r);
    int64_t segment = mb_reader_integer(r, 0), position = mb_reader_integer(r, 1);
    if (mb_reader_integer(r, 2) == 0)
        return mb_reader_fail(r, MB_CORRUPT, "segment %lld is missing", (long long)segment);
    if (position <= (limit != 0 ? limit : mb_reader_integer(r, 3)))
        *place = (mb_place){ segment, position };
    return true;
}

static bool is_inherited(mb_tree *t, mb_place place, bool *result)
{
    mb_segment holder;
    if (!mb_chain_holder(t->reader, t->first, place.position, &holder))
        return false;
    *result = holder.id == place.segment;
    return true;
}

// An id is unique among the nodes added to one tree; the inherited path may lead through
// several.
static bool find_inherited(mb_tree *t, const char *id, size_t length, mb_place *place)
{
    mb_segment segment;
    bool found = false;
    if (!mb_chain_holder(t->reader, t->first, t->inherited, &segment))
        return false;
    while (segment.id != 0) {
        if (!find_in(t, -segment.owner, id, length, t->inherited, place) ||
            (place->segment != 0 && !is_inherited(t, *place, &found)))
            return false;
        if (found)
            return true;
        if (!mb_chain_stranger(t->reader, &segment, &segment))
            return false;
    }
    place->segment = 0;
    return true;
}

bool mb_tree_find(mb_tree *t, const char *id, size_t length, mb_place *place)
{
    if (!find_in(t, t->first, id, length, 0, place))
        return false;
    if (place->segment != 0 || t->inherited == 0)
        return true;
    return find_inherited(t, id, length, place);
}

bool mb_tree_locate(mb_tree *t, const char *id, size_t length, mb_place *place)
{
    if (!mb_tree_find(t, id, length, place))
        return false;
    if (place->segment != 0)
        return true;
    return mb_reader_fail(t->reader, MB_NOT_FOUND, "node '%.*s' not found",
                          length < 512 ? (int)length : 512, id);
}

// Gives the segment unless it has a node at that position.
static bool check_free(mb_tree *t, int64_t segment, int64_t position, int64_t *branch)
{
    mb_reader *r = t->reader;
    if (!mb_reader_use(r, ID))
        return false;
    mb_reader_bind(r, 1, segment);
    mb_reader_bind(r, 2, position);
    *branch = mb_reader_row(r) ? 0 : segment;
    return mb_reader_good(r);
}

bool mb_tree_branch(mb_tree *t, mb_place place, int64_t *branch)
{
    mb_segment own;
    if (place.segment != 0) {
        if (!mb_chain_segment(t->reader, place.segment, &own))
            return false;
        if (own.owner == t->owner)
            return check_free(t, own.id, place.position + 1, branch);
    }
    *branch = 0;
    if (!mb_chain_segment(t->reader, t->first, &own))
        return false;
    if (own.parent != place.segment || own.fork != place.position)
        return true;
    return check_free(t, t->first, place.position + 1, branch);
}

bool mb_tree_inherited(mb_tree *t, int64_t position, mb_place *place)
{
    mb_segment holder;
    *place = (mb_place){ 0, position };
    if (position < 1 || position > t->inherited)
        return true;
    if (!mb_chain_holder(t->reader, t->first, position, &holder))
        return false;
    place->segment = holder.id;
    return true;
}

bool mb_tree_is_ancestor(mb_tree *t, mb_place a, mb_place b, bool *result)
{
    mb_segment holder;
    *result = false;
    if (a.position >= b.position)
        return true;
    if (!mb_chain_holder(t->reader, b.segment, a.position, &holder))
        return false;
    *result = holder.id == a.segment;
    return true;
}

bool mb_tree_id(mb_tree *t, mb_place place, mb_id_list *list)
{
    mb_reader *r = t->reader;
    size_t length;
    if (!mb_reader_use(r, ID))
        return false;
    mb_reader_bind(r, 1, place.segment);
    mb_reader_bind(r, 2, place.position);
    if (!mb_reader_row(r))
        return mb_reader_fail(r, MB_CORRUPT,
                              "the node at depth %lld of segment %lld is missing",
                              (long long)place.position - 1, (long long)place.segment);
    const char *id = mb_reader_text(r, 0, &length);
    if (id == NULL)
        return false;
    return mb_id_list_add(list, place.position, 0, id, length) || mb_reader_no_memory(r);
}
