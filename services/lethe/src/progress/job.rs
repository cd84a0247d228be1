//! A job's progress, in the way that fits whoever watches.

use super::bars::JobBars;
use super::lines::JobLines;
use super::seen::Seen;
use crate::output::Output;

/// A job's progress.
pub struct JobProgress(Shown);

enum Shown {
    /// Nobody watches.
    Nothing,
    /// Somebody reads a log.
    Lines(JobLines),
    /// Somebody looks at a terminal.
    Bars(Box<JobBars>),
}

impl JobProgress {
    /// Nothing is shown yet.
    #[must_use]
    pub fn new(output: &Output) -> Self {
        Self(if output.draws() {
            Shown::Bars(Box::new(JobBars::new()))
        } else if output.shows_progress() {
            Shown::Lines(JobLines::default())
        } else {
            Shown::Nothing
        })
    }

    /// Shows the job as it is now.
    pub fn show(&mut self, seen: &Seen, output: &mut Output) {
        match &mut self.0 {
            Shown::Nothing => {}
            Shown::Lines(lines) => lines.show(seen, output),
            Shown::Bars(bars) => bars.show(seen),
        }
    }

    /// Says something beside the progress.
    pub fn remark(&self, remark: &str, output: &mut Output) {
        match &self.0 {
            Shown::Nothing => {}
            Shown::Lines(_) => output.remark(remark),
            Shown::Bars(bars) => bars.remark(remark),
        }
    }

    /// Makes room for the result, or leaves what was seen last when there will be none.
    pub fn finish(&self, has_result: bool) {
        if let Shown::Bars(bars) = &self.0 {
            bars.finish(has_result);
        }
    }
}
