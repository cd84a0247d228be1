//! What is particular to erasures: grace periods, steps beside the job's course, patience.

mod holding;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::job::{Pause, SkipReason};

const DAY: TimeDelta = TimeDelta::days(1);
const ALONE: Surroundings =
    Surroundings { open_siblings: 0, next_phase: None, next_verifies: false, hold_released: false };

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(365)
}

fn erasure(state: JobState) -> JobFacts {
    JobFacts { kind: JobKind::Erasure, state, begun: false }
}

fn begun(state: JobState) -> JobFacts {
    JobFacts { begun: true, ..erasure(state) }
}

fn reason(code: &str) -> FailureReason {
    FailureReason::new(code, "for a test")
}

fn due(kind: StepKind) -> StepFacts {
    let pause = Some(Pause::Failed(reason("provider_unavailable")));
    StepFacts { kind, state: StepState::Due { attempts: 1, not_before: now() + DAY, pause } }
}

/// A step that waits, after it was begun so often without success.
fn waiting(kind: StepKind, attempts: u32) -> StepFacts {
    let pause = Some(Pause::Waits(reason("open_transactions")));
    StepFacts { kind, state: StepState::Due { attempts, not_before: now() + DAY, pause } }
}

fn running(kind: StepKind, attempts: u32) -> StepFacts {
    let lease = Lease { epoch: 1, owner: "w".to_owned(), expires_at: now() };
    StepFacts { kind, state: StepState::Running { attempts, lease } }
}

fn report(job: &JobFacts, step: &StepFacts, conclusion: Conclusion) -> Result<Decision, Refused> {
    conclude(job, step, (1, conclusion), ALONE, (now(), &Policy::default()))
}

#[test]
fn a_grace_period_ends_when_both_clocks_say_so() {
    let job = erasure(JobState::Scheduled { not_before: now() });
    let before = now() - TimeDelta::microseconds(1);
    for (database, witness) in
        [(before, now()), (now(), before), (now() + DAY, before), (before, now() + DAY)]
    {
        assert!(release(&job, database, witness).is_err());
    }
    let version = release(&job, now(), now()).unwrap();
    assert_eq!((version.action, version.state), (Action::JobReleased, JobState::Pending));
    assert!(release(&erasure(JobState::Pending), now(), now()).is_err(), "it starts once");
}

#[test]
fn an_erasure_is_called_off_before_it_changes_anything_and_never_after() {
    let scheduled = JobState::Scheduled { not_before: now() + DAY };
    // Running, with nothing but its planning begun.
    for state in [scheduled, JobState::Pending, JobState::OnHold, JobState::Running, JobState::Retrying] {
        assert!(cancel(&erasure(state), now()).is_ok());
    }
    for job in [erasure(JobState::Verifying), begun(JobState::Running), begun(JobState::Retrying)] {
        assert!(cancel(&job, now()).is_err());
    }
    for (state, why) in [
        (JobState::Pending, "a job that is pending after it has begun cannot be cancelled"),
        (JobState::OnHold, "a job that is on_hold after it has begun cannot be cancelled"),
        (JobState::Verifying, "a job that is verifying cannot be cancelled"),
    ] {
        assert_eq!(cancel(&begun(state), now()).unwrap_err().to_string(), why);
    }
    let export = JobFacts { kind: JobKind::Export, ..begun(JobState::Pending) };
    assert!(cancel(&export, now()).is_ok(), "an export changes nothing");
}

#[test]
fn soft_deletion_runs_within_the_grace_period_and_leaves_the_job_where_it_is() {
    let job = erasure(JobState::Scheduled { not_before: now() + DAY });
    let step = StepFacts {
        kind: StepKind::SoftDelete,
        state: StepState::Due { attempts: 0, not_before: now(), pause: None },
    };
    let lease = Lease { epoch: 1, owner: "w".to_owned(), expires_at: now() + DAY };
    let claimed = claim(&job, &step, lease.clone(), now(), &Policy::default()).unwrap();
    assert_eq!(claimed.versions, []);
    for conclusion in [
        Conclusion::Completed,
        Conclusion::Retryable(FailureReason::lapsed()),
        Conclusion::Permanent(FailureReason::lapsed()),
    ] {
        let decision = report(&job, &running(StepKind::SoftDelete, 1), conclusion).unwrap();
        assert_eq!(decision.versions.len(), 1);
        assert_eq!(decision.versions[0].state, job.state);
        assert_eq!((decision.opens, decision.cancels_siblings), (None, false));
    }
    let plan = StepFacts { kind: StepKind::PlanErasure, ..step };
    assert_eq!(claim(&job, &plan, lease, now(), &Policy::default()), Err(Refused::State));
}

#[test]
fn restoring_runs_only_once_the_job_is_called_off() {
    let cancelled = erasure(JobState::Cancelled { at: now() });
    let decision = report(&cancelled, &running(StepKind::Restore, 1), Conclusion::Completed).unwrap();
    assert_eq!(
        decision.versions,
        [Version { action: Action::StepCompleted, state: cancelled.state.clone() }]
    );
    let rows = report(&cancelled, &running(StepKind::EraseRows, 1), Conclusion::Completed);
    assert_eq!(rows, Err(Refused::Fenced));
    let early = report(&erasure(JobState::Running), &running(StepKind::Restore, 1), Conclusion::Completed);
    assert_eq!(early, Err(Refused::Fenced));
}

#[test]
fn a_provider_that_stays_down_never_fails_the_job() {
    let job = erasure(JobState::Running);
    let down = || Conclusion::Retryable(reason("provider_unavailable"));
    let patient = report(&job, &running(StepKind::RevokeTokens, 4_000), down()).unwrap();
    assert!(matches!(patient.step, StepState::Due { .. }));
    assert_eq!(patient.versions[0].state, JobState::Retrying);
    let other = report(&job, &running(StepKind::EraseRows, 4_000), down()).unwrap();
    assert!(matches!(other.step, StepState::Failed { .. }));
}

#[test]
fn whoever_asks_to_be_left_alone_is_asked_again_no_earlier() {
    let job = erasure(JobState::Running);
    for (attempts, asked, waited) in [(1, 120, 120), (1, 0, 2), (4_000, 120, 600), (1, 1_000_000, 86_400)] {
        let conclusion = Conclusion::PutOff(reason("provider_unavailable"), Duration::from_secs(asked));
        let decision = report(&job, &running(StepKind::RevokeTokens, attempts), conclusion).unwrap();
        let pause = Some(Pause::Failed(reason("provider_unavailable")));
        let not_before = now() + TimeDelta::seconds(waited);
        assert_eq!(decision.step, StepState::Due { attempts, not_before, pause });
        assert_eq!(decision.versions, [Version { action: Action::StepRetrying, state: JobState::Retrying }]);
    }
}

#[test]
fn an_owner_hurries_or_skips_a_step_that_waits() {
    let (job, policy) = (erasure(JobState::Retrying), Policy::default());
    let hurried = retry_step(&job, &due(StepKind::RevokeTokens), now(), &policy).unwrap();
    assert!(matches!(hurried.step, StepState::Due { not_before, .. } if not_before == now()));
    assert_eq!(hurried.versions, [Version { action: Action::StepRetried, state: JobState::Retrying }]);
    let around = Surroundings { next_phase: Some(Phase(2)), ..ALONE };
    let why = SkipReason::ProviderClosed;
    let skipped = skip_step(&job, &due(StepKind::RevokeTokens), (why, around), now(), &policy).unwrap();
    assert_eq!(skipped.step, StepState::Completed { at: now() });
    assert_eq!(skipped.opens, Some(Phase(2)));
    assert_eq!(skipped.versions, [Version { action: Action::StepSkipped, state: JobState::Running }]);
    for (step, refused) in [
        (due(StepKind::EraseRows), Refused::State),
        (running(StepKind::RevokeTokens, 1), Refused::Held),
        (StepFacts { kind: StepKind::RevokeTokens, state: StepState::Waiting }, Refused::State),
    ] {
        assert_eq!(skip_step(&job, &step, (why, around), now(), &policy), Err(refused));
    }
}

#[test]
fn waiting_is_no_failure_no_attempt_and_no_event() {
    let waits = || Conclusion::Waiting(reason("open_transactions"));
    for state in [JobState::Verifying, JobState::Running, JobState::Retrying, JobState::Pending] {
        let decision = report(&begun(state), &running(StepKind::VerifyErasure, 1), waits()).unwrap();
        let Decision { step, versions, opens, cancels_siblings } = decision;
        assert_eq!((versions, opens, cancels_siblings), (Vec::new(), None, false));
        let pause = Some(Pause::Waits(reason("open_transactions")));
        let not_before = now() + TimeDelta::seconds(5);
        assert_eq!(step, StepState::Due { attempts: 0, not_before, pause });
    }
    let (job, policy) = (begun(JobState::Verifying), Policy { max_attempts: 2, ..Policy::default() });
    let mut step = StepFacts {
        kind: StepKind::VerifyErasure,
        state: StepState::Due { attempts: 0, not_before: now(), pause: None },
    };
    let mut at = now();
    for epoch in 1..=50 {
        let lease = Lease { epoch, owner: "w".to_owned(), expires_at: at + DAY };
        let claimed = claim(&job, &step, lease, at, &policy).unwrap();
        assert_eq!(claimed.versions, []);
        step.state = claimed.step;
        step.state = conclude(&job, &step, (epoch, waits()), ALONE, (at, &policy)).unwrap().step;
        at += TimeDelta::seconds(5);
    }
    assert!(step.state.waits(), "{:?}", step.state);
}

#[test]
fn an_owner_does_without_what_a_verification_waits_for_and_not_without_it() {
    let (job, policy) = (begun(JobState::Verifying), Policy::default());
    let skip = |step: &StepFacts, reason| skip_step(&job, step, (reason, ALONE), now(), &policy);
    let step = waiting(StepKind::VerifyErasure, 1);
    for reason in [SkipReason::RiskAccepted, SkipReason::TransactionHarmless] {
        let decision = skip(&step, reason).unwrap();
        assert_eq!(decision.step, StepState::Due { attempts: 1, not_before: now(), pause: None });
        let told = Version { action: Action::StepSkipped, state: JobState::Verifying };
        assert_eq!((decision.versions, decision.opens), (vec![told], None));
    }
    assert_eq!(skip(&step, SkipReason::ProviderClosed), Err(Refused::Reason));
    let tokens = due(StepKind::RevokeTokens);
    assert_eq!(skip(&tokens, SkipReason::TransactionHarmless), Err(Refused::Reason));
    let refused = [
        (due(StepKind::VerifyErasure), Refused::State),
        (StepFacts { kind: StepKind::VerifyErasure, state: StepState::Waiting }, Refused::State),
        (running(StepKind::VerifyErasure, 1), Refused::Held),
        (waiting(StepKind::EraseRows, 1), Refused::State),
    ];
    for (step, why) in refused {
        assert_eq!(skip(&step, SkipReason::RiskAccepted), Err(why), "{step:?}");
    }
    let held = begun(JobState::OnHold);
    let on_hold = skip_step(&held, &step, (SkipReason::RiskAccepted, ALONE), now(), &policy);
    assert_eq!(on_hold, Err(Refused::State), "a legal hold is not done without");
}

#[test]
fn an_erasure_is_looked_at_before_it_completes() {
    let ended = |around| {
        let (job, step) = (begun(JobState::Running), running(StepKind::EraseRows, 1));
        let ended = (1, Conclusion::Completed);
        let decision = conclude(&job, &step, ended, around, (now(), &Policy::default())).unwrap();
        decision.versions.last().unwrap().action
    };
    let next_phase = Some(Phase(3));
    assert_eq!(ended(Surroundings { next_phase, next_verifies: true, ..ALONE }), Action::JobVerifying);
    assert_eq!(ended(Surroundings { next_phase, ..ALONE }), Action::StepCompleted);
    assert_eq!(ended(ALONE), Action::JobCompleted);
}

#[test]
fn a_verification_that_is_taken_up_again_is_said_to_verify() {
    let step = StepFacts {
        kind: StepKind::VerifyErasure,
        state: StepState::Due { attempts: 1, not_before: now(), pause: None },
    };
    for state in [JobState::Pending, JobState::Retrying] {
        let lease = Lease { epoch: 2, owner: "w".to_owned(), expires_at: now() + DAY };
        let versions = claim(&begun(state), &step, lease, now(), &Policy::default()).unwrap().versions;
        let told: Vec<_> = versions.iter().map(|version| (version.action, version.state.name())).collect();
        assert_eq!(told, [(Action::JobStarted, "running"), (Action::JobVerifying, "verifying")]);
    }
}

#[test]
fn an_erasure_that_left_something_is_planned_once_more_and_any_other_goes_on() {
    let failed = |code: &str| begun(JobState::Failed { at: now(), reason: reason(code) });
    for (code, again) in [
        (FailureReason::NOT_ERASED, Again::FurtherPass),
        ("store_unreachable", Again::Reopened),
        ("worker_lost", Again::Reopened),
    ] {
        let retried = retry(&failed(code), now()).unwrap();
        assert_eq!((retried.again, retried.version.state), (again, JobState::Pending), "{code}");
    }
    assert!(retry(&begun(JobState::Verifying), now()).is_err());
}
