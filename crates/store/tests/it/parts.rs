//! Steps over key ranges: their numbers, what they hand on, and how their progress adds up.

use domain::job::law::Conclusion;
use domain::job::{Phase, StepKind};
use domain::plan::PlannedStep;
use store::{Claimed, CollectionAmount, Concluded, Produced};

use super::support::{LEASE, World, assembly, collection, planning, reason};

fn part(name: &str, part_no: i32) -> PlannedStep {
    PlannedStep { part_no: Some(part_no), ..collection(1, name) }
}

fn other(phase: i32, kind: StepKind, name: &str) -> PlannedStep {
    PlannedStep { phase: Phase(phase), kind, ..collection(phase, name) }
}

/// A job with a collection in two parts and another one whole, with media; its planning step left a result.
async fn cut(world: &World) -> domain::id::JobId {
    let job = world.job("acme").await;
    let claimed = world.claim(job, 1).await;
    let steps = vec![
        part("shop.a", 0),
        part("shop.a", 1),
        collection(1, "shop.b"),
        other(1, StepKind::ExportMedia, "shop.b"),
        other(2, StepKind::JoinCollection, "shop.a"),
        assembly(3),
    ];
    let mut planned = Produced { result: Some("ranges".into()), ..planning(steps) };
    // Progress is a row per collection, however many steps work on it.
    if let Some(plan) = &mut planned.plan {
        plan.sizes.dedup_by_key(|size| size.collection.clone());
        plan.sizes.truncate(2);
    }
    let done = world.conclude(&claimed, Conclusion::Completed, planned).await;
    assert!(matches!(done, Concluded::Written { .. }), "{done:?}");
    job
}

async fn complete_with(world: &World, claimed: &Claimed, result: &str) {
    let produced = Produced { result: Some(result.into()), ..Produced::default() };
    world.conclude(claimed, Conclusion::Completed, produced).await;
}

/// A result in short: `step kind collection/part: what it left`.
fn inputs(claimed: &Claimed) -> Vec<String> {
    let line = |input: &store::StepResult| {
        let part = input.part_no.map(|part| format!("/{part}")).unwrap_or_default();
        let collection = input.collection.as_deref().unwrap_or("-");
        let (step, kind) = (input.step_no.0, input.kind.name());
        format!("{step} {kind} {collection}{part}: {}", input.result.as_str().unwrap())
    };
    claimed.inputs.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_numbered_and_later_steps_get_what_concerns_them() {
    let world = World::new().await;
    let job = cut(&world).await;
    for (step, part_no, result) in [(3, Some(1), "a1"), (2, Some(0), "a0"), (4, None, "b"), (5, None, "m")] {
        let claimed = world.claim(job, step).await;
        assert_eq!(claimed.part_no, part_no, "step {step}");
        assert_eq!(inputs(&claimed), ["1 plan_export -: ranges"]);
        complete_with(&world, &claimed, result).await;
    }
    let join = world.claim(job, 6).await;
    assert_eq!((join.kind, join.part_no), (StepKind::JoinCollection, None));
    let of_a = ["2 export_collection shop.a/0: a0", "3 export_collection shop.a/1: a1"];
    assert_eq!(inputs(&join), [&["1 plan_export -: ranges"], &of_a[..]].concat(), "not those of others");
    complete_with(&world, &join, "joined").await;
    let last = world.claim(job, 7).await;
    let of_b = ["4 export_collection shop.b: b", "5 export_media shop.b: m"];
    let joined = ["6 join_collection shop.a: joined"];
    assert_eq!(inputs(&last), [&["1 plan_export -: ranges"], &of_a[..], &of_b, &joined].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phase_may_be_left_out() {
    let world = World::new().await;
    let job = world.planned("acme", vec![collection(1, "shop.a"), assembly(3)]).await;
    world.complete(job, 2).await;
    world.complete(job, 3).await;
    assert_eq!(world.job_facts(job).await.state, "completed");
}

/// Rows and bytes done, by collection.
async fn progress(world: &World) -> Vec<(String, i64, i64)> {
    let rows = world
        .admin
        .query("SELECT collection, rows_done, bytes_done FROM job_progress ORDER BY collection", &[])
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_of_parts_adds_up_also_when_one_begins_anew() {
    let world = World::new().await;
    let job = cut(&world).await;
    let reports = async |claimed: &Claimed, rows| {
        let amounts = [CollectionAmount { collection: "shop.a".to_owned(), rows, bytes: rows * 10 }];
        let held = (job, claimed.step_no, claimed.epoch);
        assert!(world.export.renew_step(held, LEASE, &amounts).await.unwrap());
        progress(&world).await[0].1
    };
    let (first, second) = (world.claim(job, 2).await, world.claim(job, 3).await);
    assert_eq!(reports(&first, 4).await, 4);
    assert_eq!(reports(&second, 3).await, 7);
    assert_eq!(reports(&first, 6).await, 9);
    // What a lost attempt had reported is taken back by the next one.
    world.conclude(&first, Conclusion::Retryable(reason("again")), Produced::default()).await;
    world.make_due(job, 2).await;
    let again = world.claim(job, 2).await;
    assert_eq!(reports(&again, 1).await, 4);
    for (claimed, rows) in [(again, 10), (second, 5)] {
        let amounts = vec![CollectionAmount { collection: "shop.a".to_owned(), rows, bytes: rows * 10 }];
        world.conclude(&claimed, Conclusion::Completed, Produced { amounts, ..Produced::default() }).await;
    }
    assert_eq!(progress(&world).await, [("shop.a".to_owned(), 15, 150), ("shop.b".to_owned(), 0, 0)]);
}
