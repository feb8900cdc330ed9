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

    CREATE TABLE vector_items (
      key      INTEGER PRIMARY KEY,
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

    -- What is in a block: how many vectors, with serials from low to high, and where they lie
    -- around a centre, that as codes and how far they lie from it. stamp is made anew by every
    -- change.
    CREATE TABLE vector_cards (
      key     INTEGER PRIMARY KEY,
      stamp   TEXT    NOT NULL,
      records INTEGER NOT NULL,
      low     INTEGER NOT NULL,
      high    INTEGER NOT NULL,
      spread  REAL,
      reach   REAL,
      centre  BLOB
    ) STRICT;
  ]] .. blob_index("vector_items", "metadata", "key"),
}
