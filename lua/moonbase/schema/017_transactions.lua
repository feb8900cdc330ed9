--- The log of explicit transactions, and the participants that have not been told yet.

return {
  name = "transactions",
  sql = [[
    -- `participants` and `write_set` are documents: an array of names, and one of what was written;
    -- `cut`: there was more. A transaction of which some participant is not done is never removed.
    CREATE TABLE transactions (
      key          INTEGER PRIMARY KEY, -- scope << 40 | number, in the order of the commits
      committed_at INTEGER NOT NULL,
      open         INTEGER NOT NULL,    -- participants that are not done
      cut          INTEGER NOT NULL,
      id           TEXT    NOT NULL,
      label        TEXT,
      participants TEXT,
      write_set    TEXT    NOT NULL
    ) STRICT;

    CREATE INDEX transactions_ids ON transactions (key >> 40, id);
    CREATE INDEX transactions_age ON transactions (key >> 40, committed_at) WHERE open = 0;

    -- Those that are not done. `number`: the lower part of the transaction's key.
    CREATE TABLE transaction_participants (
      scope  INTEGER NOT NULL REFERENCES scopes (id),
      name   TEXT    NOT NULL,
      number INTEGER NOT NULL,
      PRIMARY KEY (scope, name, number)
    ) STRICT, WITHOUT ROWID;
  ]],
}
