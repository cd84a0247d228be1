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
    IF (NEW.job_id, NEW.step_no, NEW.organisation_id, NEW.phase, NEW.kind, NEW.collection)
        IS DISTINCT FROM (OLD.job_id, OLD.step_no, OLD.organisation_id, OLD.phase, OLD.kind, OLD.collection) THEN
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

ALTER TABLE job_steps DROP COLUMN part_no, DROP COLUMN rows_done, DROP COLUMN bytes_done;
