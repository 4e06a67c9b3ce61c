-- The rate limits of the API's key, shared by all workers: what they drew and what still counts.

CREATE TABLE rate_budgets (
    -- `all` requests, or those that list the users of `directory ID`.
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- As JSON: until when draws count and how many requests they are for; who asked until when. In milliseconds since 1970
    -- by the database's clock.
    ledger   TEXT NOT NULL,
    drawn_at TIMESTAMPTZ NOT NULL
);
