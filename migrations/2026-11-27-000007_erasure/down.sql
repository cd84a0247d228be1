CREATE OR REPLACE FUNCTION forget_job_secret() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.job_secrets s WHERE s.job_id = NEW.id;
    RETURN NULL;
END $$;
DROP TRIGGER forget_job_secret ON privacy_jobs;
CREATE TRIGGER forget_job_secret AFTER UPDATE ON privacy_jobs FOR EACH ROW
    WHEN (NEW.state IN ('completed', 'cancelled', 'expired') AND NEW.state <> OLD.state)
    EXECUTE FUNCTION forget_job_secret();
DROP POLICY only_deferred ON privacy_jobs;
DROP POLICY erasures ON job_secrets;
REVOKE SELECT ON job_secrets FROM lethe_erasure;
REVOKE INSERT ON privacy_jobs FROM lethe_erasure;
DROP TABLE job_retained;
DROP TABLE legal_holds;
DROP FUNCTION guard_hold();
DROP TABLE step_scopes;
DROP INDEX privacy_jobs_scheduled;
DROP INDEX privacy_jobs_one_deferred;
DROP INDEX privacy_jobs_one_open_erasure;
ALTER TABLE audit_logs DROP COLUMN reason, DROP COLUMN hold_id;
GRANT UPDATE (not_before) ON privacy_jobs TO lethe_api;
CREATE OR REPLACE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.version <> 1 OR NEW.state NOT IN ('pending', 'scheduled', 'awaiting_approval') THEN
            RAISE EXCEPTION 'job %: a new job has version 1 and has not begun', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.organisation_id, NEW.kind, NEW.request, NEW.requested_by, NEW.requested_role, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.organisation_id, OLD.kind, OLD.request, OLD.requested_by, OLD.requested_role, OLD.created_at) THEN
        RAISE EXCEPTION 'job %: what was asked for cannot be rewritten', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.cutoff IS NOT NULL AND NEW.cutoff IS DISTINCT FROM OLD.cutoff THEN
        RAISE EXCEPTION 'job %: its scope was fixed by planning', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.version NOT IN (OLD.version, OLD.version + 1) THEN
        RAISE EXCEPTION 'job %: version % cannot follow %', OLD.id, NEW.version, OLD.version
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state THEN
        IF NEW.version = OLD.version THEN
            RAISE EXCEPTION 'job %: a change of state needs a new version', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (SELECT FROM public.job_transitions t WHERE t.from_state = OLD.state AND t.to_state = NEW.state) THEN
            RAISE EXCEPTION 'job %: % cannot become %', OLD.id, OLD.state, NEW.state
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION guard_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('waiting', 'due') OR NEW.epoch <> 0 OR NEW.attempts <> 0 THEN
            RAISE EXCEPTION 'step % of job %: a new step has not begun', NEW.step_no, NEW.job_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state = 'completed' THEN
        RAISE EXCEPTION 'step % of job %: what is completed stays as it is', OLD.step_no, OLD.job_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.job_id, NEW.step_no, NEW.organisation_id, NEW.phase, NEW.kind, NEW.collection, NEW.part_no)
        IS DISTINCT FROM
        (OLD.job_id, OLD.step_no, OLD.organisation_id, OLD.phase, OLD.kind, OLD.collection, OLD.part_no) THEN
        RAISE EXCEPTION 'step % of job %: a planned step cannot be rewritten', OLD.step_no, OLD.job_id
            USING ERRCODE = 'check_violation';
    END IF;
    -- A claim, and nothing else, moves the epoch, and by one.
    IF NEW.epoch <> OLD.epoch + (CASE WHEN NEW.state = 'running' AND OLD.state <> 'running' THEN 1 ELSE 0 END) THEN
        RAISE EXCEPTION 'step % of job %: epoch % cannot follow %', OLD.step_no, OLD.job_id, NEW.epoch, OLD.epoch
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state
        AND NOT EXISTS (SELECT FROM public.step_transitions t WHERE t.from_state = OLD.state AND t.to_state = NEW.state) THEN
        RAISE EXCEPTION 'step % of job %: % cannot become %', OLD.step_no, OLD.job_id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
ALTER TABLE job_steps DROP COLUMN skip_reason;
DELETE FROM step_transitions WHERE (from_state, to_state) = ('due', 'completed');
