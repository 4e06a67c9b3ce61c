-- Events: what GET /events and webhooks tell, each applied once.
--
-- `event_run`, `event_at` and `event_id` say which event last changed a row, and which full sync was the newest then: the
-- older pages of that sync neither overwrite the row nor mark it as deleted.

ALTER TABLE directories ADD COLUMN event_run BIGINT NOT NULL DEFAULT 0;
ALTER TABLE directories ADD COLUMN event_at TEXT COLLATE "C";
ALTER TABLE directories ADD COLUMN event_id TEXT COLLATE "C";
ALTER TABLE users ADD COLUMN event_run BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN event_at TEXT COLLATE "C";
ALTER TABLE users ADD COLUMN event_id TEXT COLLATE "C";
ALTER TABLE groups ADD COLUMN event_run BIGINT NOT NULL DEFAULT 0;
ALTER TABLE groups ADD COLUMN event_at TEXT COLLATE "C";
ALTER TABLE groups ADD COLUMN event_id TEXT COLLATE "C";
ALTER TABLE memberships ADD COLUMN event_run BIGINT NOT NULL DEFAULT 0;
ALTER TABLE memberships ADD COLUMN event_at TEXT COLLATE "C";
ALTER TABLE memberships ADD COLUMN event_id TEXT COLLATE "C";

-- One row per event, so that an event that comes again changes nothing.
CREATE TABLE events (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    created_at  TEXT COLLATE "C" NOT NULL,
    received_at TEXT COLLATE "C" NOT NULL,
    -- The newest full sync when it came first: what the event knows is not newer, even if it is applied later.
    run         BIGINT NOT NULL,
    -- `applied`; `stale`: something newer was known; `parked`: waits for its user or group; `kept`: means nothing to the
    -- tables; `dead`: cannot be applied, `error` says why.
    state       TEXT NOT NULL CHECK (state IN ('applied', 'stale', 'parked', 'kept', 'dead')),
    error       TEXT,
    -- Of whom a parked event tells.
    user_id     TEXT COLLATE "C",
    group_id    TEXT COLLATE "C",
    -- The event as it came, unless it was applied or stale.
    payload     TEXT
);

CREATE INDEX events_parked ON events (created_at, id) WHERE state = 'parked';
CREATE INDEX events_dead ON events (created_at, id) WHERE state = 'dead';

-- How far GET /events has been read: written together with what the events changed.
CREATE TABLE event_cursors (
    scope       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- The last event; null before the first.
    cursor      TEXT,
    -- From when on events are read as long as there is no cursor.
    range_start TEXT NOT NULL,
    polled_at   TEXT
);
