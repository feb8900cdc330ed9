--- The text index: sets of texts, and which words are in them. The C core reads and writes these
-- tables; src/storage/text_rows.h says how.

return {
  name = "text",
  sql = [[
    CREATE TABLE text_sets (
      key        INTEGER PRIMARY KEY,
      docs       INTEGER NOT NULL,
      words      INTEGER NOT NULL,
      tail_docs  INTEGER NOT NULL,
      tail_bytes INTEGER NOT NULL
    ) STRICT;

    -- Key: set << 32 | serial.
    CREATE TABLE text_tail (
      key  INTEGER PRIMARY KEY,
      data BLOB NOT NULL
    ) STRICT;

    CREATE TABLE text_segments (
      key          INTEGER PRIMARY KEY,
      text_set     INTEGER NOT NULL,
      level        INTEGER NOT NULL,
      low          INTEGER NOT NULL,
      high         INTEGER NOT NULL,
      first_serial INTEGER NOT NULL,
      last_serial  INTEGER NOT NULL,
      lists        INTEGER NOT NULL,
      bytes        INTEGER NOT NULL,
      target       INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX text_segments_by_set ON text_segments (text_set, key);

    -- Key: segment << 40 | where its words begin.
    CREATE TABLE text_pages (
      key  INTEGER PRIMARY KEY,
      data BLOB NOT NULL
    ) STRICT;

    -- Key: segment << 40 | list for its directory, segment << 40 | list << 20 | number for a chunk.
    CREATE TABLE text_lists (
      key  INTEGER PRIMARY KEY,
      data BLOB NOT NULL
    ) STRICT;
  ]],
}
