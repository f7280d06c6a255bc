-- When jobs told last that they ran.
CREATE TABLE heartbeat (
	name     TEXT PRIMARY KEY,
	known_ms INTEGER NOT NULL,           -- since when it is waited for
	at_ms    INTEGER,                    -- of the last sign of life
	ok       INTEGER NOT NULL,
	message  TEXT NOT NULL,
	told_by  TEXT NOT NULL,
	since_ms INTEGER,                    -- of the first in a row that ended the same way
	count    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
