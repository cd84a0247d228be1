//! Erasures that found something left: planned once more, behind what was done.

use domain::audit::Action;
use domain::id::{JobId, StepNo};
use domain::job::law::Conclusion;
use domain::job::{FailureReason, StepKind};
use domain::plan::CollectionSize;
use store::{CollectionAmount, Produced, StepReport};
use testkit::{organisation, owner, worker};
use uuid::Uuid;

use crate::grace::{ORGANISATION, state, steps};
use crate::support::{World, erasing, planning, policy, reason};

/// A plan for so many rows of one collection, with a scope for each step and a document.
fn plan(rows: i64, document: &str) -> Produced {
    let mut produced = planning(vec![
        erasing(3, StepKind::EraseRows, Some("shop.customers")),
        erasing(4, StepKind::VerifyErasure, None),
    ]);
    let plan = produced.plan.as_mut().unwrap();
    plan.sizes = vec![CollectionSize { collection: "shop.customers".to_owned(), rows }];
    plan.scopes =
        [(0, "rows"), (1, "all")].map(|(at, what)| (at, format!("{document} {what}").into_bytes())).into();
    produced.result = Some(serde_json::json!({ "document": document }));
    produced
}

fn not_erased() -> Conclusion {
    Conclusion::Permanent(reason(FailureReason::NOT_ERASED))
}

async fn conclude(world: &World, (job, step): (JobId, i32), conclusion: Conclusion, produced: Produced) {
    let claimed = world.claim_erasure(job, step).await;
    world.conclude_erasure(&claimed, conclusion, produced).await;
}

/// Erases so many rows in a step.
async fn erase(world: &World, job: JobId, step: i32, rows: i64) {
    let amounts = vec![CollectionAmount { collection: "shop.customers".to_owned(), rows, bytes: 0 }];
    let result = Some(serde_json::json!({"rows": rows, "batches": 1}));
    conclude(world, (job, step), Conclusion::Completed, Produced { amounts, result, ..Produced::default() })
        .await;
}

/// An erasure that erased ten rows in step 2 and found something left in step 3.
async fn left_something(world: &World) -> JobId {
    let job = crate::grace::scheduled(world, 0).await;
    conclude(world, (job, 1), Conclusion::Completed, plan(10, "first")).await;
    erase(world, job, 2, 10).await;
    conclude(world, (job, 3), not_erased(), Produced::default()).await;
    assert_eq!(state(world, job).await, "failed");
    job
}

async fn retry(world: &World, job: JobId) {
    world.api.retry_job(&organisation(ORGANISATION), job, &owner("owner-1")).await.unwrap();
}

async fn phases(world: &World, job: JobId) -> Vec<i32> {
    world.steps(job).await.iter().map(|step| step.phase).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_planned_behind_what_was_done_and_erased_by_new_steps() {
    let world = World::new().await;
    let job = left_something(&world).await;
    let cutoff = world.job_facts(job).await.cutoff;
    retry(&world, job).await;
    let first = ["plan_erasure completed", "erase_rows completed", "verify_erasure failed"];
    assert_eq!(steps(&world, job).await, [&first[..], &["plan_erasure due"]].concat());
    assert_eq!(phases(&world, job).await, [0, 3, 4, 5]);
    assert_eq!(world.announced(job).await[&4], 1);
    assert_eq!(
        (state(&world, job).await.as_str(), world.history(job).await.last()),
        ("pending", Some(&Action::JobRetried))
    );

    let planning = world.claim_erasure(job, 4).await;
    assert_eq!((planning.pass, planning.cutoff), (2, cutoff));
    let inputs: Vec<_> = planning.inputs.iter().map(|input| input.step_no).collect();
    assert_eq!(inputs, [StepNo(1), StepNo(2)], "it knows what was planned and done before");
    let ours = organisation(ORGANISATION);
    let scopes = world.eraser.scopes_of(&ours, job).await.unwrap();
    assert_eq!(scopes, [(StepNo(2), b"first rows".to_vec()), (StepNo(3), b"first all".to_vec())]);
    let mut second = plan(2, "second");
    let sizes = &mut second.plan.as_mut().unwrap().sizes;
    sizes.push(CollectionSize { collection: "shop.orders".to_owned(), rows: 3 });
    world.conclude_erasure(&planning, Conclusion::Completed, second).await;
    assert_eq!(
        steps(&world, job).await[3..],
        ["plan_erasure completed", "erase_rows due", "verify_erasure waiting"]
    );
    assert_eq!(phases(&world, job).await, [0, 3, 4, 5, 8, 9]);
    assert_eq!(world.job_facts(job).await.cutoff, cutoff);
    assert_eq!(world.eraser.scopes_of(&ours, job).await.unwrap().len(), 4, "until the job completes");

    let rows = world.claim_erasure(job, 5).await;
    assert_eq!((rows.pass, rows.scope.as_deref()), (2, Some(&b"second rows"[..])));
    let planned: Vec<_> = rows.planned.iter().map(|size| (size.collection.as_str(), size.rows)).collect();
    assert_eq!(planned, [("shop.customers", 12), ("shop.orders", 3)]);
    world.conclude_erasure(&rows, Conclusion::Released, Produced::default()).await;
    erase(&world, job, 5, 2).await;
    assert_eq!(state(&world, job).await, "verifying");
    let last = world.claim_erasure(job, 6).await;
    assert_eq!((last.pass, last.scope.as_deref()), (2, Some(&b"second all"[..])));
    world.conclude_erasure(&last, Conclusion::Completed, Produced::default()).await;

    let view = world.api.job_view(&ours, job).await.unwrap().unwrap();
    assert_eq!((view.summary.state.as_str(), view.progress.rows_done), ("completed", 12));
    let passes: Vec<_> = view.steps.iter().map(|step| step.pass).collect();
    assert_eq!(passes, [None, None, None, Some(2), Some(2), Some(2)]);
    assert_eq!(view.steps[2].failure.as_ref().unwrap().code, "not_erased", "the evidence stays");
    let plan = world.api.job_plan(&ours, job).await.unwrap().unwrap().unwrap();
    assert_eq!((plan.pass, plan.document), (2, serde_json::json!({"document": "second"})));
    assert!(world.eraser.scopes_of(&ours, job).await.unwrap().is_empty());
    world.history(job).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn until_the_next_plan_is_made_the_last_one_is_shown() {
    let world = World::new().await;
    let job = left_something(&world).await;
    let ours = organisation(ORGANISATION);
    let shown = async || {
        let plan = world.api.job_plan(&ours, job).await.unwrap().unwrap().unwrap();
        (plan.pass, plan.document["document"].as_str().unwrap().to_owned())
    };
    assert_eq!(shown().await, (1, "first".to_owned()));
    retry(&world, job).await;
    assert_eq!(shown().await, (1, "first".to_owned()));
    conclude(&world, (job, 4), Conclusion::Completed, plan(1, "second")).await;
    assert_eq!(shown().await, (2, "second".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_failure_of_a_pass_opens_the_steps_of_that_pass_alone() {
    let world = World::new().await;
    let job = left_something(&world).await;
    retry(&world, job).await;
    conclude(&world, (job, 4), Conclusion::Permanent(reason("data_map_mismatch")), Produced::default()).await;
    retry(&world, job).await;
    let first = ["plan_erasure completed", "erase_rows completed", "verify_erasure failed"];
    assert_eq!(steps(&world, job).await, [&first[..], &["plan_erasure due"]].concat());
    conclude(&world, (job, 4), Conclusion::Completed, plan(2, "second")).await;
    conclude(&world, (job, 5), Conclusion::Permanent(reason("store_schema")), Produced::default()).await;
    retry(&world, job).await;
    let second = ["plan_erasure completed", "erase_rows due", "verify_erasure waiting"];
    assert_eq!(steps(&world, job).await, [first, second].concat());
    erase(&world, job, 5, 1).await;
    conclude(&world, (job, 6), not_erased(), Produced::default()).await;
    retry(&world, job).await;
    let third = world.claim_erasure(job, 7).await;
    assert_eq!((third.pass, phases(&world, job).await[6]), (3, 10));
    world.conclude_erasure(&third, Conclusion::Completed, plan(0, "third")).await;
    erase(&world, job, 8, 0).await;
    conclude(&world, (job, 9), Conclusion::Completed, Produced::default()).await;
    assert_eq!(state(&world, job).await, "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_called_off_with_a_step_that_found_something_left_stays_so() {
    let world = World::new().await;
    let planned = vec![
        erasing(1, StepKind::EraseRows, Some("shop.orders")),
        erasing(1, StepKind::EraseRows, Some("shop.customers")),
        erasing(2, StepKind::VerifyErasure, None),
    ];
    let job = world.planned_erasure(ORGANISATION, planned).await;
    conclude(&world, (job, 2), not_erased(), Produced::default()).await;
    retry(&world, job).await;
    let ended =
        ["plan_erasure completed", "erase_rows failed", "erase_rows cancelled", "verify_erasure cancelled"];
    assert_eq!(steps(&world, job).await, [&ended[..], &["plan_erasure due"]].concat());
    assert_eq!(phases(&world, job).await, [0, 1, 1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_pass_has_the_cutoff_of_the_first() {
    let world = World::new().await;
    let job = left_something(&world).await;
    retry(&world, job).await;
    let planning = world.claim_erasure(job, 4).await;
    let mut produced = plan(2, "second");
    produced.plan.as_mut().unwrap().cutoff += chrono::TimeDelta::days(1);
    let StepReport { job_id, step_no, epoch, .. } =
        crate::support::report(&planning, Conclusion::Completed, Produced::default());
    let report = StepReport { job_id, step_no, epoch, conclusion: Conclusion::Completed, produced };
    let refused =
        world.eraser.conclude_step(&report, &policy(), &worker("erasure-worker")).await.unwrap_err();
    assert!(format!("{refused:?}").contains("its scope was fixed by planning"), "{refused:?}");
    assert_eq!(steps(&world, job).await[3..], ["plan_erasure running"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_earlier_code_that_left_something_is_planned_once_more() {
    let world = World::new().await;
    let job = JobId(Uuid::now_v7());
    // As that code wrote them, without anything that came later.
    let rows = format!(
        "BEGIN; SET LOCAL session_replication_role = replica;
         INSERT INTO privacy_jobs (id, organisation_id, kind, state, version, request, requested_by, requested_role,
             not_before, cutoff, failure_code, failure_detail, ended_at)
         VALUES ('{job}', '{ORGANISATION}', 'erasure', 'failed', 8,
             '{{\"delete_media\": false, \"grace_period_days\": 0, \"dry_run\": false}}', 'owner-1', 'owner',
             now() - interval '1 hour', '2026-11-21T12:00:00Z', 'not_erased',
             'public.customers.email: 1 rows still hold values', now());
         INSERT INTO job_steps (job_id, step_no, organisation_id, phase, kind, collection, state, attempts, epoch,
             failure_code, failure_detail, rows_planned, rows_done, result, started_at, ended_at)
         VALUES ('{job}', 1, '{ORGANISATION}', 0, 'plan_erasure', NULL, 'completed', 1, 1, NULL, NULL, 0, 0,
                 '{{\"document\": \"first\"}}', now(), now()),
             ('{job}', 2, '{ORGANISATION}', 3, 'erase_rows', 'shop.customers', 'completed', 1, 1, NULL, NULL, 10, 10,
                 '{{\"rows\": 10, \"batches\": 1}}', now(), now()),
             ('{job}', 3, '{ORGANISATION}', 4, 'verify_erasure', NULL, 'failed', 1, 1, 'not_erased', 'x', 0, 0, NULL,
                 now(), now());
         INSERT INTO step_scopes (job_id, step_no, organisation_id, sealed)
         VALUES ('{job}', 2, '{ORGANISATION}', 'first rows'), ('{job}', 3, '{ORGANISATION}', 'first all');
         INSERT INTO job_progress (job_id, collection, organisation_id, position, rows_planned, rows_done)
         VALUES ('{job}', 'shop.customers', '{ORGANISATION}', 0, 10, 10); COMMIT"
    );
    world.admin.batch_execute(&rows).await.unwrap();
    retry(&world, job).await;
    let planning = world.claim_erasure(job, 4).await;
    assert_eq!((planning.pass, planning.cutoff), (2, Some("2026-11-21T12:00:00Z".parse().unwrap())));
    world.conclude_erasure(&planning, Conclusion::Completed, plan(1, "second")).await;
    erase(&world, job, 5, 1).await;
    conclude(&world, (job, 6), Conclusion::Completed, Produced::default()).await;
    let view = world.api.job_view(&organisation(ORGANISATION), job).await.unwrap().unwrap();
    assert_eq!((view.summary.state.as_str(), view.progress.rows_planned), ("completed", 11));
    assert_eq!(view.steps[2].state, "failed");
}
