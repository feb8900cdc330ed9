--- Blobs: bytes that are stored once under the hash of what they are; artifacts: named versions
-- of them.

local blob_index = require "moonbase.schema.blob_index"

-- The columns of the parts before this one that hold documents: any of them may name a blob.
local DOCUMENTS = {
  { "threads", "custom", "scope" },
  { "thread_states", "document", "thread" },
  { "messages", "body", "key" },
  { "pending", "body", "key" },
  { "runs", "body", "scope" },
  { "events", "data", "key" },
  { "jobs", "result", "scope" },
  { "job_payloads", "payload", "key" },
  { "kv", "value", "scope" },
  { "flow_documents", "body", "key" },
  { "flow_steps", "output", "key" },
  { "flow_outputs", "output", "key" },
  { "specs_history", "body", "key" },
  { "profiles_history", "body", "key" },
}

local function document_indexes()
  local script = {}
  for i, entry in ipairs(DOCUMENTS) do script[i] = blob_index(entry[1], entry[2], entry[3]) end
  return table.concat(script)
end

return {
  name = "blobs",
  sql = [[
    -- A blob of up to 256 KiB lies in its row; a larger one in pieces of that size, the last one
    -- smaller. While it is being written piece by piece it has no hash.
    CREATE TABLE blobs (
      key        INTEGER PRIMARY KEY,
      scope      INTEGER NOT NULL REFERENCES scopes (id),
      created_at INTEGER NOT NULL,
      size       INTEGER NOT NULL,           -- bytes as given
      stored     INTEGER NOT NULL,           -- bytes as they lie here
      packed     INTEGER NOT NULL,           -- the content is compressed by zstd
      pieces     INTEGER NOT NULL DEFAULT 0,
      names      INTEGER NOT NULL DEFAULT 0, -- it is a document that names other blobs
      hash       TEXT,                       -- SHA-256 of the bytes as given, in hexadecimal
      kind       TEXT,
      upload     TEXT,                       -- who is writing it
      content    BLOB,
      UNIQUE (scope, hash)
    ) STRICT;

    CREATE INDEX blobs_uploads ON blobs (scope, created_at) WHERE upload IS NOT NULL;
    CREATE INDEX blobs_naming  ON blobs (scope, hash) WHERE names = 1;

    CREATE TABLE blob_pieces (
      key     INTEGER PRIMARY KEY, -- blob << 24 | number of the piece, from 1
      size    INTEGER NOT NULL,
      packed  INTEGER NOT NULL,
      digest  TEXT    NOT NULL,    -- SHA-256 of the blob from its beginning to the end of the piece
      content BLOB    NOT NULL
    ) STRICT;

    -- While blobs are collected in several transactions: who does it, and what was stored or named
    -- since it looked.
    CREATE TABLE blob_collector (
      id  INTEGER PRIMARY KEY CHECK (id = 1),
      run TEXT    NOT NULL
    ) STRICT;
    CREATE TABLE blob_touches (
      id   INTEGER PRIMARY KEY,
      hash TEXT    NOT NULL UNIQUE
    ) STRICT;

    CREATE TABLE artifacts (
      key       INTEGER PRIMARY KEY,
      scope     INTEGER NOT NULL REFERENCES scopes (id),
      latest    INTEGER NOT NULL, -- its last version
      namespace TEXT    NOT NULL,
      name      TEXT    NOT NULL,
      UNIQUE (scope, namespace, name)
    ) STRICT;

    CREATE TABLE artifact_versions (
      scope      INTEGER NOT NULL,
      artifact   INTEGER NOT NULL, -- artifacts.key
      version    INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      size       INTEGER NOT NULL,
      hash       TEXT    NOT NULL,
      PRIMARY KEY (scope, artifact, version)
    ) STRICT, WITHOUT ROWID;
  ]] .. document_indexes(),
}
