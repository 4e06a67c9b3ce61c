-- Events that a webhook brought and that were not applied yet: kept before the webhook is answered.

CREATE TABLE inbox (
    -- The order in which they came.
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    received_at TEXT NOT NULL,
    -- The event as JSON.
    payload     TEXT NOT NULL,
    -- How often the database refused it alone.
    attempts    INTEGER NOT NULL DEFAULT 0
) STRICT;
