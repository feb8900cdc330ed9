#include "storage/tree.h"

static const char NODES[] = "SELECT key & 4294967295, seq, id FROM session_nodes"
                            " WHERE key > ($segment << 32) + $low"
                            " AND key <= ($segment << 32) + $high ORDER BY key LIMIT $limit";

static const char NODES_BACK[] =
    "SELECT key & 4294967295, seq, id FROM session_nodes"
    " WHERE key > ($segment << 32) + $low"
    " AND key <= ($segment << 32) + $high ORDER BY key DESC LIMIT $limit";

// The segments of the tree that branch off one, where they have a node.
static const char BRANCHES[] =
    "SELECT id, fork, coalesce(live, 4294967295) FROM segments"
    " WHERE parent = $parent AND owner = $owner AND fork >= $from AND fork <= $to"
    " AND (live IS NULL OR live > fork) ORDER BY fork LIMIT $limit";

static const char SEGMENTS[] =
    "SELECT id, fork, coalesce(live, 4294967295) FROM segments"
    " WHERE owner = $owner AND owner < 0 AND (live IS NULL OR live > fork)";

// In these three a segment without a node shows as one without an id.

static const char CHILDREN[] =
    "SELECT c.fork + 1, n.seq, n.id, c.id FROM segments c"
    " LEFT JOIN session_nodes n ON n.key = (c.id << 32) + c.fork + 1"
    " WHERE c.parent = $parent AND c.fork = $position AND c.owner = $owner"
    " AND (c.live IS NULL OR c.live > c.fork)";

static const char ROOTS[] = "SELECT 1, n.seq, n.id, s.id FROM segments s"
                            " LEFT JOIN session_nodes n ON n.key = (s.id << 32) + 1"
                            " WHERE s.owner = $owner AND s.owner < 0 AND s.parent IS NULL"
                            " AND (s.live IS NULL OR s.live > 0)";

// The last node of each segment, unless a segment branches off it.
static const char LEAVES[] =
    "SELECT n.key & 4294967295, n.seq, n.id, s.id FROM segments s"
    " LEFT JOIN session_nodes n ON n.key = (SELECT max(key) FROM session_nodes"
    " WHERE key > (s.id << 32) + s.fork AND key <= (s.id << 32) + coalesce(s.live, 4294967295))"
    " WHERE s.owner = $owner AND s.owner < 0 AND (s.live IS NULL OR s.live > s.fork)"
    " AND NOT EXISTS (SELECT 1 FROM segments c"
    " CROSS JOIN session_nodes f ON f.key = (c.id << 32) + c.fork + 1"
    " WHERE c.parent = s.id AND c.fork = n.key & 4294967295 AND c.owner = $owner"
    " AND (c.live IS NULL OR c.live > c.fork))";

// Inherited nodes come before all that were added, in the order of the path.
static int64_t inherited_seq(int64_t position)
{
    return position - MB_LAST_POSITION - 1;
}

static bool missing(mb_tree *t, int64_t segment, int64_t position)
{
    return mb_reader_fail(t->reader, MB_CORRUPT,
                          "the node at depth %lld of segment %lld is missing",
                          (long long)position - 1, (long long)segment);
}

// Appends the id of the present row, whose columns are position, seq and id.
static bool add_row(mb_tree *t, int64_t seq, mb_id_list *list)
{
    mb_reader *r = t->reader;
    size_t length;
    const char *id = mb_reader_text(r, 2, &length);
    if (id == NULL)
        return false;
    return mb_id_list_add(list, mb_reader_integer(r, 0), seq, id, length) ||
           mb_reader_no_memory(r);
}

// Only the first segment of a tree may be empty.
static bool check_empty(mb_tree *t, int64_t segment)
{
    return segment == t->first ||
           mb_reader_fail(t->reader, MB_CORRUPT, "the nodes of segment %lld are missing",
                          (long long)segment);
}

// Appends the rows of CHILDREN, ROOTS or LEAVES.
static bool add_rows(mb_tree *t, mb_id_list *list)
{
    mb_reader *r = t->reader;
    while (mb_reader_row(r)) {
        bool good = mb_reader_is_null(r, 2) ? check_empty(t, mb_reader_integer(r, 3))
                                            : add_row(t, mb_reader_integer(r, 1), list);
        if (!good)
            return false;
    }
    return mb_reader_good(r);
}

static bool use_range(mb_tree *t, const char *sql, mb_range range, int64_t limit)
{
    if (!mb_reader_use(t->reader, sql))
        return false;
    mb_reader_bind(t->reader, 1, range.segment);
    mb_reader_bind(t->reader, 2, range.low);
    mb_reader_bind(t->reader, 3, range.high);
    mb_reader_bind(t->reader, 4, limit);
    return true;
}

// Nodes of a segment to be read. They stand behind each other without a gap.
typedef struct stretch {
    mb_range range; // where they lie
    int64_t least;  // how many there must be
    int64_t limit;  // how many are read at most, or MB_UNLIMITED
    bool inherited; // they have another seq than in their own tree
} stretch;

static bool check_least(mb_tree *t, const stretch *s, int64_t found)
{
    if (found >= s->least || found == s->limit)
        return true;
    if (found == 0 && s->range.segment == t->first)
        return true; // only the first segment of a tree may be empty
    return missing(t, s->range.segment, s->range.low + found + 1);
}

static bool add_stretch(mb_tree *t, const stretch *s, mb_id_list *list)
{
    mb_reader *r = t->reader;
    int64_t position = s->range.low;
    if (!use_range(t, NODES, s->range, s->limit))
        return false;
    while (mb_reader_row(r)) {
        if (mb_reader_integer(r, 0) != ++position)
            return missing(t, s->range.segment, position);
        int64_t seq = s->inherited ? inherited_seq(position) : mb_reader_integer(r, 1);
        if (!add_row(t, seq, list))
            return false;
    }
    return mb_reader_good(r) && check_least(t, s, position - s->range.low);
}

// Appends the nodes of a part of a chain, all of which must be there.
static bool add_whole(mb_tree *t, mb_range range, bool inherited, mb_id_list *list)
{
    stretch s = { range, range.high - range.low, MB_UNLIMITED, inherited };
    return add_stretch(t, &s, list);
}

bool mb_tree_path(mb_tree *t, mb_place place, mb_id_list *list)
{
    mb_ranges ranges = { 0 };
    bool good = mb_chain_ranges(t->reader, place, 0, &ranges);
    for (size_t i = ranges.count; good && i-- > 0;)
        good = add_whole(t, ranges.items[i], false, list);
    mb_ranges_free(&ranges);
    return good;
}

// Appends nodes from the end of a part of a chain on, up to `limit`.
static bool add_back(mb_tree *t, mb_range range, int64_t limit, mb_id_list *list)
{
    mb_reader *r = t->reader;
    int64_t position = range.high;
    if (!use_range(t, NODES_BACK, range, limit))
        return false;
    for (; mb_reader_row(r); position--) {
        if (mb_reader_integer(r, 0) != position)
            return missing(t, range.segment, position);
        if (!add_row(t, 0, list))
            return false;
    }
    bool whole = position <= range.low || range.high - position == limit;
    return mb_reader_good(r) && (whole || missing(t, range.segment, position));
}

bool mb_tree_ancestors(mb_tree *t, mb_place place, int64_t limit, mb_id_list *list)
{
    mb_segment segment;
    int64_t high = place.position - 1;
    bool good = mb_chain_segment(t->reader, place.segment, &segment);
    while (good && high > 0 && limit != 0) {
        mb_range range = { segment.id, segment.fork, high };
        size_t before = list->count;
        good = add_back(t, range, limit, list);
        if (limit > 0)
            limit -= (int64_t)(list->count - before);
        high = segment.fork;
        if (good && high > 0 && limit != 0)
            good = mb_chain_parent(t->reader, &segment, &segment);
    }
    return good;
}

static bool add_place(mb_tree *t, mb_place place, mb_id_list *list)
{
    mb_range range = { place.segment, place.position - 1, place.position };
    return add_whole(t, range, true, list);
}

static bool add_inherited(mb_tree *t, int64_t position, mb_id_list *list)
{
    mb_place place;
    if (!mb_tree_inherited(t, position, &place))
        return false;
    return place.segment == 0 || add_place(t, place, list);
}

// The child in the node's own segment.
static bool add_next(mb_tree *t, mb_place place, mb_id_list *list)
{
    mb_segment segment;
    if (!mb_chain_segment(t->reader, place.segment, &segment))
        return false;
    if (segment.owner != t->owner)
        return add_inherited(t, place.position + 1, list);
    if (place.position >= segment.live)
        return true;
    mb_range range = { place.segment, place.position, place.position + 1 };
    stretch next = { range, 0, 1, false };
    return add_stretch(t, &next, list);
}

static bool use_children(mb_tree *t, mb_place place)
{
    if (!mb_reader_use(t->reader, CHILDREN))
        return false;
    mb_reader_bind(t->reader, 1, place.segment);
    mb_reader_bind(t->reader, 2, place.position);
    mb_reader_bind(t->reader, 3, t->owner);
    return true;
}

bool mb_tree_children(mb_tree *t, mb_place place, mb_id_list *list)
{
    if (!add_next(t, place, list) || !use_children(t, place) || !add_rows(t, list))
        return false;
    mb_id_list_sort(list, false);
    return true;
}

static bool use_owner(mb_tree *t, const char *sql)
{
    if (!mb_reader_use(t->reader, sql))
        return false;
    mb_reader_bind(t->reader, 1, t->owner);
    return true;
}

bool mb_tree_roots(mb_tree *t, mb_id_list *list)
{
    if (!add_inherited(t, 1, list) || !use_owner(t, ROOTS) || !add_rows(t, list))
        return false;
    mb_id_list_sort(list, false);
    return true;
}

// The last inherited node, unless a node of the tree stands on it.
static bool add_inherited_leaf(mb_tree *t, mb_id_list *list)
{
    mb_place place;
    if (t->inherited == 0)
        return true;
    if (!mb_tree_inherited(t, t->inherited, &place) || !use_children(t, place))
        return false;
    while (mb_reader_row(t->reader)) {
        if (!mb_reader_is_null(t->reader, 2))
            return true;
    }
    return mb_reader_good(t->reader) && add_place(t, place, list);
}

bool mb_tree_leaves(mb_tree *t, mb_id_list *list)
{
    if (!add_inherited_leaf(t, list) || !use_owner(t, LEAVES) || !add_rows(t, list))
        return false;
    mb_id_list_sort(list, false);
    return true;
}

// Appends the segments that the statement in use gives, as ranges.
static bool add_segments(mb_tree *t, mb_ranges *ranges)
{
    mb_reader *r = t->reader;
    while (mb_reader_row(r)) {
        mb_range range = { mb_reader_integer(r, 0), mb_reader_integer(r, 1),
                           mb_reader_integer(r, 2) };
        if (!mb_ranges_add(r, ranges, range))
            return false;
    }
    return mb_reader_good(r);
}

// How far a path, given newest first, leads through a segment.
static int64_t reach(const mb_ranges *path, int64_t segment)
{
    size_t low = 0, high = path->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (path->items[middle].segment == segment)
            return path->items[middle].high;
        if (path->items[middle].segment > segment)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

// Appends what of a segment does not lie on a path.
static bool add_beside(mb_tree *t, mb_range range, const mb_ranges *path, bool inherited,
                       mb_id_list *list)
{
    int64_t on_path = reach(path, range.segment);
    stretch s = { range, inherited ? range.high - range.low : 1, MB_UNLIMITED, inherited };
    if (on_path > range.low) {
        s.range.low = on_path;
        s.least = inherited ? range.high - on_path : 0;
    }
    return s.range.low >= range.high || add_stretch(t, &s, list);
}

static bool add_all_beside(mb_tree *t, const mb_ranges *segments, const mb_ranges *path,
                           bool inherited, mb_id_list *list)
{
    for (size_t i = 0; i < segments->count; i++) {
        if (!add_beside(t, segments->items[i], path, inherited, list))
            return false;
    }
    return true;
}

static bool inherited_ranges(mb_tree *t, mb_ranges *ranges)
{
    mb_place place;
    if (t->inherited == 0)
        return true;
    return mb_tree_inherited(t, t->inherited, &place) &&
           mb_chain_ranges(t->reader, place, 0, ranges);
}

bool mb_tree_orphans(mb_tree *t, mb_id_list *list)
{
    mb_ranges path = { 0 }, old = { 0 }, own = { 0 };
    bool good = (t->leaf.segment == 0 || mb_chain_ranges(t->reader, t->leaf, 0, &path)) &&
                inherited_ranges(t, &old) && use_owner(t, SEGMENTS) && add_segments(t, &own) &&
                add_all_beside(t, &old, &path, true, list) &&
                add_all_beside(t, &own, &path, false, list);
    mb_ranges_free(&path);
    mb_ranges_free(&old);
    mb_ranges_free(&own);
    mb_id_list_sort(list, false);
    return good;
}

// What a search for descendants goes by.
typedef struct search {
    mb_tree *tree;
    mb_id_list *list;
    mb_ranges queue; // segments still to be read
    int64_t last;    // the greatest position that counts; falls when `limit` ids lie before
    int64_t limit;   // of ids, or MB_UNLIMITED
} search;

// Queues the segments that branch off between two positions of one.
static bool queue_branches(search *s, int64_t segment, int64_t from, int64_t to)
{
    mb_reader *r = s->tree->reader;
    if (!mb_reader_use(r, BRANCHES))
        return false;
    mb_reader_bind(r, 1, segment);
    mb_reader_bind(r, 2, s->tree->owner);
    mb_reader_bind(r, 3, from);
    mb_reader_bind(r, 4, to < s->last ? to : s->last - 1);
    mb_reader_bind(r, 5, s->limit);
    return add_segments(s->tree, &s->queue);
}

// Forgets what is more than the limit, and with it the generations behind the last that counts.
static void prune(search *s)
{
    mb_id_list *list = s->list;
    if (s->limit <= 0 || list->count < (size_t)s->limit)
        return;
    mb_id_list_sort(list, true);
    list->count = (size_t)s->limit;
    s->last = list->items[list->count - 1].position;
}

// Reads the nodes of a stretch, and queues what branches off from position `from` on.
static bool visit(search *s, stretch part, int64_t from)
{
    int64_t end = part.range.high;
    part.limit = s->limit;
    if (part.range.high > s->last)
        part.range.high = s->last;
    if (part.inherited)
        part.least = part.range.high - part.range.low;
    if (part.range.low < part.range.high && !add_stretch(s->tree, &part, s->list))
        return false;
    if (!queue_branches(s, part.range.segment, from, end))
        return false;
    if (s->limit > 0 && s->list->count >= 2 * (size_t)s->limit)
        prune(s);
    return true;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

// Begins at an inherited node: the rest of the inherited path follows, and what stands on it.
static bool visit_inherited(search *s, int64_t position)
{
    mb_ranges ranges = { 0 };
    bool good = inherited_ranges(s->tree, &ranges);
    for (size_t i = 0; good && i < ranges.count && ranges.items[i].high >= position; i++) {
        mb_range range = ranges.items[i];
        int64_t from = greater(range.low + 1, position);
        range.low = greater(range.low, position);
        good = visit(s, (stretch){ .range = range, .inherited = true }, from);
    }
    mb_ranges_free(&ranges);
    return good;
}

static bool begin_search(search *s, mb_place place)
{
    mb_segment segment;
    if (!mb_chain_segment(s->tree->reader, place.segment, &segment))
        return false;
    if (segment.owner != s->tree->owner)
        return visit_inherited(s, place.position);
    mb_range range = { place.segment, place.position, segment.live };
    return visit(s, (stretch){ .range = range }, place.position);
}

bool mb_tree_descendants(mb_tree *t, mb_place place, int64_t depth, int64_t limit,
                         mb_id_list *list)
{
    search s = { .tree = t, .list = list, .limit = limit, .last = MB_LAST_POSITION };
    if (depth >= 0 && depth < s.last - place.position)
        s.last = place.position + depth;
    bool good = limit == 0 || begin_search(&s, place);
    for (size_t i = 0; good && limit != 0 && i < s.queue.count; i++) {
        mb_range range = s.queue.items[i];
        if (range.low < s.last)
            good = visit(&s, (stretch){ .range = range, .least = 1 }, range.low + 1);
    }
    mb_ranges_free(&s.queue);
    mb_id_list_sort(list, true);
    prune(&s);
    return good;
}
