//! The law in `domain` and the law in the database are the same law.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use domain::job::{
    FailureReason, JobCommand, JobKind, JobState, Lease, Pause, Policy, StepCommand, StepState,
};
use testkit::ControlDatabase;

type Transitions = BTreeSet<(String, String)>;

fn now() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn reason() -> FailureReason {
    FailureReason::new("code", "detail")
}

fn job_states() -> Vec<JobState> {
    let at = now();
    vec![
        JobState::AwaitingApproval,
        JobState::Scheduled { not_before: at - TimeDelta::hours(1) },
        JobState::Scheduled { not_before: at + TimeDelta::hours(1) },
        JobState::Pending,
        JobState::Running,
        JobState::Retrying,
        JobState::OnHold,
        JobState::Verifying,
        JobState::Completed { at },
        JobState::Failed { at, reason: reason() },
        JobState::Cancelled { at },
        JobState::Expired { at },
    ]
}

fn job_commands() -> Vec<JobCommand> {
    use JobCommand as C;
    vec![
        C::Approve,
        C::Release,
        C::Start,
        C::BackOff,
        C::Hold,
        C::Unhold,
        C::Verify,
        C::Complete,
        C::Fail(reason()),
        C::Cancel,
        C::Retry,
        C::Expire,
    ]
}

fn step_states() -> Vec<StepState> {
    let at = now();
    let due = |not_before| StepState::Due { attempts: 1, not_before, pause: None };
    let running = |attempts, expires_at| StepState::Running {
        attempts,
        lease: Lease { epoch: 7, owner: "worker".to_owned(), expires_at },
    };
    let (past, future) = (at - TimeDelta::hours(1), at + TimeDelta::hours(1));
    vec![
        StepState::Waiting,
        due(past),
        due(future),
        StepState::Due { attempts: 1, not_before: future, pause: Some(Pause::Failed(reason())) },
        StepState::Due { attempts: 1, not_before: future, pause: Some(Pause::Waits(reason())) },
        running(1, past),
        running(1, future),
        running(Policy::default().max_attempts, past),
        running(Policy::default().max_attempts, future),
        StepState::Completed { at },
        StepState::Failed { at, reason: reason() },
        StepState::Cancelled { at },
    ]
}

fn step_commands() -> Vec<StepCommand> {
    use StepCommand as C;
    let lease = Lease { epoch: 8, owner: "worker".to_owned(), expires_at: now() + TimeDelta::hours(1) };
    let mut commands =
        vec![C::Open, C::Reset, C::Claim(lease), C::Lapse, C::Cancel, C::Hurry, C::EndWait, C::Skip];
    for epoch in [6, 7, 8] {
        commands.extend([
            C::Renew { epoch, until: now() + TimeDelta::hours(1) },
            C::Complete { epoch },
            C::BackOff { epoch, reason: reason(), at_least: TimeDelta::zero() },
            C::Fail { epoch, reason: reason() },
            C::Wait { epoch, reason: reason(), again_in: TimeDelta::seconds(5) },
            C::Release { epoch },
        ]);
    }
    commands
}

async fn enforced(table: &str) -> Transitions {
    let database = ControlDatabase::create().await;
    let rows = database
        .client()
        .await
        .query(&format!("SELECT from_state, to_state FROM {table}"), &[])
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs() {
    let mut lawful = Transitions::new();
    for kind in JobKind::ALL {
        for (state, command) in
            job_states().iter().flat_map(|s| job_commands().into_iter().map(move |c| (s, c)))
        {
            if let Ok(next) = state.apply(&command, now(), kind) {
                lawful.insert((state.name().to_owned(), next.name().to_owned()));
            }
        }
    }
    // The trigger looks at changes only.
    lawful.retain(|(from, to)| from != to);
    assert_eq!(lawful, enforced("job_transitions").await);
    let known: BTreeSet<&str> = job_states().iter().map(JobState::name).collect();
    assert_eq!(known, BTreeSet::from(JobState::NAMES), "this test knows every state");
}

#[tokio::test(flavor = "multi_thread")]
async fn steps() {
    let mut lawful = Transitions::new();
    for (state, command) in
        step_states().iter().flat_map(|s| step_commands().into_iter().map(move |c| (s, c)))
    {
        if let Ok(next) = state.apply(&command, now(), &Policy::default()) {
            lawful.insert((state.name().to_owned(), next.name().to_owned()));
        }
    }
    lawful.retain(|(from, to)| from != to);
    assert_eq!(lawful, enforced("step_transitions").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equal_job_stands_in_the_way_exactly_while_it_has_not_ended() {
    let database = ControlDatabase::create().await;
    let predicate = "SELECT pg_get_expr(indpred, indrelid) FROM pg_index \
                     WHERE indexrelid = 'privacy_jobs_one_equal_open'::regclass";
    let predicate: String = database.client().await.query_one(predicate, &[]).await.unwrap().get(0);
    for state in job_states() {
        let left_out = predicate.contains(&format!("'{}'", state.name()));
        assert_eq!(left_out, state.ended(), "{}", state.name());
    }
}
