-- An odd object costs only what is odd: of a new object that has no readable name, type or time that column is null.
--
-- SQLite drops NOT NULL by building the table anew. Views, indexes and the order of the columns are those of before.

DROP VIEW group_members;
DROP VIEW active_users;

CREATE TABLE directories_rebuilt (
    id                TEXT NOT NULL PRIMARY KEY,
    organization_id   TEXT,
    external_key      TEXT,
    type              TEXT,
    state             TEXT NOT NULL,
    name              TEXT,
    domain            TEXT,
    metadata          TEXT,
    created_at        TEXT,
    created_at_source TEXT,
    updated_at        TEXT,
    updated_at_source TEXT,
    generation        INTEGER NOT NULL,
    first_seen_at     TEXT NOT NULL,
    changed_at        TEXT NOT NULL,
    deleted_at        TEXT,
    event_run         INTEGER NOT NULL DEFAULT 0,
    event_at          TEXT,
    event_id          TEXT
) STRICT;

INSERT INTO directories_rebuilt SELECT * FROM directories;
DROP TABLE directories;
ALTER TABLE directories_rebuilt RENAME TO directories;
CREATE INDEX directories_organization ON directories (organization_id);

CREATE TABLE users_rebuilt (
    id                TEXT NOT NULL PRIMARY KEY,
    directory_id      TEXT NOT NULL,
    organization_id   TEXT,
    idp_id            TEXT,
    email             TEXT,
    emails            TEXT,
    first_name        TEXT,
    last_name         TEXT,
    name              TEXT,
    job_title         TEXT,
    username          TEXT,
    state             TEXT NOT NULL,
    role              TEXT,
    roles             TEXT,
    created_at        TEXT,
    created_at_source TEXT,
    updated_at        TEXT,
    updated_at_source TEXT,
    generation        INTEGER NOT NULL,
    first_seen_at     TEXT NOT NULL,
    changed_at        TEXT NOT NULL,
    deleted_at        TEXT,
    custom_attributes TEXT,
    raw_attributes    TEXT,
    event_run         INTEGER NOT NULL DEFAULT 0,
    event_at          TEXT,
    event_id          TEXT
) STRICT;

INSERT INTO users_rebuilt SELECT * FROM users;
DROP TABLE users;
ALTER TABLE users_rebuilt RENAME TO users;
CREATE INDEX users_directory ON users (directory_id, id);

CREATE TABLE groups_rebuilt (
    id                TEXT NOT NULL PRIMARY KEY,
    directory_id      TEXT NOT NULL,
    organization_id   TEXT,
    idp_id            TEXT,
    name              TEXT,
    created_at        TEXT,
    created_at_source TEXT,
    updated_at        TEXT,
    updated_at_source TEXT,
    generation        INTEGER NOT NULL,
    first_seen_at     TEXT NOT NULL,
    changed_at        TEXT NOT NULL,
    deleted_at        TEXT,
    raw_attributes    TEXT,
    event_run         INTEGER NOT NULL DEFAULT 0,
    event_at          TEXT,
    event_id          TEXT
) STRICT;

INSERT INTO groups_rebuilt SELECT * FROM groups;
DROP TABLE groups;
ALTER TABLE groups_rebuilt RENAME TO groups;
CREATE INDEX groups_directory ON groups (directory_id, id);

-- The users who may act now.
CREATE VIEW active_users AS
SELECT
    id, directory_id, organization_id, idp_id, email, emails, first_name, last_name, name, job_title, username, state,
    role, roles, custom_attributes, raw_attributes, created_at, updated_at
FROM users
WHERE deleted_at IS NULL AND state = 'active';

-- The users who may act now, by the groups that they are members of now.
CREATE VIEW group_members AS
SELECT
    g.directory_id, g.organization_id, g.id AS group_id, g.name AS group_name, u.id AS user_id, u.idp_id, u.email,
    u.first_name, u.last_name, u.name, m.changed_at AS member_since
FROM memberships AS m
JOIN groups AS g ON g.id = m.group_id AND g.deleted_at IS NULL
JOIN active_users AS u ON u.id = m.user_id
WHERE m.deleted_at IS NULL;

-- What the source said that cannot be read: an object, or a field of one. It empties by itself when the object reads well.
CREATE TABLE quarantine (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind          TEXT NOT NULL CHECK (kind IN ('directories', 'users', 'groups', 'memberships', 'events')),
    -- The id, or `#` and a digest of the object where the id cannot be read.
    object_key    TEXT NOT NULL,
    -- Null where it cannot be read.
    object_id     TEXT,
    directory_id  TEXT,
    -- The JSON path of the fault within the object.
    path          TEXT NOT NULL,
    error         TEXT NOT NULL,
    -- The beginning of the value, at most 4 KiB.
    payload       TEXT NOT NULL,
    -- Who said it: `list`, `lookup` (a response by id) or `event`.
    source        TEXT NOT NULL CHECK (source IN ('list', 'lookup', 'event')),
    -- The full sync that met it last.
    run           INTEGER NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at  TEXT NOT NULL,
    count         INTEGER NOT NULL DEFAULT 1,
    UNIQUE (kind, object_key, path)
) STRICT;

CREATE INDEX quarantine_directory ON quarantine (directory_id, kind);
