-- What was counted of operations, in steps of time, and what was wrong with them.
-- Times are seconds of Unix time in UTC.

-- The operations that steps name: a step of a hundred operations would be names
-- for the most part.
CREATE TABLE slo_operation (
  id        INTEGER PRIMARY KEY,
  api       TEXT    NOT NULL,
  operation TEXT    NOT NULL,
  last_s    INTEGER NOT NULL, -- of a step that has it, to a day
  UNIQUE (api, operation)
) STRICT;

-- One row for each step: 300 or 3600 seconds of all operations. data is, for each
-- operation, its id, the length of its counts and the counts; see slo.Counts.
CREATE TABLE slo_step (
  length_s  INTEGER NOT NULL,
  start_s   INTEGER NOT NULL,
  covered_s INTEGER NOT NULL,
  data      BLOB    NOT NULL,
  PRIMARY KEY (length_s, start_s)
) STRICT, WITHOUT ROWID;

-- What is pending or firing, as JSON: to go on after a restart.
CREATE TABLE slo_condition (
  seq  INTEGER PRIMARY KEY,
  data TEXT NOT NULL
) STRICT;

-- Kinds of failures, as JSON.
CREATE TABLE slo_top_error (
  seq  INTEGER PRIMARY KEY,
  data TEXT NOT NULL
) STRICT;
