-- Workers: what is going on in this database. With PostgreSQL there can be several; the lock files beside an SQLite file let
-- one process do full syncs and one follow.

CREATE TABLE workers (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The full sync that it takes part in.
    run_id     INTEGER,
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

-- Who does what. Each transaction that a lease is needed for checks the token: it grows each time that somebody takes the
-- lease, so that who lost it writes nothing more.
CREATE TABLE leases (
    -- `events`: the list of events; `directories`: the list of directories; `directory ID`: what is in one.
    resource TEXT NOT NULL PRIMARY KEY,
    -- The full sync that it belongs to, 0 for events.
    run_id   INTEGER NOT NULL,
    token    INTEGER NOT NULL,
    -- Null when nobody has it.
    worker   INTEGER,
    -- It is done, perhaps with an error.
    ended_at TEXT,
    error    TEXT
) STRICT;

CREATE INDEX leases_open ON leases (run_id, resource) WHERE ended_at IS NULL;

-- The tokens of the leases replace it.
ALTER TABLE sync_runs DROP COLUMN holder;
