//! Flat rows on one side, the domain's enums on the other.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::job::law::{JobFacts, StepFacts};
use domain::job::{
    FailureReason, JobAbout, JobKind, JobName, JobNames, JobOutcome, JobState, Lease, Pause, StepKind,
    StepState,
};
use uuid::Uuid;

use crate::error::StoreError;
use crate::schema::{job_steps, privacy_jobs};

/// The names of the states in which a job has ended: those that the index of equal open jobs leaves out.
pub(crate) const ENDED_JOBS: [&str; 4] = ["completed", "failed", "cancelled", "expired"];

/// A job's row, as far as decisions need it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = privacy_jobs)]
pub(crate) struct JobRow {
    pub id: Uuid,
    pub organisation_id: String,
    pub kind: String,
    pub state: String,
    pub version: i64,
    pub request: serde_json::Value,
    pub requested_by: String,
    pub not_before: DateTime<Utc>,
    pub cutoff: Option<DateTime<Utc>>,
    pub failure_code: Option<String>,
    pub failure_detail: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub sweeps_done: i32,
    pub outcome: Option<String>,
    pub label: Option<String>,
    pub external_reference: Option<String>,
}

impl JobRow {
    pub fn kind(&self) -> Result<JobKind, StoreError> {
        JobKind::parse(&self.kind)
            .ok_or_else(|| StoreError::corrupt(format!("unknown kind of job `{}`", self.kind)))
    }

    /// As far as the row tells: of a job that is planned it is taken that something may have changed. Its steps
    /// say so more exactly.
    pub fn facts(&self) -> Result<JobFacts, StoreError> {
        Ok(JobFacts { kind: self.kind()?, state: self.state()?, begun: self.cutoff.is_some() })
    }

    /// What the job is.
    pub fn about(&self) -> Result<JobAbout, StoreError> {
        let names =
            JobNames { label: name(&self.label)?, external_reference: name(&self.external_reference)? };
        Ok(JobAbout::of(self.kind()?, &self.request, names))
    }

    /// What came of the job, where planning has found that there is more to say than its state.
    pub fn outcome(&self) -> Result<Option<JobOutcome>, StoreError> {
        let unknown = |name: &str| StoreError::corrupt(format!("unknown outcome of a job `{name}`"));
        let parse = |name: &String| JobOutcome::parse(name).ok_or_else(|| unknown(name));
        self.outcome.as_ref().map(parse).transpose()
    }

    pub fn state(&self) -> Result<JobState, StoreError> {
        let ended = || {
            self.ended_at.ok_or_else(|| StoreError::corrupt(format!("job {} ended without a time", self.id)))
        };
        Ok(match self.state.as_str() {
            "awaiting_approval" => JobState::AwaitingApproval,
            "scheduled" => JobState::Scheduled { not_before: self.not_before },
            "pending" => JobState::Pending,
            "running" => JobState::Running,
            "retrying" => JobState::Retrying,
            "on_hold" => JobState::OnHold,
            "verifying" => JobState::Verifying,
            "completed" => JobState::Completed { at: ended()? },
            "cancelled" => JobState::Cancelled { at: ended()? },
            "expired" => JobState::Expired { at: ended()? },
            "failed" => {
                JobState::Failed { at: ended()?, reason: reason(&self.failure_code, &self.failure_detail) }
            }
            other => return Err(StoreError::corrupt(format!("unknown state of a job `{other}`"))),
        })
    }
}

/// The columns of a job that its state decides.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = privacy_jobs, treat_none_as_null = true)]
pub(crate) struct JobStateColumns {
    state: String,
    version: i64,
    failure_code: Option<String>,
    failure_detail: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    /// Whatever it left behind is looked at anew after each end.
    sweeps_done: i32,
}

impl JobStateColumns {
    pub fn new(state: &JobState, version: i64) -> Self {
        let (ended_at, failure) = match state {
            JobState::Completed { at } | JobState::Cancelled { at } | JobState::Expired { at } => {
                (Some(*at), None)
            }
            JobState::Failed { at, reason } => (Some(*at), Some(reason.clone())),
            _ => (None, None),
        };
        let (failure_code, failure_detail) = split(failure);
        let state = state.name().to_owned();
        Self { state, version, failure_code, failure_detail, ended_at, sweeps_done: 0 }
    }
}

/// A step's row, as far as decisions need it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = job_steps)]
pub(crate) struct StepRow {
    pub job_id: Uuid,
    pub step_no: i32,
    pub organisation_id: String,
    pub phase: i32,
    pub kind: String,
    pub collection: Option<String>,
    pub part_no: Option<i32>,
    pub rows_planned: i64,
    pub rows_done: i64,
    pub bytes_done: i64,
    pub state: String,
    pub attempts: i32,
    pub not_before: Option<DateTime<Utc>>,
    pub epoch: i64,
    pub lease_owner: Option<String>,
    pub lease_expires_at: Option<DateTime<Utc>>,
    pub failure_code: Option<String>,
    pub failure_detail: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub skip_reason: Option<String>,
    pub waits: bool,
    pub waived_reason: Option<String>,
}

impl StepRow {
    pub fn kind(&self) -> Result<StepKind, StoreError> {
        StepKind::parse(&self.kind)
            .ok_or_else(|| StoreError::corrupt(format!("unknown kind of step `{}`", self.kind)))
    }

    pub fn facts(&self) -> Result<StepFacts, StoreError> {
        Ok(StepFacts { kind: self.kind()?, state: self.state()? })
    }

    pub fn state(&self) -> Result<StepState, StoreError> {
        let missing = |what: &str| {
            StoreError::corrupt(format!("step {} of job {} has no {what}", self.step_no, self.job_id))
        };
        let attempts = u32::try_from(self.attempts).unwrap_or(0);
        let ended = || self.ended_at.ok_or_else(|| missing("end"));
        Ok(match self.state.as_str() {
            "waiting" => StepState::Waiting,
            "due" => StepState::Due {
                attempts,
                not_before: self.not_before.ok_or_else(|| missing("time"))?,
                pause: self.failure_code.is_some().then(|| {
                    let pause = if self.waits { Pause::Waits } else { Pause::Failed };
                    pause(reason(&self.failure_code, &self.failure_detail))
                }),
            },
            "running" => StepState::Running {
                attempts,
                lease: Lease {
                    epoch: self.epoch,
                    owner: self.lease_owner.clone().ok_or_else(|| missing("holder"))?,
                    expires_at: self.lease_expires_at.ok_or_else(|| missing("lease"))?,
                },
            },
            "completed" => StepState::Completed { at: ended()? },
            "failed" => {
                StepState::Failed { at: ended()?, reason: reason(&self.failure_code, &self.failure_detail) }
            }
            "cancelled" => StepState::Cancelled { at: ended()? },
            other => return Err(StoreError::corrupt(format!("unknown state of a step `{other}`"))),
        })
    }
}

/// The columns of a step that its state decides. `epoch` is not among them: only a claim moves it.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = job_steps, treat_none_as_null = true)]
pub(crate) struct StepStateColumns {
    state: String,
    attempts: i32,
    not_before: Option<DateTime<Utc>>,
    lease_owner: Option<String>,
    lease_expires_at: Option<DateTime<Utc>>,
    failure_code: Option<String>,
    failure_detail: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    waits: bool,
}

impl StepStateColumns {
    /// The columns for `state`; a step that ends keeps the attempts it was `previously` at.
    pub fn new(state: &StepState, previously: i32) -> Self {
        let mut columns = Self {
            state: state.name().to_owned(),
            attempts: previously,
            not_before: None,
            lease_owner: None,
            lease_expires_at: None,
            failure_code: None,
            failure_detail: None,
            ended_at: None,
            waits: state.waits(),
        };
        match state {
            StepState::Waiting => columns.attempts = 0,
            StepState::Due { attempts, not_before, pause } => {
                columns.attempts = i32::try_from(*attempts).unwrap_or(i32::MAX);
                columns.not_before = Some(*not_before);
                (columns.failure_code, columns.failure_detail) =
                    split(pause.as_ref().map(|pause| pause.reason().clone()));
            }
            StepState::Running { attempts, lease } => {
                columns.attempts = i32::try_from(*attempts).unwrap_or(i32::MAX);
                columns.lease_owner = Some(lease.owner.clone());
                columns.lease_expires_at = Some(lease.expires_at);
            }
            StepState::Completed { at } | StepState::Cancelled { at } => columns.ended_at = Some(*at),
            StepState::Failed { at, reason } => {
                columns.ended_at = Some(*at);
                (columns.failure_code, columns.failure_detail) = split(Some(reason.clone()));
            }
        }
        columns
    }
}

fn name(text: &Option<String>) -> Result<Option<JobName>, StoreError> {
    let parse = |text: &String| {
        JobName::parse(text).map_err(|_| StoreError::corrupt("a label or a reference of a job is none"))
    };
    text.as_ref().map(parse).transpose()
}

fn split(reason: Option<FailureReason>) -> (Option<String>, Option<String>) {
    reason.map(|reason| (reason.code, reason.detail)).unzip()
}

fn reason(code: &Option<String>, detail: &Option<String>) -> FailureReason {
    FailureReason::new(code.as_deref().unwrap_or("unknown"), detail.clone().unwrap_or_default())
}

#[cfg(test)]
mod tests;
