//! Progress as bars on a terminal.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use contracts::http::{CollectionProgress, JobView};
use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::text::amount::{natural, size};
use crate::text::plain;

/// Bars that fit on most terminals. Where there are more collections, only those under way have one.
const MOST_BARS: usize = 16;
/// How often rates and remaining times are computed anew.
const TICK: Duration = Duration::from_millis(200);

const OVERALL: &str =
    "{spinner} {prefix:.bold} {bar:30.cyan/dim} {human_pos} of {human_len} rows  {msg}  {rate}/s  eta {eta}";
const PART: &str = "  {prefix:32!} {bar:20.green/dim} {human_pos:>12} of {human_len}  {msg}";
const BYTES: &str =
    "{prefix} {bar:30.cyan/dim} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  eta {eta}";

/// Bars of one job: one over all, one per collection.
pub(super) struct JobBars {
    all: MultiProgress,
    overall: ProgressBar,
    parts: BTreeMap<String, ProgressBar>,
}

impl JobBars {
    pub(super) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let overall = all.add(ProgressBar::new(0).with_style(style(OVERALL)));
        overall.enable_steady_tick(TICK);
        Self { all, overall, parts: BTreeMap::new() }
    }

    pub(super) fn show(&mut self, job: &JobView) {
        let progress = &job.progress;
        self.overall.set_prefix(plain(&job.summary.state).into_owned());
        self.overall.set_length(natural(progress.rows_planned));
        self.overall.set_position(natural(progress.rows_done));
        self.overall.set_message(size(progress.bytes_done));
        let room_for_all = progress.collections.len() <= MOST_BARS;
        for part in &progress.collections {
            self.show_part(part, room_for_all);
        }
    }

    fn show_part(&mut self, part: &CollectionProgress, room_for_all: bool) {
        let finished = part.rows_done >= part.rows_planned;
        if part.rows_planned == 0 && part.rows_done == 0 {
            return;
        }
        if !self.parts.contains_key(&part.collection) {
            if !room_for_all && (finished || self.parts.len() >= MOST_BARS) {
                return;
            }
            let bar = self.all.add(ProgressBar::new(0).with_style(style(PART)));
            bar.set_prefix(plain(&part.collection).into_owned());
            self.parts.insert(part.collection.clone(), bar);
        }
        let Some(bar) = self.parts.get(&part.collection) else {
            return;
        };
        bar.set_length(natural(part.rows_planned));
        bar.set_position(natural(part.rows_done));
        bar.set_message(size(part.bytes_done));
        if finished && !room_for_all {
            bar.finish_and_clear();
            self.all.remove(bar);
            self.parts.remove(&part.collection);
        }
    }

    pub(super) fn remark(&self, remark: &str) {
        // A terminal that takes no line takes no bar either.
        self.all.println(plain(remark)).ok();
    }

    pub(super) fn finish(&self, has_result: bool) {
        let end = if has_result { ProgressBar::finish_and_clear } else { ProgressBar::abandon };
        self.parts.values().for_each(end);
        end(&self.overall);
    }
}

/// A bar for `bytes` that go from one place to another; hidden unless somebody watches.
#[must_use]
pub fn byte_bar(name: &str, bytes: u64, shown: bool) -> ProgressBar {
    bar(BYTES, name, bytes, shown)
}

/// A bar for rows; hidden unless somebody watches.
#[must_use]
pub(crate) fn row_bar(name: &str, shown: bool) -> ProgressBar {
    bar(OVERALL, name, 0, shown)
}

fn bar(template: &str, name: &str, length: u64, shown: bool) -> ProgressBar {
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length), target).with_style(style(template));
    bar.set_prefix(plain(name).into_owned());
    bar
}

/// One of the templates above.
fn style(template: &str) -> ProgressStyle {
    // The templates are constants, and a test reads them all.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", rate)
        .progress_chars("█▉▊▋▌▍▎▏░")
}

/// Rows per second as a whole number; the library's own form has four digits after the point.
fn rate(state: &ProgressState, text: &mut dyn fmt::Write) {
    let whole = format!("{:.0}", state.per_sec()).parse().unwrap_or(0);
    // A bar that cannot be written is no reason to stop.
    write!(text, "{}", HumanCount(whole)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in [OVERALL, PART, BYTES] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
