-- How far log files were read. Times are milliseconds of Unix time in UTC.
CREATE TABLE log_file (
  log       TEXT NOT NULL,    -- what reads: the name of an entry of the configuration
  id        INTEGER NOT NULL, -- of the file in it
  path      TEXT NOT NULL,
  device    INTEGER NOT NULL, -- 64 bits, as signed numbers
  inode     INTEGER NOT NULL,
  head      BLOB NOT NULL,    -- a hash of the first bytes, 16 bytes
  head_size INTEGER NOT NULL, -- how many bytes that is of
  position  INTEGER NOT NULL, -- in bytes of the text
  stop      INTEGER NOT NULL, -- where to stop; 0: at the end
  done      INTEGER NOT NULL CHECK (done IN (0, 1)),
  at_ms     INTEGER NOT NULL,
  PRIMARY KEY (log, id)
) STRICT, WITHOUT ROWID;
