//! Whose rows a role sees: the API those of the organisation at hand, a worker those of its kinds of jobs.

use domain::id::JobId;
use domain::job::StepKind;
use testkit::{new_export, organisation, owner, worker};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::forbidden::refused;
use super::holding::place;
use super::support::{LEASE, World, collections, erasing, policy};

const TABLES: [&str; 8] = [
    "privacy_jobs",
    "job_steps",
    "job_progress",
    "packages",
    "idempotency_keys",
    "audit_logs",
    "legal_holds",
    "job_retained",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_api_sees_one_organisation_at_a_time() {
    let world = World::new().await;
    for name in ["acme", "globex"] {
        world.planned(name, collections(1, 2)).await;
        place(&world, name).await;
    }
    world.deliver_audit().await;
    let packages = "INSERT INTO packages (id, organisation_id, job_id, object_key, file_name, size_bytes, sha256) \
                    SELECT gen_random_uuid(), organisation_id, id, 'k', 'f', 1, 's' FROM privacy_jobs";
    assert_eq!(world.admin.execute(packages, &[]).await.unwrap(), 2);
    let retained = "INSERT INTO job_retained (job_id, organisation_id, hold_id, collection, rows) \
                    SELECT j.id, j.organisation_id, h.id, 'a.b', 1 FROM privacy_jobs j JOIN legal_holds h USING (organisation_id)";
    assert_eq!(world.admin.execute(retained, &[]).await.unwrap(), 2);

    let client = world.db.client_as("lethe_api").await;
    for table in TABLES {
        client.batch_execute("BEGIN; SELECT set_config('lethe.organisation', 'acme', true)").await.unwrap();
        let seen = format!("SELECT count(*), count(*) FILTER (WHERE organisation_id = 'acme') FROM {table}");
        let seen = client.query_one(&seen, &[]).await.unwrap();
        let (all, ours): (i64, i64) = (seen.get(0), seen.get(1));
        assert!(all > 0 && all == ours, "{table}: {ours} of {all}");
        client.batch_execute("COMMIT").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_organisation_the_api_sees_an_error_and_never_everything() {
    let world = World::new().await;
    world.job("acme").await;
    let client = world.db.client_as("lethe_api").await;
    for table in TABLES {
        let look = format!("SELECT FROM {table}");
        // Row security is asked for each row, so that an empty table says nothing.
        if world.count(&format!("SELECT count(*) FROM {table}")).await > 0 {
            assert_eq!(refused(&client, &look).await, SqlState::UNDEFINED_OBJECT, "{table}");
        }
    }
    // A connection that has served one request remembers that there was a setting, but not which.
    client
        .batch_execute("BEGIN; SELECT set_config('lethe.organisation', 'acme', true); COMMIT")
        .await
        .unwrap();
    let seen: i64 = client.query_one("SELECT count(*) FROM privacy_jobs", &[]).await.unwrap().get(0);
    assert_eq!(seen, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_writes_into_no_other_organisation() {
    let world = World::new().await;
    let job = world.job("globex").await;
    let client = world.db.client_as("lethe_api").await;
    let act = "BEGIN; SELECT set_config('lethe.organisation', 'acme', true);";
    let foreign = format!(
        "{act} INSERT INTO privacy_jobs (id, organisation_id, kind, state, request, requested_by, requested_role) \
         VALUES (gen_random_uuid(), 'globex', 'export', 'pending', '{{}}', 'nobody', 'owner')"
    );
    assert_eq!(refused(&client, &foreign).await, SqlState::INSUFFICIENT_PRIVILEGE);
    client.batch_execute(act).await.unwrap();
    let update = "UPDATE privacy_jobs SET state = 'cancelled', version = version + 1, ended_at = now()";
    assert_eq!(client.execute(update, &[]).await.unwrap(), 0);
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(world.job_facts(job).await.state, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organisations_job_is_not_there() {
    let world = World::new().await;
    let job = world.job("globex").await;
    let (acme, origin) = (organisation("acme"), owner("owner-1"));
    assert!(world.api.job_view(&acme, job).await.unwrap().is_none());
    assert!(world.api.package_of(&acme, job, 1).await.unwrap().is_none());
    for error in [
        world.api.cancel_job(&acme, job, &origin).await.unwrap_err(),
        world.api.retry_job(&acme, job, &origin).await.unwrap_err(),
        world.api.record_access((&acme, job), domain::audit::Action::LinkIssued, &origin).await.unwrap_err(),
    ] {
        assert!(matches!(error, store::ControlError::NotFound), "{error:?}");
    }
    assert_eq!(world.job_facts(job).await.version, 1);
    // A key of the one says nothing about the same key of the other.
    let mut first = new_export("acme");
    let mut second = new_export("initech");
    first.idempotency.as_mut().unwrap().key = "same".to_owned();
    second.idempotency.as_mut().unwrap().key = "same".to_owned();
    second.idempotency.as_mut().unwrap().body_sha256 = [9; 32];
    for new in [&first, &second] {
        let accepted = world.api.create_export(new).await.unwrap();
        assert!(matches!(accepted, store::Accepted::Created(_)), "{accepted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_sees_only_its_kinds_of_jobs() {
    let world = World::new().await;
    let export = world.planned("acme", collections(1, 1)).await;
    let erasure = foreign_job(&world).await;

    let seen = async |role: &str, table: &str| -> Vec<Uuid> {
        let key = if table == "privacy_jobs" { "id" } else { "job_id" };
        let client = world.db.client_as(role).await;
        let rows = client.query(&format!("SELECT DISTINCT {key} FROM {table}"), &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    for table in ["privacy_jobs", "job_steps", "job_progress"] {
        assert_eq!(seen("lethe_export", table).await, [export.0], "{table}");
        assert_eq!(seen("lethe_erasure", table).await, [erasure.0], "{table}");
    }
    assert_eq!(seen("lethe_scheduler", "privacy_jobs").await.len(), 2);

    let origin = worker("export-worker");
    let step = (erasure, domain::id::StepNo(1));
    let claim = world.export.claim_step(step, ("w", LEASE), &policy(), &origin).await.unwrap();
    assert!(matches!(claim, store::Claim::Unknown), "{claim:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eraser_sees_the_scopes_of_its_jobs_and_the_holds_of_their_organisations() {
    let world = World::new().await;
    let (ours, theirs) = (place(&world, "acme").await, place(&world, "globex").await);
    let export = world.planned("globex", collections(1, 1)).await;
    let erasure = world.planned_erasure("acme", vec![erasing(1, StepKind::VerifyErasure, None)]).await;
    for (job, hold, of) in [(erasure, ours, "acme"), (export, theirs, "globex")] {
        let rows = format!(
            "INSERT INTO step_scopes (job_id, step_no, organisation_id, sealed) VALUES ('{job}', 2, '{of}', 'sealed'); \
             INSERT INTO revoked_tokens (job_id, step_no, epoch, page, sealed) VALUES ('{job}', 2, 1, 1, 'sealed'); \
             INSERT INTO job_retained (job_id, organisation_id, hold_id, collection, rows) \
                 VALUES ('{job}', '{of}', '{hold}', 'a.b', 1); \
             INSERT INTO retained_rows (job_id, step_no, organisation_id, hold_id, collection, sealed) \
                 VALUES ('{job}', 2, '{of}', '{hold}', 'a.b', 'sealed')"
        );
        world.admin.batch_execute(&rows).await.unwrap();
    }
    let client = world.db.client_as("lethe_erasure").await;
    for (table, key, seen) in [
        ("step_scopes", "job_id", erasure.0),
        ("revoked_tokens", "job_id", erasure.0),
        ("job_retained", "job_id", erasure.0),
        ("retained_rows", "job_id", erasure.0),
        ("legal_holds", "id", ours),
    ] {
        let rows = client.query(&format!("SELECT {key} FROM {table}"), &[]).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<Uuid>>(), [seen], "{table}");
    }
    let foreign = format!(
        "INSERT INTO step_scopes (job_id, step_no, organisation_id, sealed) VALUES ('{export}', 1, 'globex', '')"
    );
    assert_eq!(refused(&client, &foreign).await, SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(world.eraser.scopes_of(&organisation("globex"), erasure).await.unwrap(), []);
    let rows =
        async |of: &str| world.eraser.rows_retained(&organisation(of), erasure, ours).await.unwrap().len();
    assert_eq!((rows("acme").await, rows("globex").await), (1, 0));
}

/// A job of a kind that an export worker has nothing to do with.
pub async fn foreign_job(world: &World) -> JobId {
    let id = Uuid::now_v7();
    let script = format!(
        "BEGIN; \
         INSERT INTO privacy_jobs (id, organisation_id, kind, state, request, requested_by, requested_role) \
             VALUES ('{id}', 'acme', 'from_the_future', 'pending', '{{}}', 'owner-1', 'owner'); \
         INSERT INTO job_steps (job_id, step_no, organisation_id, phase, kind, state, not_before) \
             VALUES ('{id}', 1, 'acme', 0, 'plan_the_future', 'due', now()); \
         INSERT INTO job_progress (job_id, collection, organisation_id, position) VALUES ('{id}', 'a.b', 'acme', 0); \
         INSERT INTO outbox (event_id, kind, routing_key, body, job_id, job_version) \
             VALUES (gen_random_uuid(), 'audit.event', 'audit.event', '', '{id}', 1); \
         COMMIT"
    );
    world.admin.batch_execute(&script).await.unwrap();
    JobId(id)
}
