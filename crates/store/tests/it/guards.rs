//! What the database itself refuses, whoever asks.

use domain::id::JobId;
use domain::job::StepKind;
use testkit::new_erasure;
use tokio_postgres::error::SqlState;

use super::forbidden::refused;
use super::holding::place;
use super::support::{World, collections, erasing};

/// An audit event's row for a version of a job, as a script.
fn event(job: JobId, version: i64) -> String {
    format!(
        "INSERT INTO outbox (event_id, kind, routing_key, body, job_id, job_version) \
         VALUES (gen_random_uuid(), 'audit.event', 'audit.event', '', '{job}', {version});"
    )
}

fn set_job(job: JobId, what: &str) -> String {
    format!("UPDATE privacy_jobs SET {what} WHERE id = '{job}';")
}

fn set_step(job: JobId, step: i32, what: &str) -> String {
    format!("UPDATE job_steps SET {what} WHERE job_id = '{job}' AND step_no = {step};")
}

/// Runs the script as the owner of everything and expects a refusal that says `why`.
async fn refuses(world: &World, script: &str, why: &str) {
    let script = format!("BEGIN; {script} COMMIT");
    let error = world.admin.batch_execute(&script).await.expect_err(&script);
    world.admin.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(error.code(), Some(&SqlState::CHECK_VIOLATION), "{script}: {error:?}");
    let message = error.as_db_error().unwrap().message().to_owned();
    assert!(message.contains(why), "{script}\n{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_needs_its_audit_event() {
    let world = World::new().await;
    let job = world.job("acme").await;
    let next = set_job(job, "version = 2");
    refuses(&world, &next, "version 2 has no audit event").await;
    refuses(&world, &format!("{next} {}", event(job, 3)), "version 2 has no audit event").await;
    refuses(
        &world,
        &format!("{next} {}", event(JobId(uuid::Uuid::nil()), 2)),
        "version 2 has no audit event",
    )
    .await;
    let other = event(job, 2).replace("'audit.event', 'audit", "'step.due', 'audit");
    refuses(&world, &format!("{next} {other}"), "version 2 has no audit event").await;
    let two = format!("{next} {} {}", event(job, 2), set_job(job, "version = 3"));
    refuses(&world, &two, "version 3 has no audit event").await;
    let born = "INSERT INTO privacy_jobs (id, organisation_id, kind, state, request, requested_by, requested_role) \
                VALUES (gen_random_uuid(), 'globex', 'export', 'pending', '{}', 'owner-1', 'owner');";
    refuses(&world, born, "version 1 has no audit event").await;
    world.admin.batch_execute(&format!("BEGIN; {next} {} COMMIT", event(job, 2))).await.unwrap();
    assert_eq!(world.job_facts(job).await.version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_has_one_audit_event() {
    let world = World::new().await;
    let job = world.job("acme").await;
    assert_eq!(refused(&world.admin, &format!("BEGIN; {}", event(job, 1))).await, SqlState::UNIQUE_VIOLATION);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_services_own_temporary_tables_deceive_no_guard() {
    let world = World::new().await;
    let job = world.job("acme").await;
    let client = world.db.client_as("lethe_export").await;
    let decoys = "CREATE TEMPORARY TABLE outbox (job_id uuid, job_version bigint, kind text); \
                  CREATE TEMPORARY TABLE job_transitions (from_state text, to_state text); \
                  INSERT INTO job_transitions VALUES ('pending', 'completed');";
    client
        .batch_execute(&format!("{decoys} INSERT INTO outbox VALUES ('{job}', 2, 'audit.event');"))
        .await
        .unwrap();
    let unaudited = format!("BEGIN; {} COMMIT", set_job(job, "version = 2"));
    assert_eq!(refused(&client, &unaudited).await, SqlState::CHECK_VIOLATION);
    let leap = set_job(job, "version = 2, state = 'completed', ended_at = now()");
    assert_eq!(refused(&client, &leap).await, SqlState::CHECK_VIOLATION);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_changes_by_the_law_or_not_at_all() {
    let world = World::new().await;
    let job = world.job("acme").await;
    let audited = |what: &str| format!("{} {}", event(job, 2), set_job(job, what));
    refuses(&world, &set_job(job, "state = 'running'"), "a change of state needs a new version").await;
    refuses(&world, &audited("version = 3"), "version 3 cannot follow 1").await;
    refuses(&world, &audited("version = 0"), "version 0 cannot follow 1").await;
    refuses(&world, &audited("version = 2, state = 'verifying'"), "pending cannot become verifying").await;
    let ended = "version = 2, state = 'completed', ended_at = now()";
    refuses(&world, &audited(ended), "pending cannot become completed").await;
    refuses(&world, &audited("version = 2, state = 'lost'"), "pending cannot become lost").await;
    refuses(&world, &audited("version = 2, state = 'failed', ended_at = now()"), "violates check constraint")
        .await;
    refuses(&world, &audited("version = 2, state = 'cancelled'"), "violates check constraint").await;
    for born in ["'completed', 1", "'running', 1", "'pending', 2"] {
        let born = format!(
            "INSERT INTO privacy_jobs (id, organisation_id, kind, request, requested_by, requested_role, state, version) \
             VALUES (gen_random_uuid(), 'globex', 'export', '{{}}', 'owner-1', 'owner', {born});"
        );
        refuses(&world, &born, "a new job has version 1 and has not begun").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_cannot_be_rewritten() {
    let world = World::new().await;
    let job = world.job("acme").await;
    for what in [
        "request = '{\"include_media\": true, \"format\": \"csv\"}'",
        "kind = 'erasure'",
        "organisation_id = 'globex'",
        "requested_by = 'somebody else'",
        "requested_role = 'auditor'",
        "created_at = created_at - interval '1 day'",
    ] {
        refuses(&world, &set_job(job, what), "what was asked for cannot be rewritten").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_cannot_be_rewritten() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 1)).await;
    for what in ["cutoff = cutoff + interval '1 day'", "cutoff = NULL"] {
        refuses(&world, &set_job(job, what), "its scope was fixed by planning").await;
    }
    for what in [
        "phase = 2",
        "kind = 'export_whole'",
        "collection = 'a.b'",
        "part_no = 1",
        "organisation_id = 'globex'",
        "step_no = 9",
    ] {
        refuses(&world, &set_step(job, 2, what), "a planned step cannot be rewritten").await;
    }
    for what in ["result = '{}'", "state = 'due', not_before = now(), ended_at = NULL", "ended_at = now()"] {
        refuses(&world, &set_step(job, 1, what), "what is completed stays as it is").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steps_epoch_grows_with_a_claim_and_only_then() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 2)).await;
    world.claim(job, 2).await;
    for what in ["epoch = 0", "epoch = 2", "epoch = 7"] {
        refuses(&world, &set_step(job, 2, what), "cannot follow 1").await;
    }
    let held = "state = 'running', lease_owner = 'w', lease_expires_at = now(), not_before = NULL";
    for epoch in [0, 2] {
        refuses(&world, &set_step(job, 3, &format!("{held}, epoch = {epoch}")), "cannot follow 0").await;
    }
    let back = "state = 'due', not_before = now(), lease_owner = NULL, lease_expires_at = NULL, epoch = 2";
    refuses(&world, &set_step(job, 2, back), "cannot follow 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_changes_by_the_law_or_not_at_all() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 1)).await;
    refuses(
        &world,
        &set_step(job, 2, "state = 'completed', ended_at = now()"),
        "only a step that waits for others is skipped, and with a reason",
    )
    .await;
    refuses(&world, &set_step(job, 2, "state = 'waiting'"), "due cannot become waiting").await;
    refuses(&world, &set_step(job, 2, "state = 'lost'"), "due cannot become lost").await;
    refuses(&world, &set_step(job, 2, "state = 'cancelled'"), "violates check constraint").await;
    refuses(&world, &set_step(job, 2, "not_before = NULL"), "violates check constraint").await;
    let negative = format!(
        "INSERT INTO job_steps (job_id, step_no, organisation_id, phase, kind, state, part_no) \
         VALUES ('{job}', 9, 'acme', 1, 'export_collection', 'waiting', -1);"
    );
    refuses(&world, &negative, "violates check constraint").await;
    for born in ["'completed', 0, 0", "'running', 0, 0", "'due', 1, 0", "'due', 0, 1"] {
        let born = format!(
            "INSERT INTO job_steps (job_id, step_no, organisation_id, phase, kind, state, epoch, attempts) \
             VALUES ('{job}', 9, 'acme', 1, 'export_whole', {born});"
        );
        refuses(&world, &born, "a new step has not begun").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_belongs_to_a_job_of_its_organisation() {
    let world = World::new().await;
    let job = world.job("acme").await;
    for table in [
        "job_steps (job_id, step_no, organisation_id, phase, kind, state) VALUES ('JOB', 9, 'globex', 1, 'k', 'waiting')",
        "job_progress (job_id, collection, organisation_id, position) VALUES ('JOB', 'a.b', 'globex', 0)",
        "packages (id, organisation_id, job_id, object_key, file_name, size_bytes, sha256) \
         VALUES (gen_random_uuid(), 'globex', 'JOB', 'k', 'f', 1, 's')",
    ] {
        let insert = format!("INSERT INTO {}", table.replace("JOB", &job.to_string()));
        assert_eq!(refused(&world.admin, &insert).await, SqlState::FOREIGN_KEY_VIOLATION, "{insert}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grace_period_is_neither_moved_nor_cut_short() {
    let world = World::new().await;
    let job = world.erasure(&new_erasure("acme")).await;
    for what in ["not_before = now()", "not_before = not_before + interval '1 day'"] {
        refuses(&world, &set_job(job, what), "its grace period is neither shortened nor prolonged").await;
    }
    let early = format!("{} {}", event(job, 2), set_job(job, "version = 2, state = 'pending'"));
    refuses(&world, &early, "its grace period has not ended").await;
    let both = set_job(job, "version = 2, state = 'pending', not_before = now() - interval '1 second'");
    let both = format!("{} {both}", event(job, 2));
    refuses(&world, &both, "its grace period is neither shortened nor prolonged").await;
    let held = format!("BEGIN; {} {} COMMIT", event(job, 2), set_job(job, "version = 2, state = 'on_hold'"));
    world.admin.batch_execute(&held).await.unwrap();
    let released = format!("{} {}", event(job, 3), set_job(job, "version = 3, state = 'pending'"));
    refuses(&world, &released, "its grace period has not ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_step_that_waits_for_others_is_skipped_and_with_a_reason() {
    let world = World::new().await;
    let steps = vec![
        erasing(1, StepKind::RevokeTokens, Some("shop.tokens")),
        erasing(1, StepKind::DeleteMedia, Some("shop.photos")),
        erasing(2, StepKind::VerifyErasure, None),
    ];
    let job = world.planned_erasure("acme", steps).await;
    let why = "only a step that waits for others is skipped, and with a reason";
    let done = "state = 'completed', ended_at = now(), not_before = NULL";
    refuses(&world, &set_step(job, 2, done), why).await;
    let skipped = format!("{done}, skip_reason = 'risk_accepted'");
    refuses(&world, &set_step(job, 3, &skipped), why).await;
    refuses(&world, &set_step(job, 4, &skipped), "waiting cannot become completed").await;
    refuses(&world, &set_step(job, 2, "skip_reason = 'risk_accepted'"), "violates check constraint").await;
    world.admin.batch_execute(&set_step(job, 2, &skipped)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_verification_that_waits_is_told_not_to() {
    let world = World::new().await;
    let steps =
        vec![erasing(1, StepKind::EraseRows, Some("shop.orders")), erasing(1, StepKind::VerifyErasure, None)];
    let job = world.planned_erasure("acme", steps).await;
    let (why, waived) = ("only a verification that waits is told not to", "waived_reason = 'risk_accepted'");
    refuses(&world, &set_step(job, 3, waived), why).await;
    let waits = "waits = true, failure_code = 'open_transactions'";
    for step in [2, 3] {
        world.admin.batch_execute(&set_step(job, step, waits)).await.unwrap();
    }
    refuses(&world, &set_step(job, 2, waived), why).await;
    let done = "state = 'completed', ended_at = now(), not_before = NULL";
    refuses(&world, &set_step(job, 3, &format!("{done}, {waived}")), "only a step that waits for others")
        .await;
    world.admin.batch_execute(&set_step(job, 3, waived)).await.unwrap();
    refuses(&world, &set_step(job, 3, "waived_reason = NULL"), why).await;
    // A program from before this column claims the step, and knows nothing of it.
    let claimed = "state = 'running', epoch = 1, lease_owner = 'w', lease_expires_at = now(), not_before = NULL, \
                   failure_code = NULL";
    world.admin.batch_execute(&set_step(job, 3, claimed)).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM job_steps WHERE waits").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_released_once_and_never_rewritten() {
    let world = World::new().await;
    let hold = place(&world, "acme").await;
    let set = |what: &str| format!("UPDATE legal_holds SET {what} WHERE id = '{hold}';");
    let released = "released_at = now(), released_by = 'officer-1'";
    for what in [
        "scope = '{}'",
        "sealed = ''",
        "ground = 'archiving'",
        "owner = 'somebody else'",
        "review_on = review_on + 1",
        "organisation_id = 'globex'",
        "placed_by = 'somebody else'",
        "placed_at = now()",
        &format!("{released}, owner = 'somebody else'"),
    ] {
        refuses(&world, &set(what), "it is released once, and never rewritten").await;
    }
    refuses(&world, &set("released_at = now()"), "violates check constraint").await;
    world.admin.batch_execute(&set(released)).await.unwrap();
    for what in [released, "released_at = NULL, released_by = NULL"] {
        refuses(&world, &set(what), "it is released once, and never rewritten").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_has_a_ground_of_the_law() {
    let world = World::new().await;
    for (ground, allowed) in domain::hold::HoldGround::ALL
        .iter()
        .map(|ground| (ground.name(), true))
        .chain([("convenience", false), ("", false)])
    {
        let place = format!(
            "INSERT INTO legal_holds (id, organisation_id, scope, ground, owner, review_on, placed_by) \
             VALUES (gen_random_uuid(), 'acme', '{{}}', '{ground}', 'legal department', '2027-01-31', 'officer-1')"
        );
        assert_eq!(world.admin.batch_execute(&place).await.is_ok(), allowed, "{ground}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_erasure_left_is_taken_up_once_even_when_that_failed() {
    let world = World::new().await;
    let deferred = |state: &str| {
        let id = uuid::Uuid::now_v7();
        format!(
            "BEGIN; INSERT INTO privacy_jobs (id, organisation_id, kind, state, request, requested_by, requested_role) \
             VALUES ('{id}', 'acme', 'erasure', '{state}', '{{\"deferred\": {{\"hold\": \"h\", \"job\": \"j\"}}}}', 'o', 'owner'); \
             {} COMMIT",
            event(JobId(id), 1)
        )
    };
    world.admin.batch_execute(&deferred("pending")).await.unwrap();
    let ended = "BEGIN; SET LOCAL session_replication_role = replica; \
                 UPDATE privacy_jobs SET state = 'cancelled', ended_at = now(); COMMIT";
    world.admin.batch_execute(ended).await.unwrap();
    assert_eq!(refused(&world.admin, &deferred("pending")).await, SqlState::UNIQUE_VIOLATION);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_takes_what_the_outbox_holds_and_the_outbox_keeps_what_the_log_lacks() {
    let world = World::new().await;
    world.job("acme").await;
    let logged = |body: &str| {
        format!(
            "INSERT INTO audit_logs (seq, event_id, organisation_id, actor, actor_role, action, outcome, occurred_at, body) \
             SELECT 1, event_id, 'acme', 'nobody', 'owner', 'job.created', 'success', now(), {body} \
             FROM outbox WHERE kind = 'audit.event';"
        )
    };
    let why = "the outbox holds no such event with this body";
    refuses(&world, &logged("''"), why).await;
    refuses(&world, &logged("body").replace("SELECT 1, event_id", "SELECT 1, gen_random_uuid()"), why).await;
    let due = logged("body").replace("kind = 'audit.event'", "kind = 'step.due'");
    refuses(&world, &due, why).await;
    let gone = "DELETE FROM outbox;";
    refuses(&world, gone, "it stays in the outbox until it is in the audit log").await;
    world.admin.batch_execute("DELETE FROM outbox WHERE kind <> 'audit.event'").await.unwrap();
    world.deliver_audit().await;
    world.admin.batch_execute(gone).await.unwrap();
}
