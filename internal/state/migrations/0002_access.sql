-- Who may use the web interface and the API. Times are milliseconds of Unix
-- time in UTC. No secret is in here: what proves an identity is kept as a hash.

-- The password of the user admin: one row, or none.
CREATE TABLE access_password (
  only    INTEGER PRIMARY KEY CHECK (only = 1),
  encoded TEXT NOT NULL -- argon2id PHC string
) STRICT;

CREATE TABLE access_session (
  id         BLOB PRIMARY KEY, -- SHA-256 of what is in the cookie
  password   TEXT NOT NULL,    -- fingerprint of the password that it was made with
  created_ms INTEGER NOT NULL,
  seen_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE access_token (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  scopes     TEXT NOT NULL, -- separated by spaces
  hash       BLOB NOT NULL, -- SHA-256 of the secret half
  created_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_ms INTEGER, -- NULL: never
  used_ms    INTEGER  -- NULL: never
) STRICT;
