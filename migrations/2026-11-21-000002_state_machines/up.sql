-- The life cycles, enforced a second time where no program can walk around them.
-- The first place is crates/domain; a test compares the two. The functions name their tables with
-- the schema: a temporary table of the same name would otherwise be looked at in their place.

CREATE TABLE job_transitions (
    from_state text NOT NULL,
    to_state   text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
INSERT INTO job_transitions (from_state, to_state) VALUES
    ('awaiting_approval', 'pending'), ('awaiting_approval', 'cancelled'),
    ('scheduled', 'pending'), ('scheduled', 'on_hold'), ('scheduled', 'cancelled'),
    ('pending', 'running'), ('pending', 'on_hold'), ('pending', 'failed'), ('pending', 'cancelled'),
    ('running', 'retrying'), ('running', 'verifying'), ('running', 'completed'), ('running', 'failed'),
    ('running', 'cancelled'),
    ('retrying', 'running'), ('retrying', 'on_hold'), ('retrying', 'failed'), ('retrying', 'cancelled'),
    ('on_hold', 'pending'), ('on_hold', 'cancelled'),
    ('verifying', 'retrying'), ('verifying', 'completed'), ('verifying', 'failed'), ('verifying', 'cancelled'),
    ('failed', 'pending'),
    ('completed', 'expired');

CREATE TABLE step_transitions (
    from_state text NOT NULL,
    to_state   text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
INSERT INTO step_transitions (from_state, to_state) VALUES
    ('waiting', 'due'), ('waiting', 'cancelled'),
    ('due', 'running'), ('due', 'cancelled'),
    ('running', 'due'), ('running', 'completed'), ('running', 'failed'), ('running', 'cancelled'),
    ('failed', 'due'), ('failed', 'waiting'),
    ('cancelled', 'due'), ('cancelled', 'waiting');

CREATE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER guard_job BEFORE INSERT OR UPDATE ON privacy_jobs FOR EACH ROW EXECUTE FUNCTION guard_job();

CREATE FUNCTION guard_step() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER guard_step BEFORE INSERT OR UPDATE ON job_steps FOR EACH ROW EXECUTE FUNCTION guard_step();

-- One transaction: state, audit event, outgoing message. A version without its event cannot commit.
CREATE FUNCTION require_audit_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.outbox o
        WHERE o.job_id = NEW.id AND o.job_version = NEW.version AND o.kind = 'audit.event'
    ) THEN
        RAISE EXCEPTION 'job %: version % has no audit event', NEW.id, NEW.version USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER every_version_is_audited AFTER INSERT ON privacy_jobs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_audit_event();
CREATE CONSTRAINT TRIGGER every_new_version_is_audited AFTER UPDATE ON privacy_jobs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.version <> OLD.version)
    EXECUTE FUNCTION require_audit_event();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
