-- The outbox: what changed, in order and once each, for applications that start and end access. Written in the transaction
-- that changes the rows themselves.
--
-- Rows from before this table count as told: an application reads the tables first, and the changes from then on.

CREATE TABLE changes (
    -- Grows in the order in which the transactions end; there can be gaps.
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    kind           TEXT NOT NULL,
    -- By the mirror's clock.
    changed_at     TEXT NOT NULL,
    directory_id   TEXT NOT NULL,
    user_id        TEXT,
    group_id       TEXT,
    -- Of a user or directory, after and before; null while it is not there.
    state          TEXT,
    previous_state TEXT
) STRICT;

-- How far each application has come.
CREATE TABLE change_consumers (
    name            TEXT NOT NULL PRIMARY KEY,
    -- The last change that it is done with.
    position        INTEGER NOT NULL,
    acknowledged_at TEXT
) STRICT;

-- Whether the last change of the pair is `joined_group`. A membership is there while it, its user and its group are.
ALTER TABLE memberships ADD COLUMN told INTEGER NOT NULL DEFAULT 0;

UPDATE memberships SET told = 1
WHERE deleted_at IS NULL
  AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = user_id AND u.deleted_at IS NULL)
  AND EXISTS (SELECT 1 FROM groups AS g WHERE g.id = group_id AND g.deleted_at IS NULL);
