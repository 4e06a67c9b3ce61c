-- What waits for a user or group is looked for when that comes: without these indexes all that waits would be read each time.
CREATE INDEX events_parked_user ON events (user_id) WHERE state = 'parked';
CREATE INDEX events_parked_group ON events (group_id) WHERE state = 'parked';
DROP INDEX events_parked;
