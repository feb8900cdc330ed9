--- Vectors: collections of them. A row's key is collection << 32 | a number that the collection
-- gives out once; what belongs to one collection lies together.

local blob_index = require "moonbase.schema.blob_index"

return {
  name = "vectors",
  sql = [[
    -- The next vector gets the number `serial`. `stamp` is made anew by every change.
    CREATE TABLE vector_collections (
      key        INTEGER PRIMARY KEY AUTOINCREMENT,
      scope      INTEGER NOT NULL REFERENCES scopes (id),
      name       TEXT    NOT NULL,
      dim        INTEGER NOT NULL,
      metric     TEXT    NOT NULL,
      count      INTEGER NOT NULL DEFAULT 0,
      serial     INTEGER NOT NULL DEFAULT 0,
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      stamp      TEXT    NOT NULL,
      UNIQUE (scope, name)
    ) STRICT;

    -- `slot` is the place of its codes: 0 to count - 1, without gaps.
    CREATE TABLE vector_items (
      key      INTEGER PRIMARY KEY,
      slot     INTEGER NOT NULL,
      id       TEXT    NOT NULL,
      metadata TEXT,
      text     TEXT
    ) STRICT;

    CREATE UNIQUE INDEX vector_item_ids ON vector_items (key >> 32, id);

    -- The numbers as given: little-endian float32.
    CREATE TABLE vector_floats (
      key    INTEGER PRIMARY KEY,
      vector BLOB    NOT NULL
    ) STRICT;

    -- A byte for each number, of many vectors in a row: key is collection << 32 | block.
    CREATE TABLE vector_blocks (
      key  INTEGER PRIMARY KEY,
      data BLOB    NOT NULL
    ) STRICT;

    -- What the last change of a block left.
    CREATE TABLE vector_stamps (
      key   INTEGER PRIMARY KEY,
      stamp TEXT    NOT NULL
    ) STRICT;
  ]] .. blob_index("vector_items", "metadata", "key"),
}
