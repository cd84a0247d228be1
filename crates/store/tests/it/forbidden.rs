//! Forbidden things, really tried.

use domain::id::JobId;
use domain::job::StepKind;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::holding::place;
use super::support::{World, erasing};

/// The SQLSTATE with which a script is refused.
pub async fn refused(client: &Client, script: &str) -> SqlState {
    let error = client.batch_execute(script).await.expect_err(script);
    client.batch_execute("ROLLBACK").await.unwrap();
    error.code().cloned().unwrap_or_else(|| panic!("{script}: {error}"))
}

async fn all_refused(client: &Client, scripts: &[&str]) {
    for script in scripts {
        assert_eq!(refused(client, script).await, SqlState::INSUFFICIENT_PRIVILEGE, "{script}");
    }
}

/// A connection that says whose request it serves, so that nothing but the right itself is missing.
async fn client_as(world: &World, role: &str) -> Client {
    let client = world.db.client_as(role).await;
    client.batch_execute("SET lethe.organisation = 'acme'").await.unwrap();
    client
}

async fn world_with_a_log() -> (World, JobId) {
    let world = World::new().await;
    let job = world.completed("acme").await;
    world.deliver_audit().await;
    (world, job)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_the_audit_log_not_even_its_owner() {
    let (world, _) = world_with_a_log().await;
    let changes = [
        "UPDATE audit_logs SET outcome = 'success'",
        "UPDATE audit_logs SET seq = seq + 1 WHERE seq = 1",
        "DELETE FROM audit_logs",
        "DELETE FROM audit_logs WHERE false",
        "TRUNCATE audit_logs",
    ];
    for role in testkit::SERVICE_ROLES {
        all_refused(&client_as(&world, role).await, &changes).await;
    }
    all_refused(&world.admin, &changes).await;
    let change = world.admin.batch_execute(changes[0]).await.unwrap_err();
    assert_eq!(change.as_db_error().unwrap().message(), "audit_logs is append-only");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_audit_sink_writes_the_audit_log() {
    let (world, _) = world_with_a_log().await;
    let forgery = "INSERT INTO audit_logs (seq, event_id, organisation_id, actor, actor_role, action, outcome, occurred_at, body) \
                   VALUES (1000, gen_random_uuid(), 'acme', 'nobody', 'owner', 'job.created', 'success', now(), '')";
    for role in testkit::SERVICE_ROLES.into_iter().filter(|role| *role != "lethe_audit") {
        let head = "UPDATE audit_head SET size = 0";
        all_refused(&client_as(&world, role).await, &[forgery, head]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_sink_sees_no_jobs_and_of_the_messages_only_audit_events_that_it_can_name() {
    let (world, _) = world_with_a_log().await;
    let looks = [
        "SELECT FROM privacy_jobs",
        "SELECT FROM job_steps",
        "SELECT FROM packages",
        "SELECT FROM idempotency_keys",
        "SELECT body FROM outbox",
        "INSERT INTO audit_head (size) VALUES (1)",
        "DELETE FROM audit_head",
        "DELETE FROM outbox",
    ];
    let client = client_as(&world, "lethe_audit").await;
    all_refused(&client, &looks).await;
    let rows = world.admin.query("SELECT event_id, kind FROM outbox", &[]).await.unwrap();
    let ids: Vec<uuid::Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let events = rows.iter().filter(|row| row.get::<_, &str>(1) == "audit.event").count();
    assert!(events > 0 && events < ids.len());
    let seen = client.query("SELECT body FROM audit_events($1)", &[&ids]).await.unwrap();
    assert_eq!(seen.len(), events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_deletes_nothing_and_takes_no_requests() {
    let (world, _) = world_with_a_log().await;
    for role in ["lethe_export", "lethe_erasure"] {
        let client = client_as(&world, role).await;
        for table in [
            "privacy_jobs",
            "job_steps",
            "job_progress",
            "packages",
            "outbox",
            "idempotency_keys",
            "audit_logs",
        ] {
            all_refused(&client, &[&format!("DELETE FROM {table}"), &format!("TRUNCATE {table} CASCADE")])
                .await;
        }
        let others = [
            "INSERT INTO privacy_jobs (id, organisation_id, kind, state, request, requested_by, requested_role) \
             VALUES (gen_random_uuid(), 'acme', 'export', 'pending', '{}', 'nobody', 'owner')",
            "UPDATE privacy_jobs SET request = '{}'",
            "UPDATE privacy_jobs SET organisation_id = 'globex'",
            "UPDATE outbox SET body = ''",
            "SELECT FROM audit_logs",
            "SELECT FROM idempotency_keys",
            "CREATE TABLE loot (row text)",
        ];
        all_refused(&client, &others).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_runs_no_steps() {
    let (world, _) = world_with_a_log().await;
    let client = client_as(&world, "lethe_api").await;
    let attempts = [
        "UPDATE job_steps SET epoch = epoch + 1",
        "UPDATE job_steps SET result = '{}'",
        "UPDATE privacy_jobs SET cutoff = now()",
        "DELETE FROM privacy_jobs",
        "DELETE FROM outbox",
        "INSERT INTO packages (id, organisation_id, job_id, object_key, file_name, size_bytes, sha256) \
         VALUES (gen_random_uuid(), 'acme', gen_random_uuid(), 'k', 'f', 1, 's')",
    ];
    all_refused(&client, &attempts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheduler_reads_of_the_log_and_the_keys_no_more_than_it_needs() {
    let (world, _) = world_with_a_log().await;
    let client = client_as(&world, "lethe_scheduler").await;
    let attempts = [
        "SELECT actor FROM audit_logs",
        "SELECT body FROM audit_logs",
        "SELECT key FROM idempotency_keys",
        "UPDATE job_steps SET epoch = epoch + 1",
        "DELETE FROM privacy_jobs",
        "DELETE FROM job_steps",
        "DELETE FROM packages",
        "SELECT sha256 FROM packages",
        "UPDATE packages SET expires_at = now()",
        "INSERT INTO packages (id) VALUES (gen_random_uuid())",
    ];
    all_refused(&client, &attempts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_is_read_by_the_eraser_alone_and_rewritten_by_nobody() {
    let world = World::new().await;
    place(&world, "acme").await;
    for role in testkit::SERVICE_ROLES {
        let client = client_as(&world, role).await;
        all_refused(
            &client,
            &[
                "UPDATE step_scopes SET sealed = ''",
                "DELETE FROM step_scopes",
                "UPDATE revoked_tokens SET sealed = ''",
                "DELETE FROM revoked_tokens",
                "UPDATE legal_holds SET sealed = ''",
                "UPDATE legal_holds SET scope = '{}'",
                "DELETE FROM legal_holds",
                "UPDATE job_retained SET rows = 1",
                "DELETE FROM job_retained",
                "UPDATE retained_rows SET sealed = ''",
                "DELETE FROM retained_rows",
            ],
        )
        .await;
        if role != "lethe_erasure" {
            let tables = ["step_scopes", "revoked_tokens", "retained_rows", "legal_holds"];
            let reads = tables.map(|table| format!("SELECT sealed FROM {table}"));
            all_refused(&client, &reads.each_ref().map(String::as_str)).await;
        }
        if role != "lethe_api" {
            all_refused(&client, &["UPDATE legal_holds SET released_at = now(), released_by = 'x'"]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_moves_the_end_of_a_grace_period() {
    let world = World::new().await;
    world.erasure(&testkit::new_erasure("acme")).await;
    for role in testkit::SERVICE_ROLES {
        let client = client_as(&world, role).await;
        all_refused(&client, &["UPDATE privacy_jobs SET not_before = now()"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eraser_makes_no_job_but_the_rest_of_one_under_a_released_hold() {
    let world = World::new().await;
    let (hold, active) = (place(&world, "acme").await, place(&world, "acme").await);
    let job = world.planned_erasure("acme", vec![erasing(1, StepKind::VerifyErasure, None)]).await;
    let rows = format!(
        "INSERT INTO job_retained (job_id, organisation_id, hold_id, collection, rows) \
             SELECT '{job}', 'acme', id, 'a.b', 1 FROM legal_holds; \
         UPDATE legal_holds SET released_at = now(), released_by = 'officer-1' WHERE id = '{hold}'"
    );
    world.admin.batch_execute(&rows).await.unwrap();
    let client = client_as(&world, "lethe_erasure").await;
    let make = |organisation: &str, state: &str, changes: &str, deferred: &str| {
        format!(
            "BEGIN; INSERT INTO privacy_jobs (id, organisation_id, kind, state, request, requested_by, requested_role) \
             SELECT gen_random_uuid(), '{organisation}', 'erasure', '{state}', \
                 request || '{changes}' || '{deferred}', 'x', 'service' \
             FROM privacy_jobs WHERE id = '{job}'; ROLLBACK"
        )
    };
    let rest = |hold: uuid::Uuid, job: JobId| {
        format!("{{\"deferred\": {{\"hold\": \"{hold}\", \"job\": \"{job}\"}}}}")
    };
    let good = rest(hold, job);
    let (same, nobody) = ("{\"grace_period_days\": 0}", JobId(uuid::Uuid::now_v7()));
    all_refused(
        &client,
        &[
            &make("acme", "pending", same, "{}"),
            &make("acme", "pending", same, &rest(active, job)),
            &make("acme", "pending", same, &rest(hold, nobody)),
            &make("acme", "scheduled", same, &good),
            &make("globex", "pending", same, &good),
            &make("acme", "pending", "{\"delete_media\": true}", &good),
            &make("acme", "pending", "{\"subject\": {\"identity_type\": \"email\", \"tag\": \"ab\"}}", &good),
        ],
    )
    .await;
    client.batch_execute(&make("acme", "pending", same, &good)).await.unwrap();
}
