-- Events that the database refused for a reason that may pass wait for their next try.
ALTER TABLE inbox ADD COLUMN next_try_at TEXT COLLATE "C";
ALTER TABLE inbox ADD COLUMN refused_since TEXT COLLATE "C";
ALTER TABLE inbox ADD COLUMN error TEXT;
