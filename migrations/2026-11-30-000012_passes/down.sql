REVOKE UPDATE (rows_planned) ON job_progress FROM lethe_erasure;
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
    IF NEW.not_before IS DISTINCT FROM OLD.not_before THEN
        RAISE EXCEPTION 'job %: its grace period is neither shortened nor prolonged', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = 'scheduled' AND NEW.state = 'pending' AND clock_timestamp() < OLD.not_before THEN
        RAISE EXCEPTION 'job %: its grace period has not ended', OLD.id USING ERRCODE = 'check_violation';
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
    -- Nothing is done without a worker, unless it waits for others and the owner has said why not.
    IF OLD.state = 'due' AND NEW.state = 'completed' AND (NEW.skip_reason IS NULL OR OLD.kind <> 'revoke_tokens') THEN
        RAISE EXCEPTION 'step % of job %: only a step that waits for others is skipped, and with a reason',
            OLD.step_no, OLD.job_id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state
        AND NOT EXISTS (SELECT FROM public.step_transitions t WHERE t.from_state = OLD.state AND t.to_state = NEW.state) THEN
        RAISE EXCEPTION 'step % of job %: % cannot become %', OLD.step_no, OLD.job_id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
REVOKE UPDATE (waived_reason, waits) ON job_steps FROM lethe_api;
REVOKE UPDATE (waits) ON job_steps FROM lethe_export, lethe_erasure, lethe_scheduler;
ALTER TABLE job_steps DROP COLUMN waived_reason, DROP COLUMN waits;
DELETE FROM job_transitions
    WHERE (from_state, to_state) IN (('running', 'on_hold'), ('verifying', 'on_hold'), ('on_hold', 'failed'));
