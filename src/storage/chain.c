#include "storage/chain.h"

static const char SEGMENT[] = "SELECT parent, fork, level, jump, owner,"
                              " coalesce(live, 4294967295) FROM segments WHERE id = $id";

bool mb_chain_segment(mb_reader *r, int64_t id, mb_segment *segment)
{
    if (!mb_reader_use(r, SEGMENT))
        return false;
    mb_reader_bind(r, 1, id);
    if (!mb_reader_row(r)) {
        mb_reader_fail(r, MB_CORRUPT, "segment %lld is missing", (long long)id);
        return false;
    }
    segment->id = id;
    segment->parent = mb_reader_integer(r, 0);
    segment->fork = mb_reader_integer(r, 1);
    segment->level = mb_reader_integer(r, 2);
    segment->jump = mb_reader_integer(r, 3);
    segment->owner = mb_reader_integer(r, 4);
    segment->live = mb_reader_integer(r, 5);
    return true;
}

// Reads an ancestor, which must lie before and above the segment.
static bool climb(mb_reader *r, const mb_segment *from, int64_t to, mb_segment *segment)
{
    int64_t id = from->id, level = from->level, fork = from->fork;
    if (!mb_chain_segment(r, to, segment))
        return false;
    if (segment->level < level && segment->fork < fork)
        return true;
    return mb_reader_fail(r, MB_CORRUPT, "segment %lld cannot branch off segment %lld at %lld",
                          (long long)id, (long long)to, (long long)fork);
}

bool mb_chain_parent(mb_reader *r, const mb_segment *segment, mb_segment *parent)
{
    if (segment->parent == 0)
        return mb_reader_fail(r, MB_CORRUPT, "segment %lld has lost what it branches off",
                              (long long)segment->id);
    return climb(r, segment, segment->parent, parent);
}

bool mb_chain_holder(mb_reader *r, int64_t tip, int64_t position, mb_segment *holder)
{
    mb_segment far;
    if (!mb_chain_segment(r, tip, holder))
        return false;
    while (holder->fork >= position) {
        if (holder->jump != 0 && holder->jump != holder->parent) {
            if (!climb(r, holder, holder->jump, &far))
                return false;
            if (far.fork >= position) {
                *holder = far;
                continue;
            }
        }
        if (!mb_chain_parent(r, holder, holder))
            return false;
    }
    return true;
}

// Replaces a segment by its ancestor of a level that is not below its own.
static bool lift(mb_reader *r, mb_segment *segment, int64_t level)
{
    mb_segment far;
    while (segment->level > level) {
        if (segment->jump != 0 && segment->jump != segment->parent) {
            if (!climb(r, segment, segment->jump, &far))
                return false;
            if (far.level >= level) {
                *segment = far;
                continue;
            }
        }
        if (!mb_chain_parent(r, segment, segment))
            return false;
    }
    return true;
}

// Replaces two segments of one level, of which neither is above the other, by the two on their
// chains that branch off the same one, or that branch off none.
static bool approach(mb_reader *r, mb_segment *a, mb_segment *b)
{
    while (a->parent != b->parent) {
        bool jump = a->jump != b->jump && a->jump != 0 && b->jump != 0;
        if (!climb(r, a, jump ? a->jump : a->parent, a) ||
            !climb(r, b, jump ? b->jump : b->parent, b))
            return false;
    }
    return true;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// The place up to which a segment's rows are on both chains.
static bool meet(mb_place *common, int64_t segment, int64_t a, int64_t b)
{
    common->segment = segment;
    common->position = smaller(a, b);
    return true;
}

bool mb_chain_common(mb_reader *r, mb_place a, mb_place b, mb_place *common)
{
    mb_segment above, below;
    if (!mb_chain_segment(r, a.segment, &above) || !mb_chain_segment(r, b.segment, &below))
        return false;
    if (above.level > below.level) {
        mb_segment swapped = above;
        above = below;
        below = swapped;
        a.position = b.position; // of what is above now
    }
    if (below.id == above.id)
        return meet(common, above.id, a.position, b.position);
    if (below.level > above.level) {
        if (!lift(r, &below, above.level + 1))
            return false;
        if (below.parent == above.id)
            return meet(common, above.id, a.position, below.fork);
        if (!mb_chain_parent(r, &below, &below))
            return false;
    }
    if (!approach(r, &above, &below))
        return false;
    return meet(common, above.parent, above.fork, below.fork);
}

bool mb_chain_stranger(mb_reader *r, const mb_segment *segment, mb_segment *stranger)
{
    mb_segment own = *segment, far;
    while (own.parent != 0) {
        if (own.jump != 0 && own.jump != own.parent) {
            if (!climb(r, &own, own.jump, &far))
                return false;
            if (far.owner == own.owner) {
                own = far;
                continue;
            }
        }
        if (!mb_chain_parent(r, &own, stranger))
            return false;
        if (stranger->owner != own.owner)
            return true;
        own = *stranger;
    }
    stranger->id = 0;
    return true;
}

bool mb_ranges_add(mb_reader *r, mb_ranges *ranges, mb_range range)
{
    if (ranges->count == ranges->capacity) {
        size_t capacity = ranges->capacity ? ranges->capacity * 2 : 8;
        mb_range *items = sqlite3_realloc64(ranges->items, capacity * sizeof *items);
        if (items == NULL)
            return mb_reader_no_memory(r);
        ranges->items = items;
        ranges->capacity = capacity;
    }
    ranges->items[ranges->count++] = range;
    return true;
}

void mb_ranges_free(mb_ranges *ranges)
{
    sqlite3_free(ranges->items);
    *ranges = (mb_ranges){ 0 };
}

bool mb_chain_ranges(mb_reader *r, mb_place end, int64_t low, mb_ranges *ranges)
{
    mb_segment segment;
    int64_t high = end.position;
    if (!mb_chain_segment(r, end.segment, &segment))
        return false;
    while (segment.fork > low) {
        mb_range range = { segment.id, segment.fork, high };
        high = segment.fork;
        if (!mb_ranges_add(r, ranges, range) || !mb_chain_parent(r, &segment, &segment))
            return false;
    }
    return mb_ranges_add(r, ranges, (mb_range){ segment.id, low, high });
}
