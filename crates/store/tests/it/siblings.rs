//! Many workers at once: the last one out, and only that one, moves the job on.

use domain::audit::Action;
use domain::id::JobId;
use domain::job::law::Conclusion;
use domain::job::{FailureReason, JobState};
use store::{Claimed, CollectionAmount, Concluded, Produced, Store};
use testkit::{organisation, owner, worker};

use super::support::{LEASE, World, assembly, collections, policy, reason, report};

const SIBLINGS: usize = 32;

async fn claim_all(world: &World, job: JobId, steps: std::ops::Range<i32>) -> Vec<Claimed> {
    let mut claimed = Vec::new();
    for step in steps {
        claimed.push(world.claim(job, step).await);
    }
    claimed
}

/// Concludes all of them at the same time, from four processes' pools.
async fn conclude_all(
    world: &World,
    steps: Vec<Claimed>,
    how: impl Fn(usize) -> Conclusion,
) -> Vec<Concluded> {
    let stores: Vec<Store> = (0..4).map(|_| world.db.store_as("lethe_export")).collect();
    let tasks = steps.into_iter().enumerate().map(|(number, step)| {
        let (store, conclusion) = (stores[number % stores.len()].clone(), how(number));
        tokio::spawn(async move {
            let report = report(&step, conclusion, Produced::default());
            store.conclude_step(&report, &policy(), &worker("export-worker")).await.unwrap()
        })
    });
    let mut concluded = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        concluded.push(task.await.unwrap());
    }
    concluded
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_one_opens_the_next_phase() {
    let world = World::new().await;
    let mut steps = collections(1, SIBLINGS);
    steps.push(assembly(2));
    let job = world.planned("acme", steps).await;
    let last = 2 + i32::try_from(SIBLINGS).unwrap();
    let claimed = claim_all(&world, job, 2..last).await;
    let concluded = conclude_all(&world, claimed, |_| Conclusion::Completed).await;
    let openers = concluded.iter().filter(|concluded| match concluded {
        Concluded::Written { opened, .. } => !opened.is_empty(),
        Concluded::Fenced => panic!("everyone held its step"),
    });
    assert_eq!(openers.count(), 1);
    assert_eq!(world.announced(job).await[&last], 1);
    assert_eq!(world.step(job, last).await.state, "due");
    assert_eq!(world.history(job).await.len(), 3 + SIBLINGS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_one_completes_the_job() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, SIBLINGS)).await;
    let claimed = claim_all(&world, job, 2..2 + i32::try_from(SIBLINGS).unwrap()).await;
    let concluded = conclude_all(&world, claimed, |_| Conclusion::Completed).await;
    let completers = concluded
        .iter()
        .filter(|concluded| matches!(concluded, Concluded::Written { job: JobState::Completed { .. }, .. }));
    assert_eq!(completers.count(), 1);
    let history = world.history(job).await;
    assert_eq!(history.iter().filter(|action| **action == Action::JobCompleted).count(), 1);
    assert_eq!(history.last(), Some(&Action::JobCompleted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn mixed_ends_leave_one_truth() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, SIBLINGS)).await;
    let claimed = claim_all(&world, job, 2..2 + i32::try_from(SIBLINGS).unwrap()).await;
    conclude_all(&world, claimed, |number| match number {
        _ if number % 4 == 0 => Conclusion::Retryable(reason("busy")),
        _ if number % 4 == 1 => Conclusion::Released,
        18 => Conclusion::Permanent(FailureReason::new("broken", "for good")),
        _ => Conclusion::Completed,
    })
    .await;
    let facts = world.job_facts(job).await;
    assert_eq!((facts.state.as_str(), facts.failure_code.as_deref()), ("failed", Some("broken")));
    let open = |state: &String| ["waiting", "due", "running"].contains(&state.as_str());
    assert!(!world.states(job).await.iter().any(open));
    let history = world.history(job).await;
    assert!(history.ends_with(&[Action::StepFailed, Action::JobFailed]), "{history:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heartbeats_conclusions_and_a_cancellation_do_not_block_each_other() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, SIBLINGS)).await;
    let claimed = claim_all(&world, job, 2..2 + i32::try_from(SIBLINGS).unwrap()).await;
    let beating = claimed.iter().cloned().map(|step| {
        let store = world.export.clone();
        tokio::spawn(async move {
            let collection = step.collection.clone().unwrap();
            for rows in 0..20 {
                let amounts = [CollectionAmount { collection: collection.clone(), rows, bytes: rows }];
                let held = (step.job_id, step.step_no, step.epoch);
                store.renew_step(held, LEASE, &amounts).await.unwrap();
            }
        })
    });
    let beating: Vec<_> = beating.collect();
    let half = claimed.into_iter().take(SIBLINGS / 2).collect();
    let (acme, origin) = (organisation("acme"), owner("owner-1"));
    let cancelling = world.api.cancel_job(&acme, job, &origin);
    let (concluded, cancelled) =
        tokio::join!(conclude_all(&world, half, |_| Conclusion::Completed), cancelling);
    cancelled.unwrap();
    for task in beating {
        task.await.unwrap();
    }
    let counted = concluded.iter().filter(|concluded| matches!(concluded, Concluded::Written { .. })).count();
    let completed = world.states(job).await.iter().filter(|state| *state == "completed").count();
    assert_eq!(completed, counted + 1, "those that counted, and planning");
    assert_eq!(world.job_facts(job).await.state, "cancelled");
    assert_eq!(world.history(job).await.len(), 3 + counted + 1);
}
