--- Memory: texts with what is known about them. A row's key is scope << 32 | a number that the
-- scope gives out once; the index of words, the vectors and the mentions know a text by the same
-- number. A text that changes gets a new one.

local blob_index = require "moonbase.schema.blob_index"

return {
  name = "memory",
  sql = [[
    -- The next text of the scope gets the number serial + 1; count is of all, expired ones too.
    CREATE TABLE memory_spaces (
      scope  INTEGER PRIMARY KEY REFERENCES scopes (id),
      serial INTEGER NOT NULL,
      count  INTEGER NOT NULL
    ) STRICT;

    -- vector_set says where its vector is; it is absent where the text answers no searches any
    -- more: a newer version of its source does. vector_given: by the caller, not made from the
    -- text. entities: as given by the caller; mentions: the names that are looked up by.
    -- owner to author are of texts that were ingested; position counts the pieces of a source.
    CREATE TABLE memories (
      key          INTEGER PRIMARY KEY,
      id           TEXT    NOT NULL,
      namespace    TEXT    NOT NULL,
      type         TEXT,
      source       TEXT,
      at           INTEGER NOT NULL,
      importance   REAL,
      ttl          INTEGER,
      expires_at   INTEGER,
      created_at   INTEGER NOT NULL,
      updated_at   INTEGER NOT NULL,
      vector_set   INTEGER,
      vector_given INTEGER NOT NULL,
      version      ANY,
      piece        TEXT,
      position     INTEGER,
      owner        TEXT,
      author       TEXT,
      tags         TEXT,
      entities     TEXT,
      mentions     TEXT,
      metadata     TEXT,
      text         TEXT    NOT NULL
    ) STRICT;

    CREATE UNIQUE INDEX memory_ids ON memories (key >> 32, id);
    CREATE INDEX memory_expiry ON memories (key >> 32, expires_at) WHERE expires_at IS NOT NULL;
    CREATE INDEX memory_pieces ON memories (key >> 32, source, version, position)
      WHERE position IS NOT NULL;

    -- What texts are listed and selected by, in order of time. A label is the empty text (every
    -- text has it), or a letter and a name: n a namespace or one above it, t a type, g a tag,
    -- s a source.
    CREATE TABLE memory_labels (
      scope  INTEGER NOT NULL,
      label  TEXT    NOT NULL,
      at     INTEGER NOT NULL,
      serial INTEGER NOT NULL,
      PRIMARY KEY (scope, label, at, serial)
    ) STRICT, WITHOUT ROWID;

    -- Which texts mention a name.
    CREATE TABLE memory_mentions (
      scope  INTEGER NOT NULL,
      name   TEXT    NOT NULL,
      serial INTEGER NOT NULL,
      PRIMARY KEY (scope, name, serial)
    ) STRICT, WITHOUT ROWID;

    -- Earlier texts of what is still there.
    CREATE TABLE memory_history (
      key         INTEGER PRIMARY KEY AUTOINCREMENT,
      scope       INTEGER NOT NULL,
      id          TEXT    NOT NULL,
      at          INTEGER NOT NULL,
      updated_at  INTEGER NOT NULL,
      replaced_at INTEGER NOT NULL,
      text        TEXT    NOT NULL
    ) STRICT;

    CREATE INDEX memory_history_ids ON memory_history (scope, id, key);

    -- The vectors that one embedder made of the texts of a scope. The keys lie beyond those of
    -- vector_collections: both kinds of sets keep their vectors in the same tables.
    CREATE TABLE memory_vectors (
      key      INTEGER PRIMARY KEY AUTOINCREMENT,
      scope    INTEGER NOT NULL REFERENCES scopes (id),
      embedder TEXT    NOT NULL,
      dim      INTEGER NOT NULL,
      count    INTEGER NOT NULL,
      stamp    TEXT    NOT NULL,
      UNIQUE (scope, embedder, dim)
    ) STRICT;
    INSERT INTO sqlite_sequence (name, seq) VALUES ('memory_vectors', 1073741824);
  ]] .. blob_index("memories", "metadata", "key"),
}
