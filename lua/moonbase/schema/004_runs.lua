--- Runs: one execution of an agent on a thread each.

return {
  name = "runs",
  sql = [[
    -- `body` is the run without the fields that are columns. `thread` is an id: runs outlive
    -- their thread.
    CREATE TABLE runs (
      key           INTEGER PRIMARY KEY,
      scope         INTEGER NOT NULL REFERENCES scopes (id),
      updated_at    INTEGER NOT NULL,
      written       INTEGER NOT NULL, -- orders runs of one thread with the same updated_at
      steps         INTEGER NOT NULL,
      input_tokens  INTEGER NOT NULL,
      output_tokens INTEGER NOT NULL,
      created_at    INTEGER NOT NULL,
      started_at    INTEGER,
      finished_at   INTEGER,
      id            TEXT    NOT NULL,
      thread        TEXT    NOT NULL,
      agent         TEXT    NOT NULL,
      status        TEXT    NOT NULL,
      parent        TEXT,
      body          TEXT    NOT NULL,
      UNIQUE (scope, id)
    ) STRICT;

    CREATE INDEX runs_age    ON runs (scope, created_at, id);
    CREATE INDEX runs_thread ON runs (scope, thread, created_at, id);
    CREATE INDEX runs_status ON runs (scope, status, created_at, id);
    CREATE INDEX runs_agent  ON runs (scope, agent, created_at, id);
    CREATE INDEX runs_latest ON runs (scope, thread, updated_at, written);
  ]],
}
