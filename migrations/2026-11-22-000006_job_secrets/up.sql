-- What the steps of a job need to know and nobody may read: the passphrase of its package. Sealed by the
-- API under a key that this database never sees; the export worker opens it.

CREATE TABLE job_secrets (
    job_id          uuid  PRIMARY KEY,
    organisation_id text  NOT NULL,
    sealed          bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (organisation_id, job_id) REFERENCES privacy_jobs (organisation_id, id)
);

-- The API leaves secrets and cannot read one back; the scheduler removes them and cannot read one either.
GRANT INSERT ON job_secrets TO lethe_api;
GRANT SELECT ON job_secrets TO lethe_export;
GRANT SELECT (job_id), DELETE ON job_secrets TO lethe_scheduler;

ALTER TABLE job_secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_organisation ON job_secrets FOR INSERT TO lethe_api
    WITH CHECK (organisation_id = current_setting('lethe.organisation'));
CREATE POLICY exports ON job_secrets FOR SELECT TO lethe_export
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));
CREATE POLICY all_jobs ON job_secrets TO lethe_scheduler USING (true);

-- A secret goes with the work that needed it, in the transaction that ends the job, whichever program that
-- is. A failed job keeps its own for a while, since it can be tried again; the sweep removes that.
CREATE FUNCTION forget_job_secret() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.job_secrets s WHERE s.job_id = NEW.id;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION forget_job_secret() FROM PUBLIC;
CREATE TRIGGER forget_job_secret AFTER UPDATE ON privacy_jobs FOR EACH ROW
    WHEN (NEW.state IN ('completed', 'cancelled', 'expired') AND NEW.state <> OLD.state)
    EXECUTE FUNCTION forget_job_secret();
