-- Erasures: what their steps may touch, what legal holds keep, and what is left because of them.

-- An owner may do without a step that waits for others.
INSERT INTO step_transitions (from_state, to_state) VALUES ('due', 'completed');
ALTER TABLE job_steps
    ADD COLUMN skip_reason text,
    ADD CONSTRAINT job_steps_skipped_is_completed CHECK (skip_reason IS NULL OR state = 'completed');
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
GRANT UPDATE (skip_reason) ON job_steps TO lethe_api;

-- As before, and a grace period is kept to. Nothing ever moved its end; now nothing can.
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
REVOKE UPDATE (not_before) ON privacy_jobs FROM lethe_api;

-- No second erasure of the same organisation or person while one is open, however it is asked for. A dry
-- run erases nothing, and a deferred run erases only what another one left.
CREATE UNIQUE INDEX privacy_jobs_one_open_erasure ON privacy_jobs (organisation_id,
        (coalesce(request -> 'subject' ->> 'identity_type', '')), (coalesce(request -> 'subject' ->> 'tag', '')))
    WHERE kind = 'erasure' AND NOT request ? 'deferred' AND NOT (request ->> 'dry_run')::boolean
        AND state NOT IN ('completed', 'failed', 'cancelled', 'expired');
-- What a hold had an erasure leave is taken up once.
CREATE UNIQUE INDEX privacy_jobs_one_deferred ON privacy_jobs ((request -> 'deferred')) WHERE request ? 'deferred';
CREATE INDEX privacy_jobs_scheduled ON privacy_jobs (not_before) WHERE state = 'scheduled';

-- Which rows a step may touch: keys and key ranges, fixed by planning. They may be personal data, so they
-- are sealed under a key that this database never sees.
CREATE TABLE step_scopes (
    job_id          uuid    NOT NULL,
    step_no         integer NOT NULL,
    organisation_id text    NOT NULL,
    sealed          bytea   NOT NULL,
    PRIMARY KEY (job_id, step_no),
    FOREIGN KEY (job_id, step_no) REFERENCES job_steps (job_id, step_no),
    FOREIGN KEY (organisation_id, job_id) REFERENCES privacy_jobs (organisation_id, id)
);

-- Legal holds (Art. 17(3)): what must not be erased while they last.
CREATE TABLE legal_holds (
    id              uuid PRIMARY KEY,
    organisation_id text NOT NULL,
    -- What is held, in names only; the values it is found by are sealed beside it.
    scope           jsonb NOT NULL,
    sealed          bytea,
    ground          text NOT NULL
        CHECK (ground IN ('expression', 'legal_obligation', 'public_health', 'archiving', 'legal_claims')),
    owner           text NOT NULL CHECK (owner <> ''),
    review_on       date NOT NULL,
    placed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    placed_by       text NOT NULL,
    released_at     timestamptz,
    released_by     text,
    UNIQUE (organisation_id, id),
    CHECK ((released_at IS NULL) = (released_by IS NULL))
);
CREATE INDEX legal_holds_by_organisation ON legal_holds (organisation_id, placed_at DESC);

CREATE FUNCTION guard_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.released_at IS NOT NULL
        OR (NEW.id, NEW.organisation_id, NEW.scope, NEW.sealed, NEW.ground, NEW.owner, NEW.review_on, NEW.placed_at, NEW.placed_by)
            IS DISTINCT FROM
           (OLD.id, OLD.organisation_id, OLD.scope, OLD.sealed, OLD.ground, OLD.owner, OLD.review_on, OLD.placed_at, OLD.placed_by) THEN
        RAISE EXCEPTION 'hold %: it is released once, and never rewritten', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_hold BEFORE UPDATE ON legal_holds FOR EACH ROW EXECUTE FUNCTION guard_hold();

-- Rows that an erasure left because of a hold.
CREATE TABLE job_retained (
    job_id          uuid   NOT NULL,
    hold_id         uuid   NOT NULL,
    collection      text   NOT NULL,
    organisation_id text   NOT NULL,
    rows            bigint NOT NULL CHECK (rows > 0),
    -- The job that erased them once the hold was released.
    erased_by       uuid,
    PRIMARY KEY (job_id, hold_id, collection),
    FOREIGN KEY (organisation_id, job_id) REFERENCES privacy_jobs (organisation_id, id),
    FOREIGN KEY (organisation_id, hold_id) REFERENCES legal_holds (organisation_id, id)
);
CREATE INDEX job_retained_by_hold ON job_retained (hold_id) WHERE erased_by IS NULL;

-- The log says why something was done, and which hold it is about.
ALTER TABLE audit_logs ADD COLUMN reason text, ADD COLUMN hold_id uuid;

-- The API leaves the values that a hold is found by and cannot read them back; the worker reads them.
GRANT SELECT (id, organisation_id, scope, ground, owner, review_on, placed_at, placed_by, released_at, released_by),
    INSERT, UPDATE (released_at, released_by) ON legal_holds TO lethe_api;
GRANT SELECT ON job_retained TO lethe_api;
GRANT SELECT ON legal_holds, job_secrets TO lethe_erasure;
GRANT SELECT, INSERT ON step_scopes, job_retained TO lethe_erasure;
-- A job that ends although a hold it obeyed has been released meanwhile asks for the rest itself.
GRANT INSERT ON privacy_jobs TO lethe_erasure;

ALTER TABLE step_scopes ENABLE ROW LEVEL SECURITY;
ALTER TABLE legal_holds ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_retained ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_organisation ON legal_holds TO lethe_api
    USING (organisation_id = current_setting('lethe.organisation'));
CREATE POLICY one_organisation ON job_retained TO lethe_api
    USING (organisation_id = current_setting('lethe.organisation'));
CREATE POLICY erasures ON legal_holds FOR SELECT TO lethe_erasure
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.organisation_id = legal_holds.organisation_id));
CREATE POLICY erasures ON step_scopes TO lethe_erasure
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));
CREATE POLICY erasures ON job_retained TO lethe_erasure
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));
CREATE POLICY erasures ON job_secrets FOR SELECT TO lethe_erasure
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));
-- A job that the worker makes is the rest of one that left rows because of a hold which is released, and
-- nothing else.
CREATE POLICY only_deferred ON privacy_jobs AS RESTRICTIVE FOR INSERT TO lethe_erasure WITH CHECK (
    kind = 'erasure' AND state = 'pending' AND EXISTS (
        SELECT FROM privacy_jobs o
        JOIN job_retained r ON r.job_id = o.id AND r.organisation_id = o.organisation_id
        JOIN legal_holds h ON h.id = r.hold_id AND h.organisation_id = o.organisation_id
        WHERE o.organisation_id = privacy_jobs.organisation_id AND o.kind = 'erasure'
          AND h.released_at IS NOT NULL
          AND o.id::text = privacy_jobs.request -> 'deferred' ->> 'job'
          AND h.id::text = privacy_jobs.request -> 'deferred' ->> 'hold'
          AND o.request - 'deferred' - 'grace_period_days'
              = privacy_jobs.request - 'deferred' - 'grace_period_days'
    )
);

-- What only the steps of a job needed goes with the job; of one that failed, once it cannot be tried again.
-- A scope stays while rows of it are held: the run after the hold's release has no other way to them. It goes
-- with that run, or when that run is called off.
CREATE OR REPLACE FUNCTION forget_job_secret() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source uuid := (NEW.request -> 'deferred' ->> 'job')::uuid;
BEGIN
    DELETE FROM public.job_secrets s WHERE s.job_id = NEW.id;
    IF source IS NOT NULL THEN
        -- Of two runs that end at the same time, the second sees what the first has written.
        PERFORM FROM public.privacy_jobs j WHERE j.id = source FOR UPDATE;
    END IF;
    IF NEW.state = 'completed' AND source IS NOT NULL THEN
        UPDATE public.job_retained r SET erased_by = NEW.id
        WHERE r.job_id = source AND r.organisation_id = NEW.organisation_id
          AND r.hold_id = (NEW.request -> 'deferred' ->> 'hold')::uuid;
    END IF;
    DELETE FROM public.step_scopes s
    WHERE s.organisation_id = NEW.organisation_id AND s.job_id IN (NEW.id, source)
      AND NOT EXISTS (
          SELECT FROM public.job_retained r
          WHERE r.job_id = s.job_id AND r.erased_by IS NULL AND NOT EXISTS (
              SELECT FROM public.privacy_jobs d
              WHERE d.request ? 'deferred'
                AND d.request -> 'deferred' = jsonb_build_object('hold', r.hold_id, 'job', r.job_id)
                AND (d.state = 'cancelled' OR d.state = 'failed' AND d.sweeps_done >= 2)));
    RETURN NULL;
END $$;
DROP TRIGGER forget_job_secret ON privacy_jobs;
CREATE TRIGGER forget_job_secret AFTER UPDATE ON privacy_jobs FOR EACH ROW
    WHEN (NEW.state IN ('completed', 'cancelled', 'expired') AND NEW.state <> OLD.state
        OR NEW.state = 'failed' AND NEW.sweeps_done >= 2 AND OLD.sweeps_done < 2)
    EXECUTE FUNCTION forget_job_secret();
