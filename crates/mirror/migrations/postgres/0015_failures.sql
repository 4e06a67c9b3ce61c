-- Events that the database refused for a reason that may pass wait for their next try.
ALTER TABLE inbox ADD COLUMN next_try_at TEXT COLLATE "C";
ALTER TABLE inbox ADD COLUMN refused_since TEXT COLLATE "C";
ALTER TABLE inbox ADD COLUMN error TEXT;

-- Whether what failed in a part of a run can go on where it was.
ALTER TABLE leases ADD COLUMN can_go_on BIGINT NOT NULL DEFAULT 0;

-- How the last attempt at each directory ended: what waited longest comes first, and what failed is tried again by itself.
CREATE TABLE directory_attempts (
    directory_id TEXT COLLATE "C" PRIMARY KEY,
    ended_at     TEXT COLLATE "C" NOT NULL,
    -- Failures since the last success.
    failures     BIGINT NOT NULL,
    -- When it is tried again; null when it went well.
    next_try_at  TEXT COLLATE "C",
    error        TEXT
);
