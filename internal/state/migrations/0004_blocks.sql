-- Who is blocked, and what was done to blocks. Times are milliseconds of Unix
-- time in UTC; targets are as block.ParseTarget reads them.
CREATE TABLE block_entry (
  target     TEXT PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  reason     TEXT NOT NULL,
  author     TEXT NOT NULL,
  rule       TEXT NOT NULL, -- '': somebody set it
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER,       -- NULL: never
  shadow     INTEGER NOT NULL CHECK (shadow IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE block_change (
  seq     INTEGER PRIMARY KEY,
  at_ms   INTEGER NOT NULL,
  action  TEXT NOT NULL, -- added, changed, removed, expired, dismissed
  block   TEXT NOT NULL, -- id of the block or the proposal
  target  TEXT NOT NULL,
  reason  TEXT NOT NULL,
  rule    TEXT NOT NULL,
  done_by TEXT NOT NULL  -- '': a rule or the time
) STRICT;

CREATE INDEX block_change_at ON block_change (at_ms);
