//! Jobs as the API shows them.

use chrono::{DateTime, Utc};
use contracts::http::Status;
use domain::id::JobId;
use domain::job::law::Conclusion;
use store::{CollectionAmount, JobFilter, NewPackage, Produced};
use testkit::organisation;
use uuid::Uuid;

use super::support::{World, assembly, collection};

/// Jobs that were accepted at the very same moment, as a page's border has to tell apart.
async fn jobs_of_one_moment(world: &World, count: usize, at: &str) -> Vec<Uuid> {
    let mut script = "BEGIN;".to_owned();
    let ids: Vec<Uuid> = (0..count).map(|_| Uuid::new_v4()).collect();
    for id in &ids {
        script.push_str(&format!(
            "INSERT INTO privacy_jobs (id, organisation_id, kind, state, request, requested_by, requested_role, created_at) \
                 VALUES ('{id}', 'acme', 'export', 'pending', '{{\"unlike\": \"{id}\"}}', 'o', 'owner', '{at}'); \
             INSERT INTO outbox (event_id, kind, routing_key, body, job_id, job_version) \
                 VALUES (gen_random_uuid(), 'audit.event', 'audit.event', '', '{id}', 1);"
        ));
    }
    world.admin.batch_execute(&format!("{script} COMMIT")).await.unwrap();
    ids
}

/// Every job, page by page; `between` runs after each page.
async fn pages(world: &World, limit: i64, mut between: impl AsyncFnMut()) -> Vec<(DateTime<Utc>, Uuid)> {
    let mut seen = Vec::new();
    let mut filter = JobFilter { limit, ..JobFilter::default() };
    loop {
        let page = world.api.jobs(&organisation("acme"), &filter).await.unwrap();
        let Some(last) = page.last() else { return seen };
        filter.before = Some((last.created_at, last.id));
        seen.extend(page.iter().map(|job| (job.created_at, job.id)));
        between().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_complete_and_stay_so_while_jobs_come_in() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for at in ["2026-11-21T12:00:00.123456Z", "2026-11-20T12:00:00Z", "2026-11-21T12:00:00.123457Z"] {
        expected.extend(jobs_of_one_moment(&world, 9, at).await);
    }
    world.job("globex").await;
    for limit in [1, 4, 9, 27, 100] {
        let mut newer = 0;
        let seen = pages(&world, limit, async || {
            newer += 1;
            let at = format!("2026-11-22T{:02}:{:02}:00Z", limit % 24, newer % 60);
            jobs_of_one_moment(&world, 1, &at).await;
        })
        .await;
        assert!(seen.is_sorted_by(|a, b| a > b), "newest first, each once");
        let known: Vec<Uuid> = seen.iter().map(|(_, id)| *id).filter(|id| expected.contains(id)).collect();
        assert_eq!(known.len(), expected.len(), "{limit} a page");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_can_be_narrowed() {
    let world = World::new().await;
    let completed = world.completed("acme").await;
    let pending = world.job("acme").await;
    let acme = organisation("acme");
    let list = async |state: Option<&str>, kind: Option<&str>| -> Vec<Uuid> {
        let filter = JobFilter {
            state: state.map(str::to_owned),
            kind: kind.map(str::to_owned),
            before: None,
            limit: 10,
        };
        world.api.jobs(&acme, &filter).await.unwrap().iter().map(|job| job.id).collect()
    };
    assert_eq!(list(None, None).await, [pending.0, completed.0]);
    assert_eq!(list(Some("completed"), None).await, [completed.0]);
    assert_eq!(list(Some("pending"), Some("export")).await, [pending.0]);
    assert_eq!(list(None, Some("erasure")).await, Vec::<Uuid>::new());
    let summary =
        world.api.jobs(&acme, &JobFilter { limit: 1, ..JobFilter::default() }).await.unwrap().remove(0);
    assert_eq!((summary.state.as_str(), summary.status, summary.version), ("pending", Status::Pending, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_shows_progress_steps_package_and_every_version() {
    let world = World::new().await;
    let job =
        world.planned("acme", vec![collection(1, "shop.b"), collection(1, "shop.a"), assembly(2)]).await;
    for (step, name, rows) in [(2, "shop.b", 10), (3, "shop.a", 4)] {
        let claimed = world.claim(job, step).await;
        let amounts = vec![CollectionAmount { collection: name.to_owned(), rows, bytes: rows * 100 }];
        world.conclude(&claimed, Conclusion::Completed, Produced { amounts, ..Produced::default() }).await;
    }
    let claimed = world.claim(job, 4).await;
    let package = NewPackage {
        volume_no: 1,
        id: Uuid::now_v7(),
        object_key: "secret/place.zip".to_owned(),
        file_name: "export.zip".to_owned(),
        size_bytes: 42,
        sha256: "ab".repeat(32),
    };
    let produced = Produced { packages: vec![package], ..Produced::default() };
    world.conclude(&claimed, Conclusion::Completed, produced).await;
    world.deliver_audit().await;

    let view = world.api.job_view(&organisation("acme"), job).await.unwrap().unwrap();
    assert_eq!((view.summary.state.as_str(), view.summary.status), ("completed", Status::Completed));
    assert!(view.summary.ended_at.is_some() && view.cutoff.is_some() && view.failure.is_none());
    assert_eq!(
        (view.progress.rows_done, view.progress.rows_planned, view.progress.bytes_done),
        (14, 14, 1_400),
        "once read, what was read is the plan"
    );
    let order: Vec<&str> = view.progress.collections.iter().map(|done| done.collection.as_str()).collect();
    assert_eq!(order, ["shop.b", "shop.a"], "the order of the data map");
    let steps: Vec<_> =
        view.steps.iter().map(|step| (step.step_no, step.phase, step.state.as_str())).collect();
    assert_eq!(steps, [(1, 0, "completed"), (2, 1, "completed"), (3, 1, "completed"), (4, 2, "completed")]);
    let shown = view.package.as_ref().unwrap();
    assert_eq!((shown.file_name.as_str(), shown.size_bytes), ("export.zip", 42));
    assert!(!serde_json::to_string(&view).unwrap().contains("secret/place"));
    let versions: Vec<i64> = view.timeline.iter().filter_map(|entry| entry.version).collect();
    assert_eq!(versions, (1..=view.summary.version).collect::<Vec<_>>());
    assert_eq!(view.timeline.last().unwrap().action, "job.completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_says_why() {
    let world = World::new().await;
    let job = world.job("acme").await;
    world.fail(job, 1).await;
    let view = world.api.job_view(&organisation("acme"), job).await.unwrap().unwrap();
    assert_eq!(view.summary.status, Status::Failed);
    let failure = view.failure.unwrap();
    assert_eq!((failure.code.as_str(), failure.detail.as_str()), ("broken", "a test says so"));
    assert_eq!(view.steps[0].failure.as_ref().unwrap().code, "broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_not_there_is_none() {
    let world = World::new().await;
    assert!(world.api.job_view(&organisation("acme"), JobId(Uuid::nil())).await.unwrap().is_none());
    assert_eq!(world.export.job_kind(JobId(Uuid::nil())).await.unwrap(), None);
    let job = world.job("acme").await;
    assert_eq!(world.export.job_kind(job).await.unwrap(), Some(domain::job::JobKind::Export));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_says_that_messages_about_it_wait_and_since_when() {
    let world = World::new().await;
    let (job, other) = (world.job("acme").await, world.job("globex").await);
    let waits_of = async |of: &str, job: JobId| {
        world.api.job_view(&organisation(of), job).await.unwrap().unwrap().messages_wait
    };
    let waits = async |job: JobId| waits_of("acme", job).await;
    let change = async |what: &str, whose: &str| {
        world.admin.batch_execute(&format!("UPDATE outbox SET {what} WHERE {whose}")).await.unwrap();
    };
    let ours = format!("job_id = '{job}'");
    change("created_at = clock_timestamp() + interval '1 hour'", "true").await;
    assert_eq!(waits(job).await, None, "they have only just been written");
    change("created_at = '2026-11-21T12:00:00Z'", &ours).await;
    let told = waits(job).await.unwrap();
    assert_eq!(told.since, "2026-11-21T12:00:00Z".parse::<DateTime<Utc>>().unwrap());
    assert!(told.detail.contains("broker"), "{}", told.detail);
    assert_eq!(waits_of("globex", other).await, None, "nothing about that one waits");
    change("published_at = clock_timestamp()", &ours).await;
    assert_eq!(waits(job).await, None);
    // What is published a second time has waited for the log, not for the broker.
    change("published_at = NULL, published_again = 1", &ours).await;
    assert_eq!(waits(job).await, None);
}
