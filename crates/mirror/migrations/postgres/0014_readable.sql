-- What the database has can be read: `->>`, `->` and `::jsonb` work on every column of JSON of every row. The row says where
-- something had to be replaced for that, the views have the primary address of those who have no other, and a change says
-- what it changed.

-- A JSON array of the columns in which something had to be replaced: characters that are none, numbers that are too large.
ALTER TABLE directories ADD COLUMN repaired JSON;
ALTER TABLE users ADD COLUMN repaired JSON;
ALTER TABLE groups ADD COLUMN repaired JSON;

-- A JSON array of the columns that changed.
ALTER TABLE changes ADD COLUMN changed_columns JSON;
-- A JSON object of what they had before; of attributes the keys that changed.
ALTER TABLE changes ADD COLUMN previous JSON;
-- Why the mirror believes it: `confirmed`, `repeated_absence`, `approved`, `moved`.
ALTER TABLE changes ADD COLUMN reason TEXT;

-- What is there already: the next full sync writes the rows of all that is at the source anew, but not what is gone there.
DO $$
DECLARE
    target RECORD;
    source RECORD;
    fixed TEXT;
    -- An escape begins behind an even number of backslashes.
    begins CONSTANT TEXT := '(?<=(?:^|[^\\])(?:\\\\)*)';
    high CONSTANT TEXT := '\\u[dD][89abAB][0-9a-fA-F]{2}';
    low CONSTANT TEXT := '\\u[dD][c-fC-F][0-9a-fA-F]{2}';
BEGIN
    FOR target IN
        SELECT * FROM (VALUES
            ('directories', 'metadata'), ('users', 'emails'), ('users', 'roles'), ('users', 'custom_attributes'),
            ('users', 'raw_attributes'), ('groups', 'raw_attributes')) AS t (name, col)
    LOOP
        FOR source IN EXECUTE format(
            'SELECT id, %1$I::text AS json FROM %2$I WHERE %1$I::text ~ %3$L', target.col, target.name,
            '\\u(0000|[dD][89a-fA-F])|[eE][+-]?[0-9]{4}|[0-9]{255}')
        LOOP
            fixed := regexp_replace(source.json, begins || '\\u0000', '\\ufffd', 'g');
            fixed := regexp_replace(fixed, begins || high || '(?!' || low || ')', '\\ufffd', 'g');
            fixed := regexp_replace(fixed, '(?<!(?:^|[^\\])(?:\\\\)*' || high || ')' || begins || low, '\\ufffd', 'g');
            BEGIN
                PERFORM fixed::jsonb;
            EXCEPTION WHEN OTHERS THEN
                fixed := '{"$mirror":"could not be read"}';
            END;
            IF fixed <> source.json THEN
                EXECUTE format(
                    'UPDATE %I SET %I = $1::json, repaired = (COALESCE(repaired::jsonb, ''[]'') || to_jsonb($2))::json
                     WHERE id = $3', target.name, target.col)
                USING fixed, target.col, source.id;
            END IF;
        END LOOP;
    END LOOP;
END $$;

DROP VIEW group_members;
DROP VIEW active_users;

-- The users who may act now. Where there is no `email` it is the primary of `emails`, else the first of them.
CREATE VIEW active_users AS
SELECT
    u.id, u.directory_id, u.organization_id, u.idp_id,
    COALESCE(u.email, (
        SELECT e.value ->> 'value'
        FROM json_array_elements(CASE json_typeof(u.emails) WHEN 'array' THEN u.emails ELSE '[]' END)
            WITH ORDINALITY AS e (value, number)
        WHERE json_typeof(e.value -> 'value') = 'string'
        ORDER BY COALESCE(json_typeof(e.value -> 'primary') = 'boolean' AND e.value ->> 'primary' = 'true', false) DESC,
            e.number
        LIMIT 1
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
