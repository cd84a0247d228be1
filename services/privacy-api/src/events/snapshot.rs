//! What the hub last saw of a job.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use contracts::http::{ProgressEvent, TimelineEntry};
use store::JobGlance;

use super::rate::Window;

/// A job as its watchers are told of it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// How far it is.
    pub progress: ProgressEvent,
    /// Every change so far: the first leads to version 1, and none is missing.
    pub changes: Arc<Vec<TimelineEntry>>,
    /// Whether the job has ended.
    pub ended: bool,
}

impl Snapshot {
    /// Whether there is nothing more to tell: the job has ended, and all of its changes are here.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.ended && known(&self.changes) >= self.progress.version
    }

    /// The changes behind `version`.
    pub(super) fn changes_behind(&self, version: i64) -> impl Iterator<Item = &TimelineEntry> {
        self.changes.iter().filter(move |change| change.version.is_some_and(|own| own > version))
    }
}

/// Puts one look after the other together.
#[derive(Debug, Default)]
pub(super) struct Watching {
    window: Window,
    changes: Arc<Vec<TimelineEntry>>,
    last: Option<ProgressEvent>,
}

impl Watching {
    /// The version up to which changes are known.
    pub fn known(&self) -> i64 {
        known(&self.changes)
    }

    /// Takes one look; `None` when nothing has changed since the last.
    pub fn take(&mut self, glance: JobGlance, now: Instant, clock: DateTime<Utc>) -> Option<Snapshot> {
        let news = !glance.changes.is_empty();
        if news {
            Arc::make_mut(&mut self.changes).extend(glance.changes);
        }
        let ended = glance.summary.ended_at.is_some();
        self.window.note(now, glance.progress.rows_done, glance.progress.bytes_done);
        let (rows_per_second, bytes_per_second) = if ended { (0, 0) } else { self.window.per_second() };
        let mut progress = ProgressEvent {
            state: glance.summary.state,
            status: glance.summary.status,
            version: glance.summary.version,
            progress: glance.progress,
            rows_per_second,
            bytes_per_second,
            estimated_end_at: self.last.as_ref().and_then(|last| last.estimated_end_at),
        };
        // The estimate alone is no news: it moves by itself.
        if !news && self.last.as_ref() == Some(&progress) {
            return None;
        }
        progress.estimated_end_at = estimated_end_at(&progress, clock);
        self.last = Some(progress.clone());
        Some(Snapshot { progress, changes: Arc::clone(&self.changes), ended })
    }
}

/// The changes are those of versions 1, 2, 3 …
fn known(changes: &[TimelineEntry]) -> i64 {
    changes.last().and_then(|change| change.version).unwrap_or(0)
}

/// When the rows that are left will have been read; `None` when nothing is left or nothing moves.
fn estimated_end_at(event: &ProgressEvent, clock: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let left = event.progress.rows_planned.saturating_sub(event.progress.rows_done);
    if left <= 0 || event.rows_per_second <= 0 {
        return None;
    }
    let seconds = left.checked_div(event.rows_per_second)?.saturating_add(1);
    clock.checked_add_signed(TimeDelta::try_seconds(seconds)?).map(|at| at.trunc_subsecs(0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contracts::http::{JobSummary, Progress, Status};

    use super::*;

    fn glance(rows_done: i64, version: i64, changes: &[i64]) -> JobGlance {
        let change = |version: &i64| TimelineEntry {
            version: Some(*version),
            action: "job.started".to_owned(),
            outcome: "success".to_owned(),
            step_no: None,
            actor: "w".to_owned(),
            occurred_at: DateTime::UNIX_EPOCH,
        };
        let ended = version == 9;
        JobGlance {
            summary: JobSummary {
                id: uuid::Uuid::nil(),
                kind: "export".to_owned(),
                state: if ended { "completed" } else { "running" }.to_owned(),
                status: if ended { Status::Completed } else { Status::InProgress },
                version,
                created_at: DateTime::UNIX_EPOCH,
                updated_at: DateTime::UNIX_EPOCH,
                ended_at: ended.then_some(DateTime::UNIX_EPOCH),
                not_before: None,
                outcome: None,
                about: None,
            },
            progress: Progress {
                rows_done,
                rows_planned: 1_000,
                bytes_done: rows_done * 2,
                collections: vec![],
            },
            changes: changes.iter().map(change).collect(),
        }
    }

    #[test]
    fn a_look_is_news_when_anything_but_the_estimate_has_changed() {
        let (mut watching, begin) = (Watching::default(), Instant::now());
        let at = |tenths: u32| (begin + Duration::from_millis(100) * tenths, DateTime::UNIX_EPOCH);
        let (now, clock) = at(0);
        assert!(watching.take(glance(0, 2, &[1, 2]), now, clock).is_some());
        let (now, clock) = at(1);
        assert!(watching.take(glance(0, 2, &[]), now, clock).is_none());
        let (now, clock) = at(10);
        let moved = watching.take(glance(100, 2, &[]), now, clock).unwrap().progress;
        assert_eq!((moved.rows_per_second, moved.bytes_per_second), (100, 200));
        assert_eq!(moved.estimated_end_at, Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(10)));
        let later = DateTime::UNIX_EPOCH + TimeDelta::seconds(1);
        let (now, _) = at(20);
        assert!(watching.take(glance(200, 2, &[]), now, later).is_some());
    }

    #[test]
    fn the_last_look_is_the_one_with_all_changes_of_an_ended_job() {
        let mut watching = Watching::default();
        let mut take = |glance| watching.take(glance, Instant::now(), DateTime::UNIX_EPOCH).unwrap();
        assert!(!take(glance(0, 2, &[1, 2])).is_last());
        let missing = take(glance(1_000, 9, &[3, 4]));
        assert!(missing.ended && !missing.is_last());
        let last = take(glance(1_000, 9, &[5, 6, 7, 8, 9]));
        assert!(last.is_last());
        assert_eq!((last.progress.rows_per_second, last.progress.estimated_end_at), (0, None));
        let behind: Vec<_> = last.changes_behind(7).filter_map(|change| change.version).collect();
        assert_eq!(behind, [8, 9]);
    }
}
