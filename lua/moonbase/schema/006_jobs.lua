--- Jobs: durable work that waits in queues.

return {
  name = "jobs",
  sql = [[
    -- How many jobs a queue has is kept, so that to count them reads none but the running ones.
    -- Those are few, and left out because a claim would write this row for them.
    CREATE TABLE job_queues (
      key       INTEGER PRIMARY KEY AUTOINCREMENT, -- outlives a look at it: never used again
      scope     INTEGER NOT NULL REFERENCES scopes (id),
      open      INTEGER NOT NULL DEFAULT 0, -- ready or running
      done      INTEGER NOT NULL DEFAULT 0,
      failed    INTEGER NOT NULL DEFAULT 0,
      dead      INTEGER NOT NULL DEFAULT 0,
      cancelled INTEGER NOT NULL DEFAULT 0,
      name      TEXT    NOT NULL,
      UNIQUE (scope, name)
    ) STRICT;

    -- A ready job is in one of three states: 'ready' (may be claimed), 'blocked' (others of its
    -- group go first) or 'delayed'. The other states are the statuses. What changes most stands in
    -- front.
    CREATE TABLE jobs (
      key          INTEGER PRIMARY KEY, -- greater than that of every older job
      scope        INTEGER NOT NULL REFERENCES scopes (id),
      queue        INTEGER NOT NULL,    -- job_queues.key
      priority     INTEGER NOT NULL,
      state        TEXT    NOT NULL,
      attempt      INTEGER NOT NULL,
      due_at       INTEGER, -- running: when the lease expires; delayed: when the delay is over
      updated_at   INTEGER NOT NULL,
      available_at INTEGER NOT NULL,
      finished_at  INTEGER, -- only the last four statuses have it
      lease        INTEGER, -- running: what a heartbeat gives, in ms
      max_attempts INTEGER NOT NULL,
      created_at   INTEGER NOT NULL,
      id           TEXT    NOT NULL,
      owner        TEXT,
      token        TEXT,
      dedupe       TEXT,
      group_name   TEXT,
      error        TEXT,
      result       TEXT,
      UNIQUE (scope, id)
    ) STRICT;

    -- The key is the last column of every index. So this one has a queue's jobs of one state in
    -- the order in which they are claimed and listed.
    CREATE INDEX jobs_line ON jobs (scope, state, queue, priority);

    CREATE INDEX jobs_due    ON jobs (queue, state, due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX jobs_groups ON jobs (queue, group_name, state, priority)
      WHERE group_name IS NOT NULL AND finished_at IS NULL;
    CREATE UNIQUE INDEX jobs_dedupe ON jobs (queue, dedupe)
      WHERE dedupe IS NOT NULL AND finished_at IS NULL;
    CREATE INDEX jobs_finished ON jobs (scope, finished_at) WHERE finished_at IS NOT NULL;

    -- Apart, because a job is rewritten several times and its payload never. Each job has a row
    -- here, so that one which lost its payload is not taken for one that never had any.
    CREATE TABLE job_payloads (
      key     INTEGER PRIMARY KEY REFERENCES jobs (key) ON DELETE CASCADE,
      payload TEXT
    ) STRICT;
  ]],
}
