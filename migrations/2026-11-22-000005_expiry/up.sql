-- Packages end, and what a job left in object storage is cleared away.

ALTER TABLE packages
    -- An archive that would be too large is several packages, each complete in itself.
    ADD COLUMN volume_no integer NOT NULL DEFAULT 1 CHECK (volume_no >= 1),
    -- Fixed when the package is written, so that a change of the setting breaks no promise.
    ADD COLUMN expires_at timestamptz NOT NULL DEFAULT clock_timestamp() + interval '24 hours',
    ADD CONSTRAINT packages_one_per_volume UNIQUE (job_id, volume_no),
    DROP CONSTRAINT packages_job_id_key;
CREATE INDEX packages_by_end ON packages (expires_at);

ALTER TABLE privacy_jobs
    -- How far the clearing of an ended job's folder is: 0 nothing, 1 what no retry needs, 2 the last
    -- round has begun and nothing can be taken up again, 3 done. Begins anew with every state.
    ADD COLUMN sweeps_done integer NOT NULL DEFAULT 0 CHECK (sweeps_done BETWEEN 0 AND 3),
    -- Until when a scheduler is busy with the folder; after a failure, when it is tried again.
    ADD COLUMN folder_held_until timestamptz;
-- As before, but clearing away is no change of the job: `updated_at` stays.
DROP TRIGGER guard_job ON privacy_jobs;
CREATE TRIGGER guard_job
    BEFORE INSERT OR UPDATE OF id, organisation_id, kind, state, version, request, requested_by, requested_role,
        not_before, cutoff, failure_code, failure_detail, trace_headers, created_at, updated_at, ended_at
    ON privacy_jobs FOR EACH ROW EXECUTE FUNCTION guard_job();
CREATE INDEX privacy_jobs_to_sweep ON privacy_jobs (ended_at) WHERE ended_at IS NOT NULL AND sweeps_done < 3;

GRANT UPDATE (sweeps_done) ON privacy_jobs TO lethe_api, lethe_export, lethe_erasure;
GRANT UPDATE (sweeps_done, folder_held_until) ON privacy_jobs TO lethe_scheduler;
GRANT SELECT (job_id, object_key, expires_at) ON packages TO lethe_scheduler;
CREATE POLICY all_jobs ON packages TO lethe_scheduler USING (true);
