--- Chains: numbered rows that share their beginnings (messages of threads, nodes of sessions).
-- A chain is stored as segments. Its owner extends one of them, the tip; positions 1..fork lie in
-- the segment `parent` and its ancestors, those above in the segment itself. To branch off is a
-- new segment that names its parent; no row is copied.

return {
  name = "chains",
  sql = [[
    CREATE TABLE segments (
      id     INTEGER PRIMARY KEY AUTOINCREMENT, -- part of the keys of rows: never used again
      parent INTEGER REFERENCES segments (id),
      fork   INTEGER NOT NULL,
      level  INTEGER NOT NULL, -- how many segments lie above it
      jump   INTEGER,          -- one of those: from jump to jump all are found in few steps
      owner  INTEGER NOT NULL, -- key of a living row whose chain holds every row of the segment;
                               -- a session's tree: minus its number
      live   INTEGER           -- a session's tree: rows behind this position are tombstoned
    ) STRICT;

    -- Which branch keeps how much of its parent alive.
    CREATE INDEX segments_branches ON segments (parent, fork, owner) WHERE parent IS NOT NULL;
  ]],
}
