--- The store's property graph: edges between nodes that are nothing but names.

local blob_index = require "moonbase.schema.blob_index"

return {
  name = "graph",
  sql = [[
    -- Names are stored once. One that no edge bears any more is removed.
    CREATE TABLE graph_nodes (
      key   INTEGER PRIMARY KEY,
      scope INTEGER NOT NULL REFERENCES scopes (id),
      name  TEXT    NOT NULL,
      UNIQUE (scope, name)
    ) STRICT;

    CREATE TABLE graph_relations (
      key   INTEGER PRIMARY KEY,
      scope INTEGER NOT NULL REFERENCES scopes (id),
      name  TEXT    NOT NULL,
      UNIQUE (scope, name)
    ) STRICT;

    CREATE INDEX graph_relations_scope ON graph_relations (scope);

    -- The edges that leave a node lie together, those that arrive in the first index. A walk reads
    -- nothing else. Times are stored one later from 1970 on: 0 stands for none, and takes no room.
    CREATE TABLE graph_edges (
      scope  INTEGER NOT NULL,
      src    INTEGER NOT NULL, -- graph_nodes.key
      rel    INTEGER NOT NULL, -- graph_relations.key
      dst    INTEGER NOT NULL, -- graph_nodes.key
      since  INTEGER NOT NULL, -- valid_from
      until  INTEGER NOT NULL, -- valid_to
      weight REAL    NOT NULL,
      detail INTEGER,          -- graph_details.key
      PRIMARY KEY (scope, src, rel, dst, since)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX graph_edges_in  ON graph_edges (scope, dst, rel, src, since, until, weight);
    CREATE INDEX graph_edges_rel ON graph_edges (scope, rel);

    -- What hardly any edge has.
    CREATE TABLE graph_details (
      key    INTEGER PRIMARY KEY,
      scope  INTEGER NOT NULL,
      source TEXT,
      data   TEXT
    ) STRICT;
  ]] .. blob_index("graph_details", "data", "scope"),
}
