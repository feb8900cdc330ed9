--- Leases: who may act on something until when.

return {
  name = "leases",
  sql = [[
    -- A row may go as soon as its lease ended: fencing numbers come from `sequences`.
    CREATE TABLE leases (
      scope      INTEGER NOT NULL REFERENCES scopes (id),
      name       TEXT    NOT NULL,
      expires_at INTEGER NOT NULL,
      ttl        INTEGER NOT NULL, -- what a renewal without one takes
      fencing    INTEGER NOT NULL,
      token      TEXT    NOT NULL,
      owner      TEXT    NOT NULL,
      PRIMARY KEY (scope, name)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX leases_expiry ON leases (scope, expires_at);
  ]],
}
