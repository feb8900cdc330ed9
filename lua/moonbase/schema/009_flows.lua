--- Flow runs: several agents work on one run, which advances by compare-and-swap.

return {
  name = "flows",
  sql = [[
    -- What a run is found and listed by. AUTOINCREMENT, because pages of runs end in a key.
    CREATE TABLE flows (
      key          INTEGER PRIMARY KEY AUTOINCREMENT,
      scope        INTEGER NOT NULL REFERENCES scopes (id),
      created_at   INTEGER NOT NULL,
      completed_at INTEGER,
      status       TEXT    NOT NULL,
      id           TEXT    NOT NULL,
      mob          TEXT    NOT NULL,
      flow         TEXT    NOT NULL,
      UNIQUE (scope, id)
    ) STRICT;

    -- One for each set of filters; all end in the age.
    CREATE INDEX flows_age             ON flows (scope, created_at);
    CREATE INDEX flows_mob             ON flows (scope, mob, created_at);
    CREATE INDEX flows_flow            ON flows (scope, flow, created_at);
    CREATE INDEX flows_mob_flow        ON flows (scope, mob, flow, created_at);
    CREATE INDEX flows_status          ON flows (scope, status, created_at);
    CREATE INDEX flows_mob_status      ON flows (scope, mob, status, created_at);
    CREATE INDEX flows_flow_status     ON flows (scope, flow, status, created_at);
    CREATE INDEX flows_mob_flow_status ON flows (scope, mob, flow, status, created_at);

    -- All else lies in rows of its own, clustered by run: a key is flow << 32 | n, where n counts
    -- the run's rows in that table. So no write touches more than what it changes, and reading a
    -- run is one range of each table.

    -- Documents that are compared: `body` is the canonical form, the same text for equal documents,
    -- so that comparing is `body = $expected`. `exact` is the document as it was given, only where
    -- decoding `body` would give back numbers of another type (1 for 1.0).
    CREATE TABLE flow_documents (
      key   INTEGER PRIMARY KEY,
      kind  TEXT NOT NULL, -- 'params' and 'state' once, with id ''; 'frame', 'loop'
      id    TEXT NOT NULL,
      body  TEXT NOT NULL,
      exact TEXT
    ) STRICT;
    CREATE UNIQUE INDEX flow_documents_id ON flow_documents (key >> 32, kind, id);

    -- The ledger of steps.
    CREATE TABLE flow_steps (
      key    INTEGER PRIMARY KEY,
      at     INTEGER NOT NULL,
      step   TEXT    NOT NULL,
      agent  TEXT    NOT NULL,
      status TEXT    NOT NULL,
      output TEXT
    ) STRICT;
    CREATE INDEX flow_steps_latest   ON flow_steps (key >> 32, step);
    CREATE INDEX flow_steps_identity ON flow_steps (key >> 32, step, agent, status);

    CREATE TABLE flow_failures (
      key    INTEGER PRIMARY KEY,
      at     INTEGER NOT NULL,
      step   TEXT    NOT NULL,
      reason TEXT    NOT NULL
    ) STRICT;

    -- Which frame an iteration of a loop ran in.
    CREATE TABLE flow_iterations (
      key           INTEGER PRIMARY KEY,
      iteration     INTEGER NOT NULL,
      loop_instance TEXT    NOT NULL,
      frame         TEXT    NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX flow_iterations_identity
      ON flow_iterations (key >> 32, loop_instance, iteration, frame);

    -- What steps gave; those outside any loop have loop '' and iteration 0.
    CREATE TABLE flow_outputs (
      key       INTEGER PRIMARY KEY,
      iteration INTEGER NOT NULL,
      loop      TEXT    NOT NULL,
      step      TEXT    NOT NULL,
      output    TEXT    NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX flow_outputs_step ON flow_outputs (key >> 32, loop, iteration, step);
  ]],
}
