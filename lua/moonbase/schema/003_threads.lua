--- Threads: conversations, their log, their queue of undelivered messages, their state.

return {
  name = "threads",
  sql = [[
    -- What changes with each message stands in front, so that a long title or custom document is
    -- not rewritten with it.
    CREATE TABLE threads (
      key              INTEGER PRIMARY KEY AUTOINCREMENT, -- in queue revisions: never used again
      scope            INTEGER NOT NULL REFERENCES scopes (id),
      count            INTEGER NOT NULL DEFAULT 0, -- committed messages
      updated_at       INTEGER NOT NULL,
      segment          INTEGER NOT NULL DEFAULT 0, -- the tip, see segments
      inherited        INTEGER NOT NULL DEFAULT 0, -- messages that lie in other segments
      indexed          INTEGER NOT NULL DEFAULT 0, -- messages up to here are in the text index
      created_at       INTEGER NOT NULL,
      queued           INTEGER NOT NULL DEFAULT 0, -- pending messages
      queue_revision   INTEGER NOT NULL DEFAULT 0, -- grows with every change of the queue
      latest_run_at    INTEGER,                    -- a projection older than this is stale
      id               TEXT    NOT NULL,
      resource         TEXT,
      parent           TEXT,
      active_run       TEXT,
      open_run         TEXT,
      latest_run       TEXT,
      title            TEXT,
      custom           TEXT,
      UNIQUE (scope, id)
    ) STRICT;

    -- Each message moves its thread to the front, so a thread stands in as few orders as can be:
    -- the list of all threads merges those with and those without a parent.
    CREATE INDEX threads_roots    ON threads (scope, updated_at DESC, id) WHERE parent IS NULL;
    CREATE INDEX threads_below    ON threads (scope, updated_at DESC, id)
      WHERE parent IS NOT NULL;
    CREATE INDEX threads_parent   ON threads (scope, parent, updated_at DESC, id)
      WHERE parent IS NOT NULL;
    CREATE INDEX threads_resource ON threads (scope, resource, updated_at DESC, id)
      WHERE resource IS NOT NULL;
    CREATE INDEX threads_children ON threads (scope, parent, id) WHERE parent IS NOT NULL;

    CREATE TABLE thread_states (
      thread   INTEGER PRIMARY KEY REFERENCES threads (key),
      document TEXT NOT NULL
    ) STRICT;

    -- Clustered by segment and position, so that a part of a chain is one range of the table.
    -- `body` is the message without its id.
    CREATE TABLE messages (
      key        INTEGER PRIMARY KEY, -- segment << 32 | seq
      created_at INTEGER NOT NULL,
      internal   INTEGER NOT NULL,
      step       INTEGER,
      fold_from  INTEGER,
      fold_to    INTEGER,
      id         TEXT    NOT NULL,
      run        TEXT,
      body       TEXT    NOT NULL
    ) STRICT;

    CREATE UNIQUE INDEX messages_ids ON messages (key >> 32, id);
    CREATE INDEX messages_runs     ON messages (key >> 32, run, key) WHERE run IS NOT NULL;
    CREATE INDEX messages_internal ON messages (key >> 32, key) WHERE internal = 1;
    CREATE INDEX messages_folds    ON messages (key >> 32, key) WHERE fold_to IS NOT NULL;

    -- The tips whose last messages the text index does not hold yet; see threads.indexed.
    CREATE TABLE message_backlog (
      segment INTEGER PRIMARY KEY
    ) STRICT;

    CREATE VIRTUAL TABLE message_text USING fts5 (
      tag, text, content = '', tokenize = 'porter unicode61 remove_diacritics 2'
    );
    INSERT INTO message_text (message_text, rank) VALUES ('rank', 'bm25(0.0, 1.0)');

    -- Gaps between ordinals are legal: a position is derived when it is read.
    CREATE TABLE pending (
      key         INTEGER PRIMARY KEY,
      thread      INTEGER NOT NULL REFERENCES threads (key),
      ordinal     INTEGER NOT NULL,
      id          TEXT    NOT NULL,
      revision    INTEGER NOT NULL,
      boundary    TEXT    NOT NULL,
      granularity TEXT    NOT NULL,
      barrier     INTEGER NOT NULL,
      fallback    INTEGER NOT NULL,
      target_run  TEXT,
      body        TEXT    NOT NULL,
      UNIQUE (thread, id),
      UNIQUE (thread, ordinal)
    ) STRICT;
  ]],
}
