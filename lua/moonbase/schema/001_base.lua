--- The ledger of migrations, the tenants, and the numbers that are never given twice.

return {
  name = "base",
  sql = [[
    CREATE TABLE migrations (
      version    INTEGER PRIMARY KEY,
      name       TEXT    NOT NULL,
      applied_at INTEGER NOT NULL
    ) STRICT;

    -- Every row of every part bears the number of its scope.
    CREATE TABLE scopes (
      id   INTEGER PRIMARY KEY,
      name TEXT    NOT NULL UNIQUE
    ) STRICT;
    INSERT INTO scopes (id, name) VALUES (1, 'default');

    -- The last number given out, where a number must not come back after the row
    -- that bore it is gone.
    CREATE TABLE sequences (
      scope INTEGER NOT NULL,
      name  TEXT    NOT NULL,
      value INTEGER NOT NULL,
      PRIMARY KEY (scope, name)
    ) STRICT, WITHOUT ROWID;
  ]],
}
