--- Key-value: JSON values by namespace and key.

return {
  name = "kv",
  sql = [[
    -- No row remembers a key that is gone: the revisions of new keys start above the greatest one
    -- that was ever removed, which `sequences` holds.
    CREATE TABLE kv (
      id         INTEGER PRIMARY KEY,
      scope      INTEGER NOT NULL REFERENCES scopes (id),
      revision   INTEGER NOT NULL,
      expires_at INTEGER,
      ns         TEXT    NOT NULL,
      key        TEXT    NOT NULL,
      value      TEXT    NOT NULL,
      UNIQUE (scope, ns, key)
    ) STRICT;

    CREATE INDEX kv_expiry ON kv (scope, expires_at) WHERE expires_at IS NOT NULL;
  ]],
}
