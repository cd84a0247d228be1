//! What a legal hold does to an erasure.

use super::*;

#[test]
fn a_legal_hold_puts_a_job_on_hold_and_its_release_lets_it_go_on() {
    let held = || Conclusion::OnHold(reason("legal_hold"));
    for state in [JobState::Pending, JobState::Running, JobState::Retrying, JobState::Verifying] {
        let decision = report(&begun(state), &running(StepKind::EraseRows, 3), held()).unwrap();
        let told = Version { action: Action::JobOnHold, state: JobState::OnHold };
        assert_eq!((decision.versions, decision.cancels_siblings), (vec![told], false));
        let pause = Some(Pause::Waits(reason("legal_hold")));
        assert_eq!(decision.step, StepState::Due { attempts: 2, not_before: now(), pause });
    }
    let job = begun(JobState::OnHold);
    let again = report(&job, &running(StepKind::EraseRows, 1), held()).unwrap();
    assert_eq!(again.versions, [], "it is on hold already");
    let lease = Lease { epoch: 2, owner: "w".to_owned(), expires_at: now() + DAY };
    let due = due(StepKind::EraseRows);
    assert_eq!(claim(&job, &due, lease, now() + DAY, &Policy::default()), Err(Refused::State));
    let resumed = resume(&job, now()).unwrap();
    assert_eq!((resumed.action, resumed.state), (Action::JobResumed, JobState::Pending));
    assert!(resume(&begun(JobState::Running), now()).is_err());
}

#[test]
fn a_hold_that_is_released_while_the_step_runs_holds_nothing_up() {
    let around = Surroundings { hold_released: true, ..ALONE };
    let held = (1, Conclusion::OnHold(reason("legal_hold")));
    let (job, step) = (begun(JobState::Running), running(StepKind::EraseRows, 1));
    let decision = conclude(&job, &step, held.clone(), around, (now(), &Policy::default())).unwrap();
    assert_eq!(decision.step, StepState::Due { attempts: 0, not_before: now(), pause: None });
    assert_eq!(decision.versions, []);
    let scheduled = erasure(JobState::Scheduled { not_before: now() + DAY });
    let mark = running(StepKind::SoftDelete, 1);
    let beside = conclude(&scheduled, &mark, held, ALONE, (now(), &Policy::default())).unwrap();
    assert_eq!(beside.versions, [], "what runs beside the job's course does not move it");
}

#[test]
fn what_runs_when_a_job_is_put_on_hold_comes_to_its_end() {
    let job = begun(JobState::OnHold);
    let around = Surroundings { open_siblings: 1, next_phase: Some(Phase(2)), ..ALONE };
    let ends = |conclusion| {
        let step = running(StepKind::EraseRows, 1);
        conclude(&job, &step, (1, conclusion), around, (now(), &Policy::default())).unwrap()
    };
    let told = |action| vec![Version { action, state: JobState::OnHold }];
    let completed = ends(Conclusion::Completed);
    assert_eq!((completed.step, completed.opens), (StepState::Completed { at: now() }, None));
    assert_eq!(completed.versions, told(Action::StepCompleted));
    let retrying = ends(Conclusion::Retryable(FailureReason::lapsed()));
    assert!(matches!(retrying.step, StepState::Due { attempts: 1, .. }));
    assert_eq!(retrying.versions, told(Action::StepRetrying));
    let failed = ends(Conclusion::Permanent(reason("store_schema")));
    let actions: Vec<Action> = failed.versions.iter().map(|version| version.action).collect();
    assert_eq!(actions, [Action::StepFailed, Action::JobFailed], "the others could not end the job");
    assert!(failed.cancels_siblings);
    let lapsed = lapse(&job, &running(StepKind::EraseRows, 1), now() + DAY, &Policy::default()).unwrap();
    assert_eq!(lapsed.versions, told(Action::StepRetrying));
    assert_eq!(report(&job, &running(StepKind::Restore, 1), Conclusion::Completed), Err(Refused::Fenced));
}

#[test]
fn what_was_put_on_hold_half_way_is_under_way() {
    use crate::job::PublicStatus;
    assert_eq!(begun(JobState::OnHold).public_status(), PublicStatus::InProgress);
    assert_eq!(erasure(JobState::OnHold).public_status(), PublicStatus::Pending);
    assert_eq!(begun(JobState::Pending).public_status(), PublicStatus::Pending);
}

#[test]
fn a_job_on_hold_does_not_complete_with_a_step_that_ran_meanwhile() {
    for next_phase in [None, Some(Phase(3))] {
        let around = Surroundings { next_phase, next_verifies: next_phase.is_some(), ..ALONE };
        let step = running(StepKind::EraseRows, 1);
        let ended = (1, Conclusion::Completed);
        let job = begun(JobState::OnHold);
        let decision = conclude(&job, &step, ended, around, (now(), &Policy::default())).unwrap();
        let told = Version { action: Action::StepCompleted, state: JobState::OnHold };
        assert_eq!(decision.versions, [told], "{next_phase:?}");
    }
}
