//! Progress as lines of a log, few enough to read.

use std::time::{Duration, Instant};

use super::bars::paced;
use super::seen::Seen;
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
    pub(super) fn show(&mut self, seen: &Seen, output: &mut Output) {
        let (state, now) = (&seen.state, Instant::now());
        let repeats = |(last, at): &(String, Instant)| last == state && now.duration_since(*at) < PAUSE;
        if self.last.as_ref().is_some_and(repeats) {
            return;
        }
        self.last = Some((state.clone(), now));
        output.remark(line(seen));
    }
}

fn line(seen: &Seen) -> String {
    let Seen { state, progress, pace, .. } = seen;
    if progress.rows_planned == 0 {
        return state.clone();
    }
    let share = per_cent(progress.rows_done, progress.rows_planned);
    let (done, planned) = (count(progress.rows_done), count(progress.rows_planned));
    let amount = match seen.erases() {
        // Nothing is missing when a dry run has ended, which erases nothing.
        true if progress.rows_done == 0 => format!("{planned} rows planned"),
        true => format!("{done} of {planned} rows erased ({share} %)"),
        false => format!("{done} of {planned} rows ({share} %), {}", size(progress.bytes_done)),
    };
    let pace = pace.filter(|pace| pace.rows_per_second > 0);
    let pace = pace.map(|pace| format!(", {}", paced(&pace, seen.erases())));
    format!("{state}: {amount}{}", pace.unwrap_or_default())
}
