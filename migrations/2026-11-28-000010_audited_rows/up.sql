-- The log says how many rows a step erased or exported, to be held against the job and the journal.
ALTER TABLE audit_logs ADD COLUMN rows bigint CHECK (rows >= 0);
