-- What came of a job that ended well, where there is more to say; and what the caller calls it. Names are no
-- part of the request: two jobs that ask for the same are equal however they are called.
ALTER TABLE privacy_jobs
    ADD COLUMN outcome            text CHECK (outcome IN ('nobody_found')),
    ADD COLUMN label              text CHECK (label <> '' AND length(label) <= 80),
    ADD COLUMN external_reference text CHECK (external_reference <> '' AND length(external_reference) <= 80);

-- Planning finds out; names are given once, with the request.
GRANT UPDATE (outcome) ON privacy_jobs TO lethe_export, lethe_erasure;

-- The log says of every event what its job was, so that it can be read without the job.
ALTER TABLE audit_logs ADD COLUMN about jsonb CHECK (jsonb_typeof(about) = 'object');
