-- What the database has can be read: the row says where something had to be replaced so that it can, the views have the primary
-- address of those who have no other, and a change says what it changed.

-- A JSON array of the columns in which something had to be replaced: characters that are none, numbers that are too large.
ALTER TABLE directories ADD COLUMN repaired TEXT;
ALTER TABLE users ADD COLUMN repaired TEXT;
ALTER TABLE groups ADD COLUMN repaired TEXT;

-- A JSON array of the columns that changed.
ALTER TABLE changes ADD COLUMN changed_columns TEXT;
-- A JSON object of what they had before; of attributes the keys that changed.
ALTER TABLE changes ADD COLUMN previous TEXT;
-- Why the mirror believes it: `confirmed`, `repeated_absence`, `approved`, `moved`.
ALTER TABLE changes ADD COLUMN reason TEXT;

DROP VIEW group_members;
DROP VIEW active_users;

-- The users who may act now. Where there is no `email` it is the primary of `emails`, else the first of them.
CREATE VIEW active_users AS
SELECT
    u.id, u.directory_id, u.organization_id, u.idp_id,
    COALESCE(u.email, (
        SELECT e.value ->> 'value'
        FROM json_each(CASE WHEN json_valid(u.emails) AND json_type(u.emails) = 'array' THEN u.emails ELSE '[]' END) AS e
        WHERE e.type = 'object' AND json_type(e.value, '$.value') = 'text'
        ORDER BY COALESCE(json_type(e.value, '$.primary'), '') = 'true' DESC, e.key LIMIT 1
    )) AS email,
    u.emails, u.first_name, u.last_name, u.name, u.job_title, u.username, u.state, u.role, u.roles, u.custom_attributes,
    u.raw_attributes, u.created_at, u.updated_at, d.state AS directory_state
FROM users AS u
LEFT JOIN directories AS d ON d.id = u.directory_id
WHERE u.deleted_at IS NULL AND u.state = 'active';

-- The users who may act now, by the groups that they are members of now.
CREATE VIEW group_members AS
SELECT
    g.directory_id, g.organization_id, g.id AS group_id, g.name AS group_name, u.id AS user_id, u.idp_id, u.email,
    u.first_name, u.last_name, u.name, m.changed_at AS member_since, u.directory_state
FROM memberships AS m
JOIN groups AS g ON g.id = m.group_id AND g.deleted_at IS NULL
JOIN active_users AS u ON u.id = m.user_id
WHERE m.deleted_at IS NULL;
