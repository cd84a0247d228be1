//! The ends of steps, one at a time.

use chrono::TimeDelta;
use domain::audit::Action;
use domain::id::StepNo;
use domain::job::law::Conclusion;
use domain::job::step::Refused;
use domain::job::{JobState, StepKind};
use domain::plan::CollectionSize;
use store::{Claim, CollectionAmount, Concluded, NewPackage, Produced, StepResult, SweepConfig};
use testkit::{organisation, worker};
use uuid::Uuid;

use super::support::{World, assembly, collection, collections, planning, policy, reason, whole};

#[tokio::test(flavor = "multi_thread")]
async fn planning_writes_the_steps_and_opens_their_first_phase() {
    let world = World::new().await;
    let job = world.job("acme").await;
    let claimed = world.claim(job, 1).await;
    assert!(claimed.planned.is_empty() && claimed.inputs.is_empty() && claimed.cutoff.is_none());
    let plan = planning(vec![collection(1, "shop.b"), collection(1, "shop.a"), assembly(2)]);
    let concluded = world.conclude(&claimed, Conclusion::Completed, plan).await;
    let opened = vec![StepNo(2), StepNo(3)];
    assert_eq!(concluded, Concluded::Written { job: JobState::Running, opened });

    assert_eq!(world.states(job).await, ["completed", "due", "due", "waiting"]);
    assert_eq!(world.steps(job).await.iter().map(|step| step.phase).collect::<Vec<_>>(), [0, 1, 1, 2]);
    assert_eq!(world.announced(job).await, [(1, 1), (2, 1), (3, 1)].into());
    assert!(world.job_facts(job).await.cutoff.is_some());
    assert_eq!(world.history(job).await, [Action::JobCreated, Action::JobStarted, Action::StepCompleted]);

    let next = world.claim(job, 2).await;
    assert_eq!((next.kind.name(), next.collection.as_deref()), ("export_collection", Some("shop.b")));
    let sizes = ["shop.b", "shop.a"].map(|name| CollectionSize { collection: name.to_owned(), rows: 10 });
    assert_eq!(next.planned, sizes);
    assert_eq!(next.cutoff, world.job_facts(job).await.cutoff);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_may_be_larger_than_a_statement() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 1_200)).await;
    assert_eq!(world.steps(job).await.len(), 1_201);
    assert_eq!(world.count("SELECT count(*) FROM job_progress").await, 1_200);
    assert_eq!(world.announced(job).await.len(), 1_201);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_reach_the_steps_of_later_phases_and_the_package_is_kept() {
    let world = World::new().await;
    let job =
        world.planned("acme", vec![collection(1, "shop.a"), collection(1, "shop.b"), assembly(2)]).await;
    for (step, name) in [(3, "shop.b"), (2, "shop.a")] {
        let claimed = world.claim(job, step).await;
        let amounts = vec![CollectionAmount { collection: name.to_owned(), rows: 10, bytes: 100 }];
        let produced =
            Produced { result: Some(serde_json::json!({"part": name})), amounts, ..Produced::default() };
        world.conclude(&claimed, Conclusion::Completed, produced).await;
    }
    let last = world.claim(job, 4).await;
    let expected = [(2, "shop.a"), (3, "shop.b")].map(|(step, name)| StepResult {
        step_no: StepNo(step),
        kind: StepKind::ExportCollection,
        collection: Some(name.to_owned()),
        part_no: None,
        result: serde_json::json!({"part": name}),
    });
    assert_eq!(last.inputs, expected, "in the order of the plan, not of completion");

    let package = NewPackage {
        volume_no: 1,
        id: Uuid::now_v7(),
        object_key: "acme/package.zip".to_owned(),
        file_name: "export.zip".to_owned(),
        size_bytes: 42,
        sha256: "ab".repeat(32),
    };
    let acme = organisation("acme");
    assert!(world.api.package_of(&acme, job, 1).await.unwrap().is_none());
    let produced = Produced { packages: vec![package.clone()], ..Produced::default() };
    let concluded = world.conclude(&last, Conclusion::Completed, produced).await;
    assert!(matches!(concluded, Concluded::Written { job: JobState::Completed { .. }, .. }), "{concluded:?}");
    let kept = world.api.package_of(&acme, job, 1).await.unwrap().unwrap();
    assert_eq!((kept.id, kept.job_id, kept.size_bytes), (package.id, job, 42));
    assert_eq!(world.api.package(&acme, package.id).await.unwrap(), Some(kept));
    assert!(world.api.package(&organisation("globex"), package.id).await.unwrap().is_none());
    let end = [Action::StepCompleted, Action::JobCompleted];
    assert!(world.history(job).await.ends_with(&end));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_steps_completes_the_job() {
    let world = World::new().await;
    let job = world.planned("acme", Vec::new()).await;
    assert_eq!(world.job_facts(job).await.state, "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retryable_failure_waits_is_announced_when_due_and_succeeds_then() {
    let world = World::new().await;
    let job = world.planned("acme", vec![whole(1)]).await;
    let claimed = world.claim(job, 2).await;
    // Whatever a failed step produced is not kept.
    let produced = Produced { result: Some(serde_json::json!(1)), ..Produced::default() };
    let concluded =
        world.conclude(&claimed, Conclusion::Retryable(reason("store_unreachable")), produced).await;
    assert_eq!(concluded, Concluded::Written { job: JobState::Retrying, opened: Vec::new() });
    let step = world.step(job, 2).await;
    assert_eq!((step.state.as_str(), step.attempts, step.epoch, &step.result), ("due", 1, 1, &None));
    assert_eq!(step.failure_code.as_deref(), Some("store_unreachable"));
    let wait = step.not_before.unwrap() - step.announced_at.unwrap();
    assert!(wait > TimeDelta::seconds(50), "{wait}");
    let Claim::Refused(Refused::NotDue) = world.ask(job, 2).await else { panic!("it must wait") };

    let sweep = async || {
        world.scheduler.sweep(&SweepConfig::default(), &policy(), &worker("scheduler")).await.unwrap()
    };
    assert_eq!(sweep().await.announced, 0, "its time has not come");
    world
        .admin
        .execute(
            "UPDATE job_steps SET announced_at = announced_at - interval '2 seconds' WHERE state = 'due'",
            &[],
        )
        .await
        .unwrap();
    world.make_due(job, 2).await;
    assert_eq!(sweep().await.announced, 1);
    assert_eq!(world.announced(job).await[&2], 2);
    let again = world.claim(job, 2).await;
    assert_eq!((again.attempts, again.epoch), (2, 2));
    assert_eq!(world.job_facts(job).await.state, "running");
    world.conclude(&again, Conclusion::Completed, Produced::default()).await;
    assert_eq!(world.step(job, 2).await.failure_code, None);
    use Action as A;
    let expected = [
        A::JobCreated,
        A::JobStarted,
        A::StepCompleted,
        A::StepRetrying,
        A::JobStarted,
        A::StepCompleted,
        A::JobCompleted,
    ];
    assert_eq!(world.history(job).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_end_and_the_job_fails_with_the_last_reason() {
    let world = World::new().await;
    let job = world.planned("acme", vec![whole(1)]).await;
    for attempt in 1..=3 {
        let claimed = world.claim(job, 2).await;
        assert_eq!(claimed.attempts, attempt);
        world
            .conclude(&claimed, Conclusion::Retryable(reason(&format!("try_{attempt}"))), Produced::default())
            .await;
        if attempt < 3 {
            world.make_due(job, 2).await;
        }
    }
    let facts = world.job_facts(job).await;
    assert_eq!((facts.state.as_str(), facts.failure_code.as_deref()), ("failed", Some("try_3")));
    assert_eq!(world.step(job, 2).await.attempts, 3);
    assert!(world.history(job).await.ends_with(&[Action::StepFailed, Action::JobFailed]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_failure_fails_the_job_and_calls_the_siblings_off() {
    let world = World::new().await;
    let mut steps = collections(1, 3);
    steps.push(assembly(2));
    let job = world.planned("acme", steps).await;
    world.complete(job, 2).await;
    let sibling = world.claim(job, 3).await;
    world.fail(job, 4).await;
    assert_eq!(world.states(job).await, ["completed", "completed", "cancelled", "failed", "cancelled"]);
    let facts = world.job_facts(job).await;
    assert_eq!((facts.state.as_str(), facts.failure_code.as_deref()), ("failed", Some("broken")));
    assert!(facts.ended_at.is_some());
    assert_eq!(world.conclude(&sibling, Conclusion::Completed, Produced::default()).await, Concluded::Fenced);
    assert!(world.history(job).await.ends_with(&[Action::StepFailed, Action::JobFailed]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_step_can_be_had_at_once_and_counts_no_attempt() {
    let world = World::new().await;
    let job = world.planned("acme", vec![whole(1)]).await;
    for round in 1..=5_i64 {
        let claimed = world.claim(job, 2).await;
        assert_eq!((claimed.attempts, claimed.epoch), (1, round), "however often it is given back");
        let concluded = world.conclude(&claimed, Conclusion::Released, Produced::default()).await;
        assert_eq!(concluded, Concluded::Written { job: JobState::Running, opened: vec![StepNo(2)] });
        let step = world.step(job, 2).await;
        assert_eq!((step.state.as_str(), step.attempts), ("due", 0));
        assert_eq!(world.announced(job).await[&2], usize::try_from(round).unwrap() + 1);
    }
    assert_eq!(world.history(job).await.len(), 3, "a deploy is no event of the job");
}
