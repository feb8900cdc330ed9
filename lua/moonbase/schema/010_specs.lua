--- Specs and profiles: documents whose every revision is kept.

-- The same tables for both. %s is the name of the part.
local TABLES = [[
  -- `revision` is the last one ever given out: a document that was deleted goes on from there.
  CREATE TABLE %s (
    key        INTEGER PRIMARY KEY,
    scope      INTEGER NOT NULL REFERENCES scopes (id),
    revision   INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    live       INTEGER NOT NULL, -- 0 once deleted
    id         TEXT    NOT NULL,
    UNIQUE (scope, id)
  ) STRICT;
  CREATE INDEX %s_live ON %s (scope, live, id);

  CREATE TABLE %s_history (
    key        INTEGER PRIMARY KEY,
    document   INTEGER NOT NULL REFERENCES %s (key),
    revision   INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    UNIQUE (document, revision)
  ) STRICT;
]]

return {
  name = "specs",
  sql = TABLES:gsub("%%s", "specs") .. TABLES:gsub("%%s", "profiles"),
}
