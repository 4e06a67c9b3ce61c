-- What waits is read in this order, a batch at a time: without it each batch would read and sort all of the inbox.
CREATE INDEX inbox_order ON inbox (attempts, number);
