// What the graph part of moonbase does, as a program written for just that would do it: walks
// in arrays that are as long as there are nodes, over the same tables; each also as one
// recursive query.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bare.h"

static sqlite3_stmt *find, *edges_of, *name_of, *find_rel, *put, *begin, *commit, *recurse;
static sqlite3_stmt *recurse_path, *find_scope, *view;
static int nodes;    // greatest number of a node
static int scope;    // whose graph
static int turn;     // of the choice of nodes
static int *met;     // by node: its depth plus one, or 0
static int *queue;   // nodes in the order in which they were met
static int *parent;  // by node
static double *cost; // by node

static void prepare(bare *b)
{
    if (find != NULL)
        return;
    find_scope = bare_prepare(b, "SELECT id FROM scopes WHERE name = ?");
    find = bare_prepare(b, "SELECT key FROM graph_nodes WHERE scope = ? AND name = ?");
    find_rel = bare_prepare(b, "SELECT key FROM graph_relations WHERE scope = ? AND name = ?");
    edges_of =
        bare_prepare(b, "SELECT dst, weight FROM graph_edges WHERE scope = ? AND src = ?");
    name_of = bare_prepare(b, "SELECT name FROM graph_nodes WHERE key = ?");
    put = bare_prepare(b, "INSERT INTO graph_edges (scope, src, rel, dst, since, until, weight)"
                          " VALUES (?, ?, ?, ?, 0, 0, ?)"
                          " ON CONFLICT (scope, src, rel, dst, since) DO UPDATE"
                          " SET weight = excluded.weight");
    view = bare_prepare(b, "BEGIN");
    begin = bare_prepare(b, "BEGIN IMMEDIATE");
    commit = bare_prepare(b, "COMMIT");
    recurse = bare_prepare(b, "WITH RECURSIVE walk (node, depth) AS (SELECT ?2, 0 UNION"
                              " SELECT e.dst, depth + 1 FROM walk CROSS JOIN graph_edges e"
                              " ON e.scope = ?1 AND e.src = walk.node WHERE depth < ?3)"
                              " SELECT min(depth), n.name FROM walk CROSS JOIN graph_nodes n"
                              " ON n.key = walk.node GROUP BY walk.node");
    recurse_path = bare_prepare(b, "WITH RECURSIVE walk (node, depth) AS (SELECT ?2, 0 UNION"
                                   " SELECT e.dst, depth + 1 FROM walk CROSS JOIN graph_edges e"
                                   " ON e.scope = ?1 AND e.src = walk.node WHERE depth < 8)"
                                   " SELECT depth FROM walk WHERE node = ?3 LIMIT 1");
    sqlite3_stmt *most = bare_prepare(b, "SELECT max(key) FROM graph_nodes");
    bare_row(b, most);
    nodes = sqlite3_column_int(most, 0) + 1;
    sqlite3_finalize(most);
    met = malloc(sizeof *met * (size_t)nodes);
    queue = malloc(sizeof *queue * (size_t)nodes);
    parent = malloc(sizeof *parent * (size_t)nodes);
    cost = malloc(sizeof *cost * (size_t)nodes);
    bare_check(b, met && queue && parent && cost, "no memory");
}

static int node_named(bare *b, const char *name)
{
    sqlite3_bind_int(find, 1, scope);
    bare_text(find, 2, name);
    bare_row(b, find);
    int key = sqlite3_column_int(find, 0);
    sqlite3_reset(find);
    return key;
}

// The size of the graph is the first argument.
static int use_graph(bare *b, char **arguments)
{
    char name[40];
    prepare(b);
    snprintf(name, sizeof name, "g%s", arguments[0]);
    bare_text(find_scope, 1, name);
    bare_row(b, find_scope);
    scope = sqlite3_column_int(find_scope, 0);
    sqlite3_reset(find_scope);
    return atoi(arguments[0]);
}

static void choose(int size, char *name)
{
    turn++;
    snprintf(name, 40, "node-%lld", (long long)turn * 7919 % (size / 10));
}

static void use_edges(int node)
{
    sqlite3_reset(edges_of);
    sqlite3_bind_int(edges_of, 1, scope);
    sqlite3_bind_int(edges_of, 2, node);
}

// Reads a name, as a program that uses it must.
static int read_name(bare *b, int node)
{
    sqlite3_bind_int(name_of, 1, node);
    bare_row(b, name_of);
    int sum = sqlite3_column_text(name_of, 0)[0] + sqlite3_column_bytes(name_of, 0);
    sqlite3_reset(name_of);
    return sum;
}

// Breadth first from a node, up to a depth or another node; gives how many were met.
static int walk(int start, int depth, int end)
{
    int count = 1;
    memset(met, 0, sizeof *met * (size_t)nodes);
    met[start] = 1;
    queue[0] = start;
    for (int i = 0; i < count && met[queue[i]] <= depth; i++) {
        use_edges(queue[i]);
        while (sqlite3_step(edges_of) == SQLITE_ROW) {
            int other = sqlite3_column_int(edges_of, 0);
            if (met[other] != 0)
                continue;
            met[other] = met[queue[i]] + 1;
            parent[other] = queue[i];
            queue[count++] = other;
            if (other == end)
                return count;
        }
    }
    return count;
}

// A question about two nodes, by their names.
typedef struct question {
    char from[40];
    char to[40];
    int size;  // of the graph
    int depth; // the second argument, where there is one
} question;

// Answers a question about other nodes each time. All that it reads is of one state of the
// file, which is quicker too.
static void ask(bare *b, int count, char **arguments,
                void (*answer)(bare *b, const question *q))
{
    question q = { .size = use_graph(b, arguments) };
    q.depth = arguments[1] != NULL ? atoi(arguments[1]) : 0;
    for (int i = 0; i < count; i++) {
        choose(q.size, q.from);
        choose(q.size, q.to);
        bare_start(b);
        bare_step(b, view);
        answer(b, &q);
        sqlite3_reset(edges_of);
        bare_step(b, commit);
        bare_stop(b);
    }
}

static volatile int taken; // sum of what was read: a program that uses it must read it

static void answer_neighbors(bare *b, const question *q)
{
    int found[1000], n = 0;
    use_edges(node_named(b, q->from));
    while (n < 1000 && sqlite3_step(edges_of) == SQLITE_ROW)
        found[n++] = sqlite3_column_int(edges_of, 0);
    while (n > 0)
        taken += read_name(b, found[--n]);
}

static void answer_reach(bare *b, const question *q)
{
    int found = walk(node_named(b, q->from), q->depth, 0);
    for (int j = 1; j < found; j++)
        taken += read_name(b, queue[j]);
}

// By one recursive query.
static void query_reach(bare *b, const question *q)
{
    sqlite3_bind_int(recurse, 1, scope);
    sqlite3_bind_int(recurse, 2, node_named(b, q->from));
    sqlite3_bind_int(recurse, 3, q->depth);
    while (sqlite3_step(recurse) == SQLITE_ROW)
        taken += sqlite3_column_int(recurse, 0) + sqlite3_column_text(recurse, 1)[0];
    sqlite3_reset(recurse);
}

static void read_way(bare *b, int start, int end)
{
    for (int node = end; node != start; node = parent[node])
        taken += read_name(b, node);
}

static void answer_path(bare *b, const question *q)
{
    int start = node_named(b, q->from), end = node_named(b, q->to);
    walk(start, nodes, end);
    if (met[end])
        read_way(b, start, end);
}

// How far it is, by one recursive query.
static void query_path(bare *b, const question *q)
{
    sqlite3_bind_int(recurse_path, 1, scope);
    sqlite3_bind_int(recurse_path, 2, node_named(b, q->from));
    sqlite3_bind_int(recurse_path, 3, node_named(b, q->to));
    while (sqlite3_step(recurse_path) == SQLITE_ROW)
        taken += sqlite3_column_int(recurse_path, 0);
    sqlite3_reset(recurse_path);
}

typedef struct entry {
    double cost;
    int node;
} entry;

static entry *heap;
static int waiting, room;

static void push(bare *b, entry added)
{
    if (waiting == room) {
        room = room ? 2 * room : 1024;
        heap = realloc(heap, sizeof *heap * (size_t)room);
        bare_check(b, heap != NULL, "no memory");
    }
    int i = waiting++;
    for (; i > 0 && added.cost < heap[(i - 1) / 2].cost; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = added;
}

static entry pop(void)
{
    entry top = heap[0], last = heap[--waiting];
    int i = 0, child;
    while ((child = 2 * i + 1) < waiting) {
        if (child + 1 < waiting && heap[child + 1].cost < heap[child].cost)
            child++;
        if (heap[child].cost >= last.cost)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

// Dijkstra's search; true when there is a way.
static int search(bare *b, int start, int end)
{
    for (int i = 0; i < nodes; i++)
        cost[i] = HUGE_VAL;
    waiting = 0;
    cost[start] = 0;
    push(b, (entry){ 0, start });
    while (waiting > 0) {
        entry next = pop();
        if (next.node == end)
            return 1;
        if (next.cost > cost[next.node])
            continue;
        use_edges(next.node);
        while (sqlite3_step(edges_of) == SQLITE_ROW) {
            int other = sqlite3_column_int(edges_of, 0);
            double there = next.cost + sqlite3_column_double(edges_of, 1);
            if (there >= cost[other])
                continue;
            cost[other] = there;
            parent[other] = next.node;
            push(b, (entry){ there, other });
        }
    }
    return 0;
}

static void answer_cheapest(bare *b, const question *q)
{
    int start = node_named(b, q->from), end = node_named(b, q->to);
    if (search(b, start, end))
        read_way(b, start, end);
}

static int *ends;      // of edges
static double *shares; // of edges
static int *begins;    // by place in the queue, its first edge

static int read_region(bare *b, int start, int size)
{
    int count = 1, e = 0;
    if (ends == NULL) {
        ends = malloc(sizeof *ends * (size_t)size * 2);
        shares = malloc(sizeof *shares * (size_t)size * 2);
        begins = malloc(sizeof *begins * ((size_t)nodes + 1));
        bare_check(b, ends && shares && begins, "no memory");
    }
    memset(met, 0, sizeof *met * (size_t)nodes);
    met[start] = 1;
    queue[0] = start;
    for (int i = 0; i < count; i++) {
        double sum = 0;
        begins[i] = e;
        use_edges(queue[i]);
        while (sqlite3_step(edges_of) == SQLITE_ROW) {
            int other = sqlite3_column_int(edges_of, 0);
            if (met[other] == 0) {
                queue[count++] = other;
                met[other] = count;
            }
            ends[e] = met[other] - 1;
            sum += shares[e++] = sqlite3_column_double(edges_of, 1);
        }
        for (int j = begins[i]; j < e; j++)
            shares[j] /= sum;
    }
    begins[count] = e;
    return count;
}

// One round of the power method. Gives how much it changed.
static double round_of(int count, const double *scores, double *next)
{
    double lost = 0, change = 0;
    memset(next, 0, sizeof *next * (size_t)count);
    for (int i = 0; i < count; i++) {
        if (begins[i] == begins[i + 1])
            lost += scores[i];
        for (int e = begins[i]; e < begins[i + 1]; e++)
            next[ends[e]] += 0.85 * scores[i] * shares[e];
    }
    next[0] += 0.15 * (1 - lost) + lost;
    for (int i = 0; i < count; i++)
        change += fabs(next[i] - scores[i]);
    return change;
}

// By the power method, until a round changes less than 1e-12.
static void answer_rank(bare *b, const question *q)
{
    int found = read_region(b, node_named(b, q->from), q->size < 1000000 ? 1000000 : q->size);
    double *scores = calloc((size_t)found, sizeof *scores);
    double *next = calloc((size_t)found, sizeof *next);
    bare_check(b, scores && next, "no memory");
    scores[0] = 1;
    while (round_of(found, scores, next) > 1e-12) {
        double *swap = scores;
        scores = next;
        next = swap;
    }
    free(scores);
    free(next);
}

// The works: graph_NAME COUNT SIZE [DEPTH].
static void neighbors(bare *b, int count, char **arguments)
{
    ask(b, count, arguments, answer_neighbors);
}

static void reach(bare *b, int count, char **arguments)
{
    ask(b, count, arguments, answer_reach);
}

static void reach_query(bare *b, int count, char **arguments)
{
    ask(b, count, arguments, query_reach);
}

static void path(bare *b, int count, char **arguments)
{
    ask(b, count, arguments, answer_path);
}

static void path_query(bare *b, int count, char **arguments)
{
    ask(b, count, arguments, query_path);
}

static void cheapest(bare *b, int count, char **arguments)
{
    ask(b, count, arguments, answer_cheapest);
}

static void rank(bare *b, int count, char **arguments)
{
    ask(b, count, arguments, answer_rank);
}

static void relate_one(bare *b, int size)
{
    char from[40], to[40], rel[40];
    choose(size, from);
    snprintf(rel, sizeof rel, "r%d", turn % 3);
    choose(size, to);
    int start = node_named(b, from), end = node_named(b, to);
    sqlite3_bind_int(find_rel, 1, scope);
    bare_text(find_rel, 2, rel);
    bare_row(b, find_rel);
    sqlite3_bind_int(put, 1, scope);
    sqlite3_bind_int(put, 2, start);
    sqlite3_bind_int(put, 3, sqlite3_column_int(find_rel, 0));
    sqlite3_reset(find_rel);
    sqlite3_bind_int(put, 4, end);
    sqlite3_bind_double(put, 5, turn % 7);
    bare_step(b, put);
}

static void relate_all(bare *b, int count, int size, int length)
{
    for (int i = 0; i < count; i++) {
        bare_start(b);
        bare_step(b, begin);
        for (int j = 0; j < length; j++)
            relate_one(b, size);
        bare_step(b, commit);
        bare_stop(b);
    }
}

// graph_relate COUNT SIZE: an edge in a transaction of its own.
static void relate(bare *b, int count, char **arguments)
{
    relate_all(b, count, use_graph(b, arguments), 1);
}

// graph_relate_many COUNT SIZE LENGTH: so many in each transaction.
static void relate_many(bare *b, int count, char **arguments)
{
    relate_all(b, count, use_graph(b, arguments), atoi(arguments[1]));
}

const bare_work bare_graph[] = {
    { "graph_neighbors", neighbors },
    { "graph_reach", reach },
    { "graph_reach_query", reach_query },
    { "graph_path", path },
    { "graph_path_query", path_query },
    { "graph_cheapest", cheapest },
    { "graph_rank", rank },
    { "graph_relate", relate },
    { "graph_relate_many", relate_many },
    { NULL, NULL },
};
