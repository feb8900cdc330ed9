--- Sessions: trees of nodes with a leaf, and what is committed together with them.

local blob_index = require "moonbase.schema.blob_index"

return {
  name = "sessions",
  sql = [[
    -- What changes with each commit stands in front. A session's nodes are a tree of segments,
    -- named by the number of its first one: new nodes go there, and into segments of the same
    -- owner that branch off. That of a fork stands on a segment of another tree, of whose path it
    -- takes the first `inherited` nodes.
    CREATE TABLE sessions (
      key             INTEGER PRIMARY KEY AUTOINCREMENT, -- handles outlive rows: never used again
      scope           INTEGER NOT NULL REFERENCES scopes (id),
      revision        INTEGER NOT NULL DEFAULT 0,
      updated_at      INTEGER NOT NULL,
      leaf            INTEGER,                    -- key of a node
      branch          INTEGER,                    -- the segment that a child of the leaf extends
      node_count      INTEGER NOT NULL DEFAULT 0,
      user_count      INTEGER NOT NULL DEFAULT 0, -- messages of the user
      last_seq        INTEGER NOT NULL DEFAULT 0,
      first_user      INTEGER,                    -- key of the first of the user's messages
      checkpoint_node INTEGER,                    -- the node that bears checkpoint_ref; 0: none yet
      inherited       INTEGER NOT NULL DEFAULT 0,
      tree            INTEGER NOT NULL UNIQUE REFERENCES segments (id),
      created_at      INTEGER NOT NULL,
      id              TEXT    NOT NULL,
      checkpoint_ref  TEXT,
      parent          TEXT,
      name            TEXT,
      model           TEXT,
      cwd             TEXT,
      UNIQUE (scope, id)
    ) STRICT;

    CREATE INDEX sessions_age    ON sessions (scope, updated_at DESC, id);
    CREATE INDEX sessions_parent ON sessions (scope, parent, updated_at DESC, id)
      WHERE parent IS NOT NULL;
    CREATE INDEX sessions_cwd    ON sessions (scope, cwd, updated_at DESC, id)
      WHERE cwd IS NOT NULL;

    -- Apart, because a session is rewritten with each commit and these hardly ever.
    CREATE TABLE session_details (
      session            INTEGER PRIMARY KEY REFERENCES sessions (key),
      first_user_message TEXT, -- its beginning
      caused_by          TEXT, -- a document
      fork_session       TEXT, -- where a fork was made: id of a session
      fork_node          TEXT  -- and of a node
    ) STRICT;

    -- Clustered by segment and position, which is the depth of the node plus one. `body` is the
    -- node without its id and its parent's. The columns between are sums over the path to the node,
    -- so that a fork finds what its path holds without reading it.
    CREATE TABLE session_nodes (
      key        INTEGER PRIMARY KEY, -- segment << 32 | position
      scope      INTEGER NOT NULL,
      tree       INTEGER NOT NULL,
      seq        INTEGER NOT NULL,    -- the order in which the session's nodes were added
      user       INTEGER NOT NULL,    -- it is a message of the user
      users      INTEGER NOT NULL,    -- such messages on the path, itself taken in
      first_user INTEGER,             -- the first of them
      checkpoint INTEGER,             -- the node that bears the checkpoint in force
      id         TEXT    NOT NULL,
      body       TEXT    NOT NULL
    ) STRICT;

    CREATE UNIQUE INDEX session_nodes_ids   ON session_nodes (tree, id);
    CREATE UNIQUE INDEX session_nodes_order ON session_nodes (tree, seq);

    CREATE INDEX segments_trees      ON segments (owner, parent) WHERE owner < 0;
    CREATE INDEX segments_tombstones ON segments (owner) WHERE live IS NOT NULL;

    -- Which checkpoint came into force at a node; it goes with the node.
    CREATE TABLE session_checkpoints (
      node INTEGER PRIMARY KEY, -- session_nodes.key
      ref  TEXT                 -- hash of its manifest; NULL: none is in force
    ) STRICT;

    -- One row for each source and model, added to with each commit.
    CREATE TABLE session_usage (
      session            INTEGER NOT NULL REFERENCES sessions (key),
      source             TEXT    NOT NULL,
      model              TEXT    NOT NULL,
      input_tokens       INTEGER NOT NULL,
      output_tokens      INTEGER NOT NULL,
      cache_read_tokens  INTEGER NOT NULL,
      cache_write_tokens INTEGER NOT NULL,
      reasoning_tokens   INTEGER NOT NULL,
      PRIMARY KEY (session, source, model)
    ) STRICT, WITHOUT ROWID;

    -- What a stamped commit gave, to be given again to whoever repeats it.
    CREATE TABLE session_turns (
      key          INTEGER PRIMARY KEY,
      session      INTEGER NOT NULL REFERENCES sessions (key),
      committed_at INTEGER NOT NULL,
      turn         TEXT    NOT NULL,
      hash         TEXT    NOT NULL,
      result       TEXT    NOT NULL,
      UNIQUE (session, turn)
    ) STRICT;

    CREATE INDEX session_turns_age ON session_turns (session, committed_at);
  ]] .. blob_index("session_nodes", "body", "scope")
    .. blob_index("session_details", "caused_by", "session")
    .. blob_index("session_turns", "result", "key"),
}
