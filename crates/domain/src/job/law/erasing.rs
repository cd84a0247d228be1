//! What is particular to erasures: grace periods, steps beside the job's course, patience.

use chrono::{DateTime, TimeDelta, Utc};

use super::*;

const DAY: TimeDelta = TimeDelta::days(1);
const ALONE: Surroundings = Surroundings { open_siblings: 0, next_phase: None, next_verifies: false };

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(365)
}

fn erasure(state: JobState) -> JobFacts {
    JobFacts { kind: JobKind::Erasure, state }
}

fn due(kind: StepKind) -> StepFacts {
    let reason = Some(FailureReason::new("provider_unavailable", "for a test"));
    StepFacts { kind, state: StepState::Due { attempts: 1, not_before: now() + DAY, last_failure: reason } }
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
fn an_erasure_is_called_off_before_it_begins_and_never_after() {
    for state in [JobState::Scheduled { not_before: now() + DAY }, JobState::Pending, JobState::OnHold] {
        assert!(cancel(&erasure(state), now()).is_ok());
    }
    for state in [JobState::Running, JobState::Retrying, JobState::Verifying] {
        assert!(cancel(&erasure(state), now()).is_err());
    }
}

#[test]
fn soft_deletion_runs_within_the_grace_period_and_leaves_the_job_where_it_is() {
    let job = erasure(JobState::Scheduled { not_before: now() + DAY });
    let step = StepFacts {
        kind: StepKind::SoftDelete,
        state: StepState::Due { attempts: 0, not_before: now(), last_failure: None },
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
    let down = || Conclusion::Retryable(FailureReason::new("provider_unavailable", "for a test"));
    let patient = report(&job, &running(StepKind::RevokeTokens, 4_000), down()).unwrap();
    assert!(matches!(patient.step, StepState::Due { .. }));
    assert_eq!(patient.versions[0].state, JobState::Retrying);
    let other = report(&job, &running(StepKind::EraseRows, 4_000), down()).unwrap();
    assert!(matches!(other.step, StepState::Failed { .. }));
}

#[test]
fn an_owner_hurries_or_skips_a_step_that_waits() {
    let (job, policy) = (erasure(JobState::Retrying), Policy::default());
    let hurried = retry_step(&job, &due(StepKind::RevokeTokens), now(), &policy).unwrap();
    assert!(matches!(hurried.step, StepState::Due { not_before, .. } if not_before == now()));
    assert_eq!(hurried.versions, [Version { action: Action::StepRetried, state: JobState::Retrying }]);
    let around = Surroundings { next_phase: Some(Phase(2)), ..ALONE };
    let skipped = skip_step(&job, &due(StepKind::RevokeTokens), around, now(), &policy).unwrap();
    assert_eq!(skipped.step, StepState::Completed { at: now() });
    assert_eq!(skipped.opens, Some(Phase(2)));
    assert_eq!(skipped.versions, [Version { action: Action::StepSkipped, state: JobState::Running }]);
    for (step, refused) in [
        (due(StepKind::EraseRows), Refused::State),
        (running(StepKind::RevokeTokens, 1), Refused::Held),
        (StepFacts { kind: StepKind::RevokeTokens, state: StepState::Waiting }, Refused::State),
    ] {
        assert_eq!(skip_step(&job, &step, around, now(), &policy), Err(refused));
    }
}
