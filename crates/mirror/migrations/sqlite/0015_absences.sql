-- Absences: what a complete traversal did not see, and what the API says of it by id. A list ends nothing by itself.

CREATE TABLE absences (
    kind          TEXT NOT NULL CHECK (kind IN ('directories', 'users', 'groups', 'memberships')),
    -- Of a membership the user's id.
    id            TEXT NOT NULL,
    -- Of a membership; empty otherwise.
    group_id      TEXT NOT NULL DEFAULT '',
    directory_id  TEXT NOT NULL,
    -- When it was first absent.
    since         TEXT NOT NULL,
    -- The newest full sync in which it was absent.
    run           INTEGER NOT NULL,
    -- `not_listed`, `list_turned_empty`, `list_contradicts_counts`, `repeated_object`, `ended_early`, `vanished`,
    -- `suspicious_list`.
    reason        TEXT NOT NULL,
    -- In how many complete and consistent traversals it was absent.
    traversals    INTEGER NOT NULL DEFAULT 0,
    -- How often the API was asked without a decision.
    attempts      INTEGER NOT NULL DEFAULT 0,
    -- In which full sync it was asked for last, or minus the token of the lease `absences`.
    asked_in      INTEGER,
    last_asked_at TEXT,
    -- `200`, `404`, or why it is not decided.
    last_response TEXT,
    -- Not before then, between full syncs.
    next_try_at   TEXT,
    PRIMARY KEY (kind, id, group_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX absences_directory ON absences (directory_id, kind);

-- What a full sync noticed that cannot be true, or is not likely.
CREATE TABLE sync_warnings (
    run_id       INTEGER NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    directory_id TEXT NOT NULL,
    kind         TEXT NOT NULL,
    what         TEXT NOT NULL,
    PRIMARY KEY (run_id, directory_id, kind, what)
) STRICT, WITHOUT ROWID;

-- Deletions that a person allowed though they are not confirmed: used once, and only for a day.
CREATE TABLE deletion_approvals (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    directory_id TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('directories', 'users', 'groups', 'memberships')),
    at_most      INTEGER NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    used_at      TEXT,
    -- How many it ended.
    used_for     INTEGER
) STRICT;

-- What ended after repeated absence, so that it is little each day.
CREATE TABLE repeated_absence_ends (
    directory_id TEXT NOT NULL,
    kind         TEXT NOT NULL,
    ended_at     TEXT NOT NULL,
    ended        INTEGER NOT NULL
) STRICT;

-- How many objects a full sync asked for by id.
ALTER TABLE sync_runs ADD COLUMN lookups INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_steps ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_steps ADD COLUMN refreshed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_steps ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
-- How many objects a list gave twice.
ALTER TABLE sync_steps ADD COLUMN repeated INTEGER NOT NULL DEFAULT 0;

-- Since when the connection of a directory does not work; null where it does.
ALTER TABLE directories ADD COLUMN unlinked_since TEXT;
UPDATE directories SET unlinked_since = changed_at WHERE state NOT IN ('linked', 'active') AND deleted_at IS NULL;
