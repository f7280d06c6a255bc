-- What is wrong, who has it, who was told. Times are milliseconds of Unix time in
-- UTC; alerts go by the fingerprint of their labels, 16 hexadecimal digits.
CREATE TABLE alert (
  id          TEXT PRIMARY KEY,
  source      TEXT NOT NULL,     -- who keeps it up to date; '': it was put
  labels      TEXT NOT NULL,     -- JSON object
  annotations TEXT NOT NULL,     -- JSON object
  starts_ms   INTEGER NOT NULL,
  ends_ms     INTEGER,           -- NULL: it goes on; after updated_ms: it goes on until then unless it is put again
  updated_ms  INTEGER NOT NULL
) STRICT;

CREATE INDEX alert_ended ON alert (ends_ms);

CREATE TABLE alert_ack (
  alert    TEXT PRIMARY KEY,
  done_by  TEXT NOT NULL,
  at_ms    INTEGER NOT NULL,
  until_ms INTEGER,              -- NULL: as long as the alert goes on
  note     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Alertmanager's own state, in its own encoding.
CREATE TABLE alert_blob (
  kind       TEXT NOT NULL,      -- silence, nflog, told
  key        TEXT NOT NULL,
  data       BLOB NOT NULL,
  expires_ms INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT;

CREATE INDEX alert_blob_expires ON alert_blob (expires_ms);

CREATE TABLE alert_delivery (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  receiver   TEXT NOT NULL,
  kind       TEXT NOT NULL,      -- slack, webhook, …
  reason     TEXT NOT NULL,      -- notify, escalate, test
  told       TEXT NOT NULL,      -- JSON list
  firing     INTEGER NOT NULL,
  resolved   INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  tries      INTEGER NOT NULL,
  last_ms    INTEGER,            -- try
  next_ms    INTEGER,            -- try
  state      TEXT NOT NULL,      -- delivered, waiting, failed, superseded
  error      TEXT NOT NULL,
  payload    BLOB                -- what is needed to try it again; NULL when it is over
) STRICT;

CREATE INDEX alert_delivery_receiver ON alert_delivery (receiver, id);
CREATE INDEX alert_delivery_waiting ON alert_delivery (id) WHERE payload IS NOT NULL;
CREATE INDEX alert_delivery_created ON alert_delivery (created_ms);

CREATE TABLE alert_escalation (
  alert     TEXT NOT NULL,
  receiver  TEXT NOT NULL,
  starts_ms INTEGER NOT NULL,    -- of the alert: a later one is another story
  at_ms     INTEGER NOT NULL,
  PRIMARY KEY (alert, receiver)
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_escalation_at ON alert_escalation (at_ms);
