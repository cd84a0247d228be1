CREATE OR REPLACE FUNCTION forget_job_secret() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.job_secrets s WHERE s.job_id = NEW.id;
    RETURN NULL;
END $$;
DROP POLICY erasures ON job_secrets;
REVOKE SELECT ON job_secrets FROM lethe_erasure;
REVOKE INSERT ON privacy_jobs FROM lethe_erasure;
DROP TABLE job_retained;
DROP TABLE legal_holds;
DROP FUNCTION guard_hold();
DROP TABLE step_scopes;
DROP INDEX privacy_jobs_scheduled;
DROP INDEX privacy_jobs_one_open_erasure;
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
