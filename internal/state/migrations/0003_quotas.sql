-- What quotas of limits have counted. A client is known by a keyed hash only.
-- Times are seconds of Unix time; rows whose window has ended go away.
CREATE TABLE limit_quota (
  policy  TEXT NOT NULL,
  key     INTEGER NOT NULL, -- 64 bits of a hash, as a signed number
  period  TEXT NOT NULL,    -- minute, hour, day, week, month
  start_s INTEGER NOT NULL,
  end_s   INTEGER NOT NULL,
  used    INTEGER NOT NULL,
  PRIMARY KEY (policy, key, period, start_s)
) STRICT, WITHOUT ROWID;

CREATE INDEX limit_quota_end ON limit_quota (end_s);
