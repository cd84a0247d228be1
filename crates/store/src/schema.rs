//! The tables as Diesel sees them. `make test` compares this file with the migrated database.

diesel::table! {
    privacy_jobs (id) {
        id -> Uuid,
        organisation_id -> Text,
        kind -> Text,
        state -> Text,
        version -> Int8,
        request -> Jsonb,
        requested_by -> Text,
        requested_role -> Text,
        not_before -> Timestamptz,
        cutoff -> Nullable<Timestamptz>,
        failure_code -> Nullable<Text>,
        failure_detail -> Nullable<Text>,
        trace_headers -> Jsonb,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        sweeps_done -> Int4,
        folder_held_until -> Nullable<Timestamptz>,
        outcome -> Nullable<Text>,
        label -> Nullable<Text>,
        external_reference -> Nullable<Text>,
    }
}

diesel::table! {
    job_steps (job_id, step_no) {
        job_id -> Uuid,
        step_no -> Int4,
        organisation_id -> Text,
        phase -> Int4,
        kind -> Text,
        collection -> Nullable<Text>,
        state -> Text,
        attempts -> Int4,
        not_before -> Nullable<Timestamptz>,
        epoch -> Int8,
        lease_owner -> Nullable<Text>,
        lease_expires_at -> Nullable<Timestamptz>,
        failure_code -> Nullable<Text>,
        failure_detail -> Nullable<Text>,
        rows_planned -> Int8,
        result -> Nullable<Jsonb>,
        announced_at -> Nullable<Timestamptz>,
        started_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        part_no -> Nullable<Int4>,
        rows_done -> Int8,
        bytes_done -> Int8,
        skip_reason -> Nullable<Text>,
        waits -> Bool,
        waived_reason -> Nullable<Text>,
    }
}

diesel::table! {
    step_scopes (job_id, step_no) {
        job_id -> Uuid,
        step_no -> Int4,
        organisation_id -> Text,
        sealed -> Bytea,
    }
}

diesel::table! {
    revoked_tokens (job_id, step_no, epoch, page) {
        job_id -> Uuid,
        step_no -> Int4,
        epoch -> Int8,
        page -> Int4,
        sealed -> Bytea,
    }
}

diesel::table! {
    retained_rows (job_id, hold_id, collection) {
        job_id -> Uuid,
        step_no -> Int4,
        hold_id -> Uuid,
        collection -> Text,
        organisation_id -> Text,
        sealed -> Bytea,
    }
}

diesel::table! {
    legal_holds (id) {
        id -> Uuid,
        organisation_id -> Text,
        scope -> Jsonb,
        sealed -> Nullable<Bytea>,
        ground -> Text,
        owner -> Text,
        review_on -> Date,
        placed_at -> Timestamptz,
        placed_by -> Text,
        released_at -> Nullable<Timestamptz>,
        released_by -> Nullable<Text>,
    }
}

diesel::table! {
    job_retained (job_id, hold_id, collection) {
        job_id -> Uuid,
        hold_id -> Uuid,
        collection -> Text,
        organisation_id -> Text,
        rows -> Int8,
        erased_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    job_progress (job_id, collection) {
        job_id -> Uuid,
        collection -> Text,
        organisation_id -> Text,
        position -> Int4,
        rows_planned -> Int8,
        rows_done -> Int8,
        bytes_done -> Int8,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    packages (id) {
        id -> Uuid,
        organisation_id -> Text,
        job_id -> Uuid,
        object_key -> Text,
        file_name -> Text,
        size_bytes -> Int8,
        sha256 -> Text,
        created_at -> Timestamptz,
        volume_no -> Int4,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    outbox (event_id) {
        event_id -> Uuid,
        seq -> Int8,
        kind -> Text,
        routing_key -> Text,
        body -> Bytea,
        headers -> Jsonb,
        job_id -> Nullable<Uuid>,
        job_version -> Nullable<Int8>,
        created_at -> Timestamptz,
        published_at -> Nullable<Timestamptz>,
        published_again -> Int4,
    }
}

diesel::table! {
    job_secrets (job_id) {
        job_id -> Uuid,
        organisation_id -> Text,
        sealed -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    idempotency_keys (organisation_id, client, route, key) {
        organisation_id -> Text,
        client -> Text,
        route -> Text,
        key -> Text,
        body_sha256 -> Bytea,
        job_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        hold_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    audit_logs (seq) {
        seq -> Int8,
        event_id -> Uuid,
        organisation_id -> Text,
        actor -> Text,
        actor_role -> Text,
        action -> Text,
        outcome -> Text,
        job_id -> Nullable<Uuid>,
        job_version -> Nullable<Int8>,
        step_no -> Nullable<Int4>,
        trace_id -> Nullable<Text>,
        occurred_at -> Timestamptz,
        recorded_at -> Timestamptz,
        body -> Bytea,
        reason -> Nullable<Text>,
        hold_id -> Nullable<Uuid>,
        rows -> Nullable<Int8>,
        media -> Nullable<Jsonb>,
        about -> Nullable<Jsonb>,
    }
}

diesel::table! {
    audit_head (only_row) {
        only_row -> Bool,
        size -> Int8,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    privacy_jobs,
    job_steps,
    job_progress,
    packages,
    outbox,
    audit_logs,
    legal_holds,
    job_retained,
    retained_rows
);
