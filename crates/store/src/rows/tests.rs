//! Every state is read as it was written.

use super::*;

fn at() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn job(state: &str) -> JobRow {
    let failed = state == "failed";
    JobRow {
        id: Uuid::nil(),
        organisation_id: "acme".to_owned(),
        kind: "export".to_owned(),
        state: state.to_owned(),
        version: 1,
        request: serde_json::Value::Null,
        requested_by: "owner-1".to_owned(),
        not_before: at(),
        cutoff: None,
        failure_code: failed.then(|| "code".to_owned()),
        failure_detail: failed.then(|| "detail".to_owned()),
        created_at: at(),
        updated_at: at(),
        ended_at: Some(at()),
        sweeps_done: 0,
        outcome: None,
        label: None,
        external_reference: None,
    }
}

#[test]
fn every_state_of_a_job_is_read_and_written_back() {
    for name in JobState::NAMES {
        let state = job(name).state().unwrap();
        assert_eq!(state.name(), name);
        let columns = JobStateColumns::new(&state, 2);
        assert_eq!((columns.state.as_str(), columns.version), (name, 2));
        assert_eq!(columns.ended_at.is_some(), state.ended(), "{name}");
        assert_eq!(columns.failure_code.is_some(), name == "failed");
        assert_eq!(ENDED_JOBS.contains(&name), state.ended(), "{name}");
    }
    assert!(matches!(job("strange").state(), Err(StoreError::Corrupt(_))));
}

#[test]
fn every_state_of_a_step_is_read_and_written_back() {
    let lease = Lease { epoch: 7, owner: "w".to_owned(), expires_at: at() };
    let reason = FailureReason::new("code", "detail");
    for state in [
        StepState::Waiting,
        StepState::Due { attempts: 2, not_before: at(), pause: None },
        StepState::Due { attempts: 2, not_before: at(), pause: Some(Pause::Failed(reason.clone())) },
        StepState::Due { attempts: 2, not_before: at(), pause: Some(Pause::Waits(reason.clone())) },
        StepState::Running { attempts: 3, lease },
        StepState::Completed { at: at() },
        StepState::Failed { at: at(), reason },
        StepState::Cancelled { at: at() },
    ] {
        let columns = StepStateColumns::new(&state, 3);
        let row = StepRow {
            job_id: Uuid::nil(),
            step_no: 1,
            organisation_id: "acme".to_owned(),
            phase: 0,
            kind: "plan_export".to_owned(),
            collection: None,
            part_no: None,
            rows_planned: 0,
            rows_done: 0,
            bytes_done: 0,
            state: columns.state,
            attempts: columns.attempts,
            not_before: columns.not_before,
            epoch: 7,
            lease_owner: columns.lease_owner,
            lease_expires_at: columns.lease_expires_at,
            failure_code: columns.failure_code,
            failure_detail: columns.failure_detail,
            started_at: None,
            ended_at: columns.ended_at,
            skip_reason: None,
            waits: columns.waits,
            waived_reason: None,
        };
        assert_eq!(row.state().unwrap(), state);
    }
}
