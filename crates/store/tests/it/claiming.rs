//! Claims: each epoch to one worker, and whoever lost a step is fenced out.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::audit::Action;
use domain::id::{JobId, StepNo};
use domain::job::law::Conclusion;
use domain::job::step::Refused;
use domain::plan::{CollectionSize, PlannedStep};
use store::{Claim, CollectionAmount, Concluded, Plan, Produced, SweepConfig};
use testkit::{organisation, owner, worker};

use super::support::{LEASE, World, collection, collections, planning, policy, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_holds_the_step_and_starts_the_job() {
    let world = World::new().await;
    let job = world.job("acme").await;
    let claimed = world.claim(job, 1).await;
    assert_eq!((claimed.job_id, claimed.step_no, claimed.epoch, claimed.attempts), (job, StepNo(1), 1, 1));
    assert_eq!(claimed.organisation, organisation("acme"));
    assert_eq!(claimed.requested_by, "owner-1");
    assert_eq!(claimed.request, serde_json::json!({"include_media": false, "format": "json"}));
    let step = world.step(job, 1).await;
    assert_eq!((step.state.as_str(), step.epoch, step.attempts), ("running", 1, 1));
    assert_eq!(step.lease_owner.as_deref(), Some("test-worker"));
    assert_eq!(world.job_facts(job).await.state, "running");
    assert_eq!(world.history(job).await, [Action::JobCreated, Action::JobStarted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_is_refused_with_the_reason() {
    let world = World::new().await;
    let job = world.planned("acme", vec![collection(1, "a.b"), collection(2, "a.c")]).await;
    let refused = async |step| match world.ask(job, step).await {
        Claim::Refused(refused) => refused,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(1).await, Refused::State, "completed");
    assert_eq!(refused(3).await, Refused::State, "its phase has not begun");
    let claimed = world.claim(job, 2).await;
    assert_eq!(refused(2).await, Refused::Held);
    world.conclude(&claimed, Conclusion::Retryable(reason("later")), Produced::default()).await;
    assert_eq!(refused(2).await, Refused::NotDue);
    world.api.cancel_job(&organisation("acme"), job, &owner("owner-1")).await.unwrap();
    assert_eq!(refused(2).await, Refused::State, "the job was called off");
    assert!(matches!(world.ask(job, 9).await, Claim::Unknown));
    assert!(matches!(world.ask(JobId(uuid::Uuid::nil()), 1).await, Claim::Unknown));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_workers_at_once_get_each_step_once_per_epoch() {
    const STEPS: i32 = 12;
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 12)).await;
    let stores: Vec<_> = (0..5).map(|_| world.db.store_as("lethe_export")).collect();
    for epoch in 1..=2 {
        let workers = (0..50_usize).map(|number| {
            let store = stores[number % stores.len()].clone();
            tokio::spawn(async move {
                let mut granted = Vec::new();
                for place in 0..STEPS {
                    // Each begins elsewhere, so that they meet in the middle.
                    let step = 2 + (place + i32::try_from(number).unwrap()) % STEPS;
                    let origin = worker("export-worker");
                    let asked = store
                        .claim_step((job, StepNo(step)), ("w", LEASE), &policy(), &origin)
                        .await
                        .unwrap();
                    if let Claim::Granted(claimed) = asked {
                        granted.push((claimed.step_no, claimed.epoch));
                    }
                }
                granted
            })
        });
        let mut times: BTreeMap<(StepNo, i64), usize> = BTreeMap::new();
        for task in workers.collect::<Vec<_>>() {
            for claim in task.await.unwrap() {
                *times.entry(claim).or_default() += 1;
            }
        }
        let expected = (2..STEPS + 2).map(|step| ((StepNo(step), epoch), 1)).collect();
        assert_eq!(times, expected);
        if epoch < 2 {
            for step in 2..STEPS + 2 {
                world.lapse(job, step).await;
            }
            let swept = world
                .scheduler
                .sweep(&SweepConfig::default(), &policy(), &worker("scheduler"))
                .await
                .unwrap();
            assert_eq!(swept.lapsed, 12);
            for step in 2..STEPS + 2 {
                world.make_due(job, step).await;
            }
        }
    }
    let history = world.history(job).await;
    assert_eq!(history.iter().filter(|action| **action == Action::StepRetrying).count(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_back_from_the_dead_is_fenced_out() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 1)).await;
    let zombie = world.claim(job, 2).await;
    world.lapse(job, 2).await;
    world.scheduler.sweep(&SweepConfig::default(), &policy(), &worker("scheduler")).await.unwrap();

    let result =
        || Produced { result: Some(serde_json::json!({"from": "the zombie"})), ..Produced::default() };
    let held = |epoch| (job, StepNo(2), epoch);
    let amounts = [CollectionAmount { collection: "shop.c000".to_owned(), rows: 666, bytes: 666 }];
    assert_eq!(
        world.conclude(&zombie, Conclusion::Completed, result()).await,
        Concluded::Fenced,
        "nobody holds it"
    );
    assert!(!world.export.renew_step(held(zombie.epoch), LEASE, &amounts).await.unwrap());

    world.make_due(job, 2).await;
    let successor = world.claim(job, 2).await;
    assert_eq!((successor.epoch, successor.attempts), (2, 2));
    let before = world.history(job).await;
    for conclusion in [
        Conclusion::Completed,
        Conclusion::Released,
        Conclusion::Retryable(reason("x")),
        Conclusion::Permanent(reason("x")),
    ] {
        assert_eq!(
            world.conclude(&zombie, conclusion, result()).await,
            Concluded::Fenced,
            "another holds it"
        );
    }
    assert!(!world.export.renew_step(held(zombie.epoch), LEASE, &amounts).await.unwrap());
    assert_eq!(world.history(job).await, before, "a zombie leaves no trace");
    assert_eq!(world.count("SELECT count(*) FROM job_progress WHERE rows_done > 0").await, 0);

    assert!(world.export.renew_step(held(successor.epoch), LEASE, &[]).await.unwrap());
    let done = world.conclude(&successor, Conclusion::Completed, Produced::default()).await;
    assert!(matches!(done, Concluded::Written { .. }));
    assert_eq!(
        world.conclude(&successor, Conclusion::Completed, result()).await,
        Concluded::Fenced,
        "it counts once"
    );
    assert_eq!(world.step(job, 2).await.result, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_fences_its_workers_out() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 2)).await;
    let claimed = world.claim(job, 2).await;
    world.api.cancel_job(&organisation("acme"), job, &owner("owner-1")).await.unwrap();
    assert_eq!(world.conclude(&claimed, Conclusion::Completed, Produced::default()).await, Concluded::Fenced);
    assert!(!world.export.renew_step((job, StepNo(2), claimed.epoch), LEASE, &[]).await.unwrap());
    assert_eq!(world.states(job).await, ["completed", "cancelled", "cancelled"]);
    assert_eq!(world.history(job).await.last(), Some(&Action::JobCancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_prolongs_the_lease_and_tells_the_progress_without_a_version() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 2)).await;
    let claimed = world.claim(job, 2).await;
    let before = (world.step(job, 2).await.lease_expires_at.unwrap(), world.history(job).await);
    let amounts = [CollectionAmount { collection: "shop.c000".to_owned(), rows: 7, bytes: 700 }];
    let held = (job, StepNo(2), claimed.epoch);
    assert!(world.export.renew_step(held, LEASE * 2, &amounts).await.unwrap());
    let longer = world.step(job, 2).await.lease_expires_at.unwrap();
    assert!(longer > before.0);
    // A renewal that was under way for long must not shorten what a later one gave.
    assert!(world.export.renew_step(held, Duration::from_secs(1), &[]).await.unwrap());
    assert_eq!(world.step(job, 2).await.lease_expires_at.unwrap(), longer);
    assert_eq!(world.history(job).await, before.1);
    let view = world.api.job_view(&organisation("acme"), job).await.unwrap().unwrap();
    assert_eq!((view.progress.rows_done, view.progress.rows_planned, view.progress.bytes_done), (7, 20, 700));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_part_reads_takes_the_place_of_its_share_of_the_plan() {
    let world = World::new().await;
    let part = |part_no| PlannedStep { part_no: Some(part_no), ..collection(1, "shop.c000") };
    let steps = vec![part(0), part(1)];
    let produced = planning(steps);
    // Planned together: one collection of twice the rows.
    let sizes = vec![CollectionSize { collection: "shop.c000".to_owned(), rows: 20 }];
    let plan = produced.plan.map(|plan| Plan { sizes, ..plan });
    let job = world.job("acme").await;
    let claimed = world.claim(job, 1).await;
    world.conclude(&claimed, Conclusion::Completed, Produced { plan, ..Produced::default() }).await;
    let amount = |rows| vec![CollectionAmount { collection: "shop.c000".to_owned(), rows, bytes: rows }];
    let shown = async || {
        let view = world.api.job_view(&organisation("acme"), job).await.unwrap().unwrap();
        (view.progress.rows_done, view.progress.rows_planned)
    };
    let first = world.claim(job, 2).await;
    assert!(world.export.renew_step((job, StepNo(2), first.epoch), LEASE, &amount(30)).await.unwrap());
    assert_eq!(shown().await, (30, 30), "never more done than planned");
    let done = |rows| Produced { amounts: amount(rows), ..Produced::default() };
    world.conclude(&first, Conclusion::Completed, done(33)).await;
    assert_eq!(shown().await, (33, 43), "33 instead of 10, and the other part still to come");
    let second = world.claim(job, 3).await;
    world.conclude(&second, Conclusion::Completed, done(4)).await;
    assert_eq!(shown().await, (37, 37));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_has_run_out_can_still_be_renewed_until_the_sweeper_comes() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 1)).await;
    let claimed = world.claim(job, 2).await;
    world.lapse(job, 2).await;
    assert!(world.export.renew_step((job, StepNo(2), claimed.epoch), LEASE, &[]).await.unwrap());
    let swept =
        world.scheduler.sweep(&SweepConfig::default(), &policy(), &worker("scheduler")).await.unwrap();
    assert_eq!(swept.lapsed, 0);
}
