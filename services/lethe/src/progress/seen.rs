//! What is seen of a job, whichever way it came.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::http::{JobView, Progress, ProgressEvent};
use domain::job::JobKind;

/// What is seen of a job, whichever way it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its state.
    pub state: String,
    /// Its kind, as far as it is known: whether rows are read or erased.
    pub kind: Option<JobKind>,
    /// How far it is.
    pub progress: Progress,
    /// How fast it gets on, when the API says so.
    pub pace: Option<Pace>,
}

/// How fast a job gets on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Rows a second.
    pub rows_per_second: i64,
    /// Bytes a second.
    pub bytes_per_second: i64,
    /// How long it will go on, as far as can be told.
    pub left: Option<TimeDelta>,
}

impl From<&JobView> for Seen {
    fn from(job: &JobView) -> Self {
        let kind = JobKind::parse(&job.summary.kind);
        Self { state: job.summary.state.clone(), kind, progress: job.progress.clone(), pace: None }
    }
}

impl Seen {
    /// What an event of a job of this kind says at `now`.
    #[must_use]
    pub fn of(event: &ProgressEvent, kind: Option<JobKind>, now: DateTime<Utc>) -> Self {
        let pace = Pace {
            rows_per_second: event.rows_per_second,
            bytes_per_second: event.bytes_per_second,
            left: event.estimated_end_at.map(|at| (at - now).max(TimeDelta::zero())),
        };
        Self { state: event.state.clone(), kind, progress: event.progress.clone(), pace: Some(pace) }
    }

    /// Whether rows are erased. They have no size then: none of them is written anywhere.
    #[must_use]
    pub fn erases(&self) -> bool {
        self.kind == Some(JobKind::Erasure)
    }
}
