DROP POLICY all_jobs ON packages;
REVOKE SELECT (job_id, object_key, expires_at) ON packages FROM lethe_scheduler;
DROP INDEX privacy_jobs_to_sweep;
DROP TRIGGER guard_job ON privacy_jobs;
CREATE TRIGGER guard_job BEFORE INSERT OR UPDATE ON privacy_jobs FOR EACH ROW EXECUTE FUNCTION guard_job();
ALTER TABLE privacy_jobs DROP COLUMN sweeps_done, DROP COLUMN folder_held_until;
DROP INDEX packages_by_end;
-- Before, a job had one package.
DELETE FROM packages WHERE volume_no > 1;
ALTER TABLE packages
    DROP CONSTRAINT packages_one_per_volume,
    ADD CONSTRAINT packages_job_id_key UNIQUE (job_id),
    DROP COLUMN volume_no,
    DROP COLUMN expires_at;
