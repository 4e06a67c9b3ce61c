-- The mirror's tables. Their columns and the two views are a contract with the applications that read them: README.md.
--
-- Times are text such as 2024-01-15T10:00:00.000Z, which sorts as it reads. Where the source wrote a time in another
-- form, the column `…_source` beside it has that text, and is null otherwise.
--
-- `generation` is the number of the full sync that last saw the row. A row that a complete traversal did not see is
-- gone at the source: it gets `deleted_at` and stays.
--
-- No foreign keys between directories, users, groups and memberships: the source tells of them in any order (a user can
-- list a group that was created a moment ago), and rows are never removed, so that there is nothing to cascade. The
-- views join, so that a membership without its user or group is not seen until they come.

CREATE TABLE directories (
    id                TEXT NOT NULL PRIMARY KEY,
    organization_id   TEXT,
    external_key      TEXT,
    type              TEXT NOT NULL,
    state             TEXT NOT NULL,
    name              TEXT NOT NULL,
    domain            TEXT,
    metadata          TEXT,
    created_at        TEXT NOT NULL,
    created_at_source TEXT,
    updated_at        TEXT NOT NULL,
    updated_at_source TEXT,
    generation        INTEGER NOT NULL,
    first_seen_at     TEXT NOT NULL,
    changed_at        TEXT NOT NULL,
    deleted_at        TEXT
) STRICT;

CREATE INDEX directories_organization ON directories (organization_id);

CREATE TABLE users (
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
    created_at        TEXT NOT NULL,
    created_at_source TEXT,
    updated_at        TEXT NOT NULL,
    updated_at_source TEXT,
    generation        INTEGER NOT NULL,
    first_seen_at     TEXT NOT NULL,
    changed_at        TEXT NOT NULL,
    deleted_at        TEXT,
    -- Last, since they can have tens of KB: what comes before them is read and stamped without touching them.
    custom_attributes TEXT,
    raw_attributes    TEXT
) STRICT;

CREATE INDEX users_directory ON users (directory_id, id);

CREATE TABLE groups (
    id                TEXT NOT NULL PRIMARY KEY,
    directory_id      TEXT NOT NULL,
    organization_id   TEXT,
    idp_id            TEXT,
    name              TEXT NOT NULL,
    created_at        TEXT,
    created_at_source TEXT,
    updated_at        TEXT,
    updated_at_source TEXT,
    generation        INTEGER NOT NULL,
    first_seen_at     TEXT NOT NULL,
    changed_at        TEXT NOT NULL,
    deleted_at        TEXT,
    raw_attributes    TEXT
) STRICT;

CREATE INDEX groups_directory ON groups (directory_id, id);

CREATE TABLE memberships (
    user_id       TEXT NOT NULL,
    group_id      TEXT NOT NULL,
    generation    INTEGER NOT NULL,
    first_seen_at TEXT NOT NULL,
    changed_at    TEXT NOT NULL,
    deleted_at    TEXT,
    PRIMARY KEY (user_id, group_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_group ON memberships (group_id, user_id);

-- One row per full sync; its id is the generation that it stamps on rows.
CREATE TABLE sync_runs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- What was to be traversed: `all`, `organization ID` or `directories ID, ID`.
    scope      TEXT NOT NULL,
    -- `running` without a living process is a run that was killed. That and `interrupted` can be resumed.
    state      TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted', 'failed', 'abandoned')),
    started_at TEXT NOT NULL,
    ended_at   TEXT,
    -- Why it did not finish, one line per failure.
    error      TEXT,
    -- What it did, as JSON.
    summary    TEXT
) STRICT;

-- How far a run came: one row per directory and kind of object, written together with each page of objects. The list of
-- directories itself is the row with an empty directory_id.
CREATE TABLE sync_steps (
    run_id       INTEGER NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    directory_id TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('directories', 'users', 'groups', 'memberships')),
    -- How memberships are found out: `embedded`, `users_per_group` or `groups_per_user`.
    plan         TEXT,
    -- The group or user whose list is under way, when memberships are listed one by one.
    position     TEXT,
    -- Where the list goes on.
    cursor       TEXT,
    -- How many users came without saying their groups.
    untold       INTEGER NOT NULL DEFAULT 0,
    -- Everything has been seen.
    traversed_at TEXT,
    -- What was not seen has been marked as deleted, or the guard refused it.
    finished_at  TEXT,
    calls        INTEGER NOT NULL DEFAULT 0,
    seen         INTEGER NOT NULL DEFAULT 0,
    inserted     INTEGER NOT NULL DEFAULT 0,
    updated      INTEGER NOT NULL DEFAULT 0,
    restored     INTEGER NOT NULL DEFAULT 0,
    unchanged    INTEGER NOT NULL DEFAULT 0,
    deleted      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, directory_id, kind)
) STRICT, WITHOUT ROWID;

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
