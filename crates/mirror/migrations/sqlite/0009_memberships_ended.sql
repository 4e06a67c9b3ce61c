-- Memberships that have ended and of which the application is to be told: none, but within the transaction that ends them.
CREATE INDEX memberships_ended ON memberships (user_id, group_id) WHERE told = 1 AND deleted_at IS NOT NULL;
