-- The control database: requests, their steps, the outbox, packages, and the audit log.

CREATE TABLE privacy_jobs (
    id              uuid PRIMARY KEY,
    organisation_id text        NOT NULL,
    kind            text        NOT NULL,
    state           text        NOT NULL,
    -- Grows by exactly one with every audited change; audit_logs holds 1..version without a gap.
    version         bigint      NOT NULL DEFAULT 1 CHECK (version >= 1),
    request         jsonb       NOT NULL,
    requested_by    text        NOT NULL,
    requested_role  text        NOT NULL,
    not_before      timestamptz NOT NULL DEFAULT clock_timestamp(),
    cutoff          timestamptz,
    failure_code    text,
    failure_detail  text,
    -- W3C trace context of the request, so that one trace spans every service.
    trace_headers   jsonb       NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at        timestamptz,
    UNIQUE (organisation_id, id),
    CHECK ((state = 'failed') = (failure_code IS NOT NULL)),
    CHECK ((state IN ('completed', 'failed', 'cancelled', 'expired')) = (ended_at IS NOT NULL))
);
-- No second job while an equal one is open.
CREATE UNIQUE INDEX privacy_jobs_one_equal_open ON privacy_jobs (organisation_id, kind, request)
    WHERE state NOT IN ('completed', 'failed', 'cancelled', 'expired');
CREATE INDEX privacy_jobs_by_organisation ON privacy_jobs (organisation_id, created_at DESC, id DESC);

CREATE TABLE job_steps (
    job_id           uuid    NOT NULL,
    step_no          integer NOT NULL CHECK (step_no >= 1),
    organisation_id  text    NOT NULL,
    phase            integer NOT NULL CHECK (phase >= 0),
    kind             text    NOT NULL,
    -- The collection it works on, as dataset.collection; NULL for steps over all of them.
    collection       text,
    state            text    NOT NULL,
    attempts         integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    not_before       timestamptz,
    -- The fencing token: grows with every claim, never falls.
    epoch            bigint  NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    lease_owner      text,
    lease_expires_at timestamptz,
    failure_code     text,
    failure_detail   text,
    rows_planned     bigint  NOT NULL DEFAULT 0,
    -- What the step produced, for the steps after it. Never rows of a subject store.
    result           jsonb,
    announced_at     timestamptz,
    started_at       timestamptz,
    ended_at         timestamptz,
    PRIMARY KEY (job_id, step_no),
    FOREIGN KEY (organisation_id, job_id) REFERENCES privacy_jobs (organisation_id, id),
    CHECK ((state = 'running') = (lease_owner IS NOT NULL AND lease_expires_at IS NOT NULL)),
    CHECK (state <> 'due' OR not_before IS NOT NULL),
    CHECK ((state IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL))
);
CREATE INDEX job_steps_due ON job_steps (not_before) WHERE state = 'due';
CREATE INDEX job_steps_leased ON job_steps (lease_expires_at) WHERE state = 'running';

CREATE TABLE job_progress (
    job_id          uuid    NOT NULL,
    collection      text    NOT NULL,
    organisation_id text    NOT NULL,
    position        integer NOT NULL,
    rows_planned    bigint  NOT NULL DEFAULT 0,
    rows_done       bigint  NOT NULL DEFAULT 0,
    bytes_done      bigint  NOT NULL DEFAULT 0,
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, collection),
    FOREIGN KEY (organisation_id, job_id) REFERENCES privacy_jobs (organisation_id, id)
);

CREATE TABLE packages (
    id              uuid   PRIMARY KEY,
    organisation_id text   NOT NULL,
    job_id          uuid   NOT NULL UNIQUE,
    object_key      text   NOT NULL,
    file_name       text   NOT NULL,
    size_bytes      bigint NOT NULL CHECK (size_bytes >= 0),
    sha256          text   NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (organisation_id, job_id) REFERENCES privacy_jobs (organisation_id, id)
);

-- Written in the transaction of the change it tells of; published afterwards, at least once.
CREATE TABLE outbox (
    event_id      uuid PRIMARY KEY,
    seq           bigint GENERATED ALWAYS AS IDENTITY,
    kind          text     NOT NULL,
    routing_key   text     NOT NULL,
    body          bytea    NOT NULL,
    headers       jsonb    NOT NULL DEFAULT '{}',
    job_id        uuid,
    job_version   bigint,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at  timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;
CREATE UNIQUE INDEX outbox_one_audit_event_per_version ON outbox (job_id, job_version)
    WHERE kind = 'audit.event' AND job_version IS NOT NULL;

CREATE TABLE idempotency_keys (
    organisation_id text  NOT NULL,
    client          text  NOT NULL,
    route           text  NOT NULL,
    key             text  NOT NULL,
    body_sha256     bytea NOT NULL,
    job_id          uuid  NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organisation_id, client, route, key),
    FOREIGN KEY (organisation_id, job_id) REFERENCES privacy_jobs (organisation_id, id)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE audit_logs (
    -- 1, 2, 3 … without a gap: given out under the lock on audit_head, never by a sequence.
    seq             bigint PRIMARY KEY CHECK (seq >= 1),
    event_id        uuid   NOT NULL UNIQUE,
    organisation_id text   NOT NULL,
    actor           text   NOT NULL,
    actor_role      text   NOT NULL,
    action          text   NOT NULL,
    outcome         text   NOT NULL,
    job_id          uuid,
    job_version     bigint,
    step_no         integer,
    trace_id        text,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The event's body exactly as received: what a proof will be computed over.
    body            bytea  NOT NULL
);
CREATE UNIQUE INDEX audit_logs_one_per_version ON audit_logs (job_id, job_version) WHERE job_version IS NOT NULL;
CREATE INDEX audit_logs_by_organisation ON audit_logs (organisation_id, seq DESC);
CREATE INDEX audit_logs_by_job ON audit_logs (job_id, job_version);

CREATE TABLE audit_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    size     bigint  NOT NULL CHECK (size >= 0)
);
INSERT INTO audit_head (size) VALUES (0);
