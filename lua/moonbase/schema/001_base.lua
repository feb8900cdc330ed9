--- The ledger of migrations, and the tenants.

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
  ]],
}
