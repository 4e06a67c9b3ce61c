-- Who has the run: the number grows each time that a process begins it or goes on with it. Each transaction of a sync checks
-- it, so that a process that was stopped, and whose run another one took over meanwhile, writes nothing more.
ALTER TABLE sync_runs ADD COLUMN holder BIGINT NOT NULL DEFAULT 1;
