-- Each full sync stamps each row with its generation. Where the row's page has room for the new version, no index is
-- written: half of it stays free for that. The space is the same in the end, since without room each row is written to a
-- new page by the second full sync. Pages that are full already get it as their rows move.

ALTER TABLE users SET (fillfactor = 50);
ALTER TABLE memberships SET (fillfactor = 50);
