-- The rate limits of the API's key, shared by all workers. Only PostgreSQL has several: here the table stays empty.

CREATE TABLE rate_budgets (
    -- `all` requests, or those that list the users of `directory ID`.
    name     TEXT NOT NULL PRIMARY KEY,
    -- As JSON: until when draws count and how many requests they are for; who asked until when.
    ledger   TEXT NOT NULL,
    drawn_at TEXT NOT NULL
) STRICT;
