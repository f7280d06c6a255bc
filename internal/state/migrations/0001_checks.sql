-- Single facts about this installation.
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;

-- Every check that ever ran or was paused, with what is remembered of it as of
-- its last sealed run. What came later is in results_journal.
CREATE TABLE checks (
  key        INTEGER PRIMARY KEY AUTOINCREMENT,  -- a removed check's key never names another one
  id         TEXT    NOT NULL UNIQUE,
  state      INTEGER NOT NULL DEFAULT 0,
  since_ms   INTEGER,                      -- when state began; NULL before the first run
  failures   INTEGER NOT NULL DEFAULT 0,
  successes  INTEGER NOT NULL DEFAULT 0,
  last_run   INTEGER NOT NULL DEFAULT 0,
  paused     INTEGER NOT NULL DEFAULT 0,
  paused_by  TEXT    NOT NULL DEFAULT '',
  open_chunk INTEGER NOT NULL DEFAULT 0,   -- the chunk that takes the next sealed runs; 0 for a new one
  sealed_seq INTEGER NOT NULL DEFAULT 0    -- journal rows up to this one are in chunks and roll-ups
) STRICT;

-- One row for each appended batch: what is not yet in chunks and roll-ups.
CREATE TABLE results_journal (
  seq  INTEGER PRIMARY KEY,
  data BLOB    NOT NULL
) STRICT;

-- Runs of one check in compact form, at most 512 in at most 24 hours.
CREATE TABLE result_chunks (
  id        INTEGER PRIMARY KEY,
  check_key INTEGER NOT NULL REFERENCES checks (key),
  first_ms  INTEGER NOT NULL,  -- earliest start in it; the clock may have jumped, so chunks may overlap
  last_ms   INTEGER NOT NULL,  -- latest start
  runs      INTEGER NOT NULL,
  data      BLOB    NOT NULL
) STRICT;
CREATE INDEX result_chunks_by_time ON result_chunks (check_key, last_ms);
CREATE INDEX result_chunks_by_age ON result_chunks (last_ms);

-- Roll-ups of one check: the hours of a day, or the days of 32. A page is the
-- number of such periods since 1970. Pages of one period lie together, because
-- those of the present one are what is written. Without a reference to checks:
-- a page goes by its age alone, so it may outlive its check.
CREATE TABLE rollups (
  step      INTEGER NOT NULL,  -- 1 hourly, 2 daily
  page      INTEGER NOT NULL,
  check_key INTEGER NOT NULL,
  data      BLOB    NOT NULL,
  PRIMARY KEY (step, page, check_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE transitions (
  id         INTEGER PRIMARY KEY,
  check_key  INTEGER NOT NULL REFERENCES checks (key),
  at_ms      INTEGER NOT NULL,
  from_state INTEGER NOT NULL,
  to_state   INTEGER NOT NULL,
  reason     TEXT    NOT NULL,
  run        INTEGER NOT NULL,  -- 0 for a pause or resume
  by_whom    TEXT    NOT NULL
) STRICT;
CREATE INDEX transitions_by_check ON transitions (check_key, at_ms);
CREATE INDEX transitions_by_time ON transitions (at_ms);

-- What was said in a run, as compressed JSON.
CREATE TABLE evidence (
  id        INTEGER PRIMARY KEY,
  check_key INTEGER NOT NULL REFERENCES checks (key),
  run       INTEGER NOT NULL,
  data      BLOB    NOT NULL,
  UNIQUE (check_key, run)
) STRICT;
