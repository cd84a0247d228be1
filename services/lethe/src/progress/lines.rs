//! Progress as lines of a log, few enough to read.

use std::time::{Duration, Instant};

use contracts::http::JobView;

use crate::output::Output;
use crate::text::amount::{count, per_cent, size};

/// Between two lines about the same state.
const PAUSE: Duration = Duration::from_secs(5);

/// Progress of one job.
#[derive(Debug, Default)]
pub(super) struct JobLines {
    last: Option<(String, Instant)>,
}

impl JobLines {
    pub(super) fn show(&mut self, job: &JobView, output: &mut Output) {
        let (state, now) = (&job.summary.state, Instant::now());
        let repeats = |(last, at): &(String, Instant)| last == state && now.duration_since(*at) < PAUSE;
        if self.last.as_ref().is_some_and(repeats) {
            return;
        }
        self.last = Some((state.clone(), now));
        output.remark(line(job));
    }
}

fn line(job: &JobView) -> String {
    let progress = &job.progress;
    let state = &job.summary.state;
    if progress.rows_planned == 0 {
        return state.clone();
    }
    let (done, planned) = (progress.rows_done, progress.rows_planned);
    let share = per_cent(done, planned);
    format!("{state}: {} of {} rows ({share} %), {}", count(done), count(planned), size(progress.bytes_done))
}
