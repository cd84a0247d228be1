//! Exports of an organisation within a period: never one too many, and nothing counts that is no job.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::export::{ExportFormat, ExportRequest};
use domain::id::JobId;
use store::{Accepted, AcceptedExport, CreateError, ExportQuota, NewExport};
use testkit::{new_export, organisation, owner};

use super::support::World;

const HOUR: Duration = Duration::from_secs(3_600);

fn quota(count: u32) -> ExportQuota {
    ExportQuota { count, period: HOUR }
}

/// One of six requests that are not equal to each other.
fn request(organisation: &str, number: usize) -> NewExport {
    let format = [ExportFormat::Json, ExportFormat::Csv, ExportFormat::Both][number % 3];
    let request =
        ExportRequest { include_media: number.is_multiple_of(2), format, encryption: None, subject: None };
    NewExport { request, ..new_export(organisation) }
}

async fn ask(world: &World, new: &NewExport, count: u32) -> Result<JobId, CreateError> {
    world.api.create_export_within(new, Some(&quota(count))).await.map(|export| match export.accepted {
        Accepted::Created(job) | Accepted::Replayed(job) => job,
    })
}

/// Moves a job's beginning into the past; returns where.
async fn aged(world: &World, job: JobId, by: TimeDelta) -> DateTime<Utc> {
    let statement = format!(
        "BEGIN; SET LOCAL session_replication_role = replica;
         UPDATE privacy_jobs SET created_at = created_at - interval '{} seconds' WHERE id = '{job}'; COMMIT",
        by.num_seconds()
    );
    world.admin.batch_execute(&statement).await.unwrap();
    world
        .admin
        .query_one("SELECT created_at FROM privacy_jobs WHERE id = $1", &[&job.0])
        .await
        .unwrap()
        .get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_requests_never_make_one_job_too_many() {
    let world = World::new().await;
    let asking =
        (0..6).flat_map(|number| [("acme", number), ("globex", number)]).map(|(organisation, number)| {
            let (api, new) = (world.api.clone(), request(organisation, number));
            tokio::spawn(async move { api.create_export_within(&new, Some(&quota(3))).await })
        });
    let (mut accepted, mut refused) = (0, 0);
    for task in asking.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(AcceptedExport { accepted: Accepted::Created(_), .. }) => accepted += 1,
            Err(CreateError::QuotaReached { room_at, now }) => {
                assert!(room_at > now && room_at <= now + HOUR, "{room_at} at {now}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((accepted, refused), (6, 6));
    for organisation in ["acme", "globex"] {
        let jobs = format!("SELECT count(*) FROM privacy_jobs WHERE organisation_id = '{organisation}'");
        assert_eq!(world.count(&jobs).await, 3);
    }
    assert_eq!(world.count("SELECT count(*) FROM outbox").await, 12, "a refusal leaves nothing behind");
    assert_eq!(world.count("SELECT count(*) FROM idempotency_keys").await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn repetitions_and_equal_requests_do_not_count_and_are_answered_as_ever() {
    let world = World::new().await;
    let first = request("acme", 0);
    let job = ask(&world, &first, 1).await.unwrap();
    assert_eq!(ask(&world, &first, 1).await.unwrap(), job);
    let equal = ask(&world, &request("acme", 0), 1).await;
    assert!(matches!(equal, Err(CreateError::EqualOpen(open)) if open == job), "{equal:?}");
    let further = ask(&world, &request("acme", 1), 1).await;
    assert!(matches!(further, Err(CreateError::QuotaReached { .. })), "{further:?}");
    ask(&world, &request("acme", 1), 2).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_have_ended_count_until_the_period_is_over() {
    let world = World::new().await;
    let (acme, origin) = (organisation("acme"), owner("owner-1"));
    let older = ask(&world, &request("acme", 0), 2).await.unwrap();
    world.api.cancel_job(&acme, older, &origin).await.unwrap();
    let younger = ask(&world, &request("acme", 1), 2).await.unwrap();
    let begun_at = aged(&world, older, TimeDelta::minutes(59)).await;
    let Err(CreateError::QuotaReached { room_at, .. }) = ask(&world, &request("acme", 2), 2).await else {
        panic!("the second of two has just begun");
    };
    assert_eq!(room_at, begun_at + HOUR, "there is room when the oldest leaves the period");
    aged(&world, older, TimeDelta::minutes(1)).await;
    let third = ask(&world, &request("acme", 2), 2).await.unwrap();
    assert_ne!(third, younger);
    let further = ask(&world, &request("acme", 3), 2).await;
    assert!(matches!(further, Err(CreateError::QuotaReached { .. })), "{further:?}");
    assert!(ask(&world, &request("globex", 0), 2).await.is_ok());
    let none = ask(&world, &request("initech", 0), 0).await;
    assert!(matches!(none, Err(CreateError::QuotaReached { .. })), "{none:?}");
}
