//! What a step refuses, at the boundary.

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(365)
}

fn lease(epoch: i64, expires_at: DateTime<Utc>) -> Lease {
    Lease { epoch, owner: "w".to_owned(), expires_at }
}

fn apply(state: &StepState, command: &StepCommand) -> Result<StepState, Refused> {
    state.apply(command, now(), &Policy { max_attempts: 3, ..Policy::default() })
}

#[test]
fn a_step_is_claimed_from_its_moment_on_and_not_before() {
    let claim = StepCommand::Claim(lease(1, now() + TimeDelta::minutes(1)));
    let due = |not_before| StepState::Due { attempts: 0, not_before, pause: None };
    assert_eq!(apply(&due(now() + TimeDelta::microseconds(1)), &claim), Err(Refused::NotDue));
    let claimed = apply(&due(now()), &claim).unwrap();
    assert!(matches!(claimed, StepState::Running { attempts: 1, .. }), "{claimed:?}");
}

#[test]
fn a_step_that_runs_is_claimed_by_nobody_else_whatever_its_lease_says() {
    for expires_at in [now() - TimeDelta::days(1), now() + TimeDelta::days(1)] {
        let running = StepState::Running { attempts: 1, lease: lease(1, expires_at) };
        let claim = StepCommand::Claim(lease(2, now() + TimeDelta::days(2)));
        assert_eq!(apply(&running, &claim), Err(Refused::Held));
    }
}

#[test]
fn the_last_attempt_that_fails_fails_the_step_and_none_before_it() {
    let reason = FailureReason::lapsed();
    for (attempts, fails) in [(1, false), (2, false), (3, true), (4, true)] {
        let running = StepState::Running { attempts, lease: lease(1, now()) };
        let failed = StepCommand::BackOff { epoch: 1, reason: reason.clone(), at_least: TimeDelta::zero() };
        for command in [failed, StepCommand::Lapse] {
            let after = apply(&running, &command).unwrap();
            assert_eq!(matches!(after, StepState::Failed { .. }), fails, "{attempts}: {after:?}");
        }
    }
}

#[test]
fn a_renewal_never_shortens_a_lease() {
    let until = now() + TimeDelta::minutes(5);
    let running = StepState::Running { attempts: 1, lease: lease(1, until) };
    for (asked, expires_at) in
        [(now(), until), (until + TimeDelta::minutes(1), until + TimeDelta::minutes(1))]
    {
        let renewed = apply(&running, &StepCommand::Renew { epoch: 1, until: asked }).unwrap();
        assert_eq!(renewed, StepState::Running { attempts: 1, lease: lease(1, expires_at) });
    }
}
