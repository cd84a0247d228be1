-- A role per service, each with no more than its work needs. The roles cannot log in by
-- themselves: a deployment gives them a password (docs/OPERATIONS.md), local servers a LOGIN.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['lethe_api', 'lethe_export', 'lethe_erasure', 'lethe_scheduler', 'lethe_audit'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- roles belong to the cluster; another database of it may have made them
        END;
    END LOOP;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO lethe_api, lethe_export, lethe_erasure, lethe_scheduler, lethe_audit;
GRANT SELECT ON job_transitions, step_transitions TO lethe_api, lethe_export, lethe_erasure, lethe_scheduler;
GRANT SELECT ON __diesel_schema_migrations TO lethe_api, lethe_export, lethe_erasure, lethe_scheduler, lethe_audit;

-- Requests come in, are looked at, called off or tried again; packages are handed out.
GRANT SELECT, INSERT ON privacy_jobs, job_steps, idempotency_keys TO lethe_api;
GRANT UPDATE (state, version, not_before, failure_code, failure_detail, updated_at, ended_at) ON privacy_jobs TO lethe_api;
GRANT UPDATE (state, attempts, not_before, lease_owner, lease_expires_at, failure_code, failure_detail, announced_at,
    ended_at) ON job_steps TO lethe_api;
GRANT SELECT ON job_progress, packages, audit_logs TO lethe_api;
GRANT SELECT, INSERT, UPDATE (published_at) ON outbox TO lethe_api;

-- Workers run steps of their own kinds of jobs (row security below).
GRANT SELECT ON privacy_jobs, job_steps, job_progress, packages TO lethe_export, lethe_erasure;
GRANT INSERT ON job_steps, job_progress TO lethe_export, lethe_erasure;
GRANT UPDATE (state, version, cutoff, failure_code, failure_detail, updated_at, ended_at) ON privacy_jobs
    TO lethe_export, lethe_erasure;
GRANT UPDATE (state, attempts, not_before, epoch, lease_owner, lease_expires_at, failure_code, failure_detail, result,
    announced_at, started_at, ended_at) ON job_steps TO lethe_export, lethe_erasure;
GRANT UPDATE (rows_done, bytes_done, updated_at) ON job_progress TO lethe_export, lethe_erasure;
GRANT INSERT ON packages TO lethe_export;
GRANT SELECT, INSERT, UPDATE (published_at) ON outbox TO lethe_export, lethe_erasure;

-- Time: lapsed leases, due steps, lost messages, old outbox rows and keys.
GRANT SELECT ON privacy_jobs, job_steps TO lethe_scheduler;
GRANT UPDATE (state, version, failure_code, failure_detail, updated_at, ended_at) ON privacy_jobs TO lethe_scheduler;
GRANT UPDATE (state, attempts, not_before, lease_owner, lease_expires_at, failure_code, failure_detail, announced_at,
    ended_at) ON job_steps TO lethe_scheduler;
GRANT SELECT, INSERT, UPDATE (published_at), DELETE ON outbox TO lethe_scheduler;
GRANT SELECT (created_at), DELETE ON idempotency_keys TO lethe_scheduler;
GRANT SELECT (event_id) ON audit_logs TO lethe_scheduler;

-- The sole writer of the audit log, and of nothing else.
GRANT SELECT, INSERT ON audit_logs TO lethe_audit;
GRANT SELECT, UPDATE (size) ON audit_head TO lethe_audit;

-- Row security. The API sees the organisation of the request at hand and no other; without one it
-- sees an error, not everything. Workers see the kinds of jobs that are theirs.
ALTER TABLE privacy_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_progress ENABLE ROW LEVEL SECURITY;
ALTER TABLE packages ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY;

CREATE POLICY one_organisation ON privacy_jobs TO lethe_api
    USING (organisation_id = current_setting('lethe.organisation'));
CREATE POLICY one_organisation ON job_steps TO lethe_api
    USING (organisation_id = current_setting('lethe.organisation'));
CREATE POLICY one_organisation ON job_progress TO lethe_api
    USING (organisation_id = current_setting('lethe.organisation'));
CREATE POLICY one_organisation ON packages TO lethe_api
    USING (organisation_id = current_setting('lethe.organisation'));
CREATE POLICY one_organisation ON idempotency_keys TO lethe_api
    USING (organisation_id = current_setting('lethe.organisation'));
CREATE POLICY one_organisation ON audit_logs TO lethe_api
    USING (organisation_id = current_setting('lethe.organisation'));

CREATE POLICY exports ON privacy_jobs TO lethe_export USING (kind = 'export');
CREATE POLICY exports ON job_steps TO lethe_export
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));
CREATE POLICY exports ON job_progress TO lethe_export
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));
CREATE POLICY exports ON packages TO lethe_export
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));

CREATE POLICY erasures ON privacy_jobs TO lethe_erasure USING (kind <> 'export');
CREATE POLICY erasures ON job_steps TO lethe_erasure
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));
CREATE POLICY erasures ON job_progress TO lethe_erasure
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));

CREATE POLICY all_jobs ON privacy_jobs TO lethe_scheduler USING (true);
CREATE POLICY all_jobs ON job_steps TO lethe_scheduler USING (true);
CREATE POLICY all_jobs ON idempotency_keys TO lethe_scheduler USING (true);
CREATE POLICY all_jobs ON audit_logs TO lethe_scheduler USING (true);

CREATE POLICY sole_writer ON audit_logs TO lethe_audit USING (true);
