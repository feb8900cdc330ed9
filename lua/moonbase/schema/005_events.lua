--- Events: an append-only log per scope, divided into streams.

return {
  name = "events",
  sql = [[
    CREATE TABLE event_streams (
      id      INTEGER PRIMARY KEY,
      scope   INTEGER NOT NULL REFERENCES scopes (id),
      removed INTEGER NOT NULL DEFAULT 0, -- the greatest cursor that was pruned
      name    TEXT    NOT NULL,
      UNIQUE (scope, name)
    ) STRICT;

    -- Clustered by scope and cursor, so that reading on is one range of the table.
    -- `ahead` is how far the latest time before it in the scope lies ahead of `at`: 0 wherever time
    -- only goes forward. at + ahead never falls, so what is older than a time is the beginning of
    -- the log and some late events, and needs no index on `at` that every append would pay for.
    CREATE TABLE events (
      key       INTEGER PRIMARY KEY, -- scope << 40 | cursor
      stream    INTEGER NOT NULL REFERENCES event_streams (id),
      at        INTEGER NOT NULL,
      ahead     INTEGER NOT NULL,
      type      TEXT    NOT NULL,
      retry_key TEXT,
      data      TEXT
    ) STRICT;

    -- Each ends in the table's key, which gives the order.
    CREATE INDEX events_stream      ON events (stream);
    CREATE INDEX events_type        ON events (type);
    CREATE INDEX events_stream_type ON events (stream, type);

    CREATE UNIQUE INDEX events_retry ON events (stream, retry_key) WHERE retry_key IS NOT NULL;
    CREATE INDEX events_late         ON events (key >> 40, at) WHERE ahead > 0;
    CREATE INDEX events_stream_late  ON events (stream, at) WHERE ahead > 0;

    -- How far each consumer has come; `stream` is '' for one that reads them all.
    CREATE TABLE event_consumers (
      scope    INTEGER NOT NULL REFERENCES scopes (id),
      name     TEXT    NOT NULL,
      stream   TEXT    NOT NULL,
      position INTEGER NOT NULL,
      PRIMARY KEY (scope, name, stream)
    ) STRICT, WITHOUT ROWID;
  ]],
}
