//! Sealed secrets of jobs: who leaves, reads and removes them, and when they are gone.

use domain::export::ExportEncryption;
use domain::id::JobId;
use store::{Accepted, CreateError, JobSecret, NewExport, Store, SweepConfig};
use testkit::{new_export, owner, worker};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::forbidden::refused;
use super::support::{World, policy, whole};

const SEALED: &[u8] = b"sealed bytes";

fn with_secret(organisation: &str) -> NewExport {
    let mut new = new_export(organisation);
    new.request.encryption = Some(ExportEncryption::Passphrase);
    new.secret = Some(JobSecret { job_id: JobId(Uuid::now_v7()), sealed: SEALED.to_vec() });
    new
}

async fn job(world: &World, organisation: &str) -> JobId {
    let new = with_secret(organisation);
    match world.api.create_export(&new).await.unwrap() {
        Accepted::Created(job) => {
            assert_eq!(Some(job), new.secret.map(|secret| secret.job_id), "the job it was sealed for");
            job
        }
        Accepted::Replayed(job) => panic!("{job} is not new"),
    }
}

async fn kept(world: &World) -> i64 {
    world.count("SELECT count(*) FROM job_secrets").await
}

async fn sweep(store: &Store) -> usize {
    store.sweep(&SweepConfig::default(), &policy(), &worker("scheduler")).await.unwrap().removed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_kept_while_the_job_is_open_and_goes_when_it_completes() {
    let world = World::new().await;
    let job = job(&world, "acme").await;
    assert_eq!(world.export.job_secret(job).await.unwrap().as_deref(), Some(SEALED));
    let claimed = world.claim(job, 1).await;
    let done = domain::job::law::Conclusion::Completed;
    world.conclude(&claimed, done, super::support::planning(vec![whole(1)])).await;
    assert_eq!(kept(&world).await, 1);
    world.complete(job, 2).await;
    assert_eq!(world.job_facts(job).await.state, "completed");
    assert_eq!(kept(&world).await, 0, "removed by the database, in the same transaction");
    assert_eq!(world.export.job_secret(job).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_when_the_job_is_cancelled() {
    let world = World::new().await;
    let (ours, others) = (job(&world, "acme").await, job(&world, "globex").await);
    world.api.cancel_job(&testkit::organisation("acme"), ours, &owner("owner-1")).await.unwrap();
    assert_eq!(world.job_facts(ours).await.state, "cancelled");
    assert_eq!(world.export.job_secret(ours).await.unwrap(), None);
    assert_eq!(world.export.job_secret(others).await.unwrap().as_deref(), Some(SEALED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_keeps_its_secret_for_a_day() {
    let world = World::new().await;
    let job = job(&world, "acme").await;
    world.fail(job, 1).await;
    assert_eq!(world.job_facts(job).await.state, "failed");
    assert_eq!((sweep(&world.scheduler).await, kept(&world).await), (0, 1), "it can be tried again");
    let aged = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         UPDATE privacy_jobs SET ended_at = ended_at - interval '25 hours' WHERE id = '{job}'; COMMIT"
    );
    world.admin.batch_execute(&aged).await.unwrap();
    assert_eq!((sweep(&world.scheduler).await, kept(&world).await), (1, 0));
    assert_eq!(world.export.job_secret(job).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_refused_request_is_kept() {
    let world = World::new().await;
    let first = job(&world, "acme").await;
    let refused = world.api.create_export(&with_secret("acme")).await.unwrap_err();
    assert!(matches!(refused, CreateError::EqualOpen(open) if open == first), "mode for mode: {refused:?}");
    let mut to = new_export("acme");
    to.request.encryption = Some(ExportEncryption::Recipients(vec!["age1x".to_owned()]));
    assert!(matches!(world.api.create_export(&to).await.unwrap(), Accepted::Created(_)), "another request");
    assert_eq!(kept(&world).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_recipients_as_there_may_be_fit_the_index_of_open_requests() {
    let world = World::new().await;
    let mut new = new_export(&"o".repeat(100));
    // Text that does not compress, since an index takes 2,704 bytes at most.
    let recipients = (0..20)
        .map(|_| format!("age1{}", &format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())[..58]));
    new.request.encryption = Some(ExportEncryption::Recipients(recipients.collect()));
    assert!(matches!(world.api.create_export(&new).await.unwrap(), Accepted::Created(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_cannot_read_what_it_left_and_the_scheduler_cannot_either() {
    let world = World::new().await;
    let job = job(&world, "acme").await;
    assert!(world.api.job_secret(job).await.is_err());
    assert!(world.scheduler.job_secret(job).await.is_err());
    let api = world.db.client_as("lethe_api").await;
    api.batch_execute("SET lethe.organisation = 'acme'").await.unwrap();
    for script in [
        "SELECT sealed FROM job_secrets",
        "UPDATE job_secrets SET sealed = ''",
        "DELETE FROM job_secrets",
        "SELECT forget_job_secret()",
    ] {
        assert!(
            [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::FEATURE_NOT_SUPPORTED]
                .contains(&refused(&api, script).await),
            "{script}"
        );
    }
    let worker = world.db.client_as("lethe_export").await;
    for script in [
        "DELETE FROM job_secrets",
        "UPDATE job_secrets SET sealed = ''",
        "INSERT INTO job_secrets DEFAULT VALUES",
    ] {
        assert_eq!(refused(&worker, script).await, SqlState::INSUFFICIENT_PRIVILEGE, "{script}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_belongs_to_a_job_of_the_organisation_at_hand() {
    let world = World::new().await;
    let ours = world.job("acme").await;
    let theirs = world.job("globex").await;
    let api = world.db.client_as("lethe_api").await;
    api.batch_execute("SET lethe.organisation = 'acme'").await.unwrap();
    let insert = |organisation: &str, job: JobId| {
        format!(
            "INSERT INTO job_secrets (job_id, organisation_id, sealed) VALUES ('{job}', '{organisation}', '')"
        )
    };
    assert_eq!(refused(&api, &insert("globex", theirs)).await, SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(refused(&api, &insert("acme", theirs)).await, SqlState::FOREIGN_KEY_VIOLATION);
    api.batch_execute(&insert("acme", ours)).await.unwrap();
    assert_eq!(refused(&api, &insert("acme", ours)).await, SqlState::UNIQUE_VIOLATION, "never replaced");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_read_secrets_of_their_own_kinds_of_jobs() {
    let world = World::new().await;
    let job = job(&world, "acme").await;
    assert_eq!(world.eraser.job_secret(job).await.unwrap(), None);
    let erasure = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         UPDATE privacy_jobs SET kind = 'erasure' WHERE id = '{job}'; COMMIT"
    );
    world.admin.batch_execute(&erasure).await.unwrap();
    assert_eq!(world.export.job_secret(job).await.unwrap(), None);
    assert!(world.eraser.job_secret(job).await.unwrap().is_some());
}
