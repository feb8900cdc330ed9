// The nodes of a session as a tree: chains that branch off each other (table session_nodes, see
// storage/chain.h). A tree has segments of its own, named by their owner. A fork's first
// segment branches off another tree; what it inherits is the beginning of the chain to there.
// Tombstoned nodes are not in the tree.
#ifndef MB_STORAGE_TREE_H
#define MB_STORAGE_TREE_H

#include "storage/chain.h"
#include "storage/id_list.h"

typedef struct mb_tree {
    mb_reader *reader; // what it is read through; its error says why a call gave false
    int64_t owner;     // of its own segments
    int64_t first;     // the first of them
    int64_t inherited; // how many nodes of the chain before that belong to it
    mb_place leaf;     // nowhere when the session has none
} mb_tree;

// No limit.
#define MB_UNLIMITED (-1)

// Which session. A key that a rollback has freed may be another session's by now: whoever keeps
// one for longer than a transaction also says what else the session is known by.
typedef struct mb_session {
    int64_t key;
    const char *id; // NULL: the key will do
    size_t id_length;
    const char *scope; // its name
    size_t scope_length;
} mb_session;

MB_HIDDEN_BEGIN

// Reads what is known of a session's tree. MB_NOT_FOUND when the session is gone.
bool mb_tree_open(mb_tree *t, mb_reader *r, const mb_session *session);

// Finds a node; the place is nowhere when the tree has none of that id.
bool mb_tree_find(mb_tree *t, const char *id, size_t length, mb_place *place);

// The same; MB_NOT_FOUND when there is none.
bool mb_tree_locate(mb_tree *t, const char *id, size_t length, mb_place *place);

// Finds the segment that a child of the node would extend if its next position is free; 0 when
// a new one has to branch off. `place` may be nowhere, for a root.
bool mb_tree_branch(mb_tree *t, mb_place place, int64_t *segment);

// Finds the place of an inherited node by its position; nowhere when there is none.
bool mb_tree_inherited(mb_tree *t, int64_t position, mb_place *place);

// Whether the nodes on the way from a root to `b` take in `a`, other than as `b` itself.
bool mb_tree_is_ancestor(mb_tree *t, mb_place a, mb_place b, bool *result);

// Appends the id at a place.
bool mb_tree_id(mb_tree *t, mb_place place, mb_id_list *list);

// These append ids to a list. A node that ought to be there and is not is MB_CORRUPT.

// From the root to the place.
bool mb_tree_path(mb_tree *t, mb_place place, mb_id_list *list);

// From the parent to the root, up to `limit`.
bool mb_tree_ancestors(mb_tree *t, mb_place place, int64_t limit, mb_id_list *list);

// In the order in which they were added.
bool mb_tree_children(mb_tree *t, mb_place place, mb_id_list *list);
bool mb_tree_roots(mb_tree *t, mb_id_list *list);
bool mb_tree_leaves(mb_tree *t, mb_id_list *list);

// The same, of all nodes that do not lie on the path to the leaf.
bool mb_tree_orphans(mb_tree *t, mb_id_list *list);

// Generation by generation, up to `depth` of them and up to `limit` ids.
bool mb_tree_descendants(mb_tree *t, mb_place place, int64_t depth, int64_t limit,
                         mb_id_list *list);

MB_HIDDEN_END

#endif
