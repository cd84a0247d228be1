//! Progress as bars on a terminal.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use contracts::http::CollectionProgress;
use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::seen::{Pace, Seen};
use crate::text::amount::{count, natural, size};
use crate::text::plain;
use crate::text::time::span;

/// Bars that fit on most terminals.
const MOST_BARS: usize = 16;
/// How often rates and remaining times are computed anew.
const TICK: Duration = Duration::from_millis(200);

const OVERALL: &str =
    "{spinner} {prefix:.bold} {bar:30.cyan/dim} {human_pos} of {human_len} rows  {msg}  {rate}/s  eta {eta}";
/// As above, with the rates that the API has measured.
const PACED: &str = "{spinner} {prefix:.bold} {bar:30.cyan/dim} {human_pos} of {human_len} rows  {msg}";
const PART: &str = "  {prefix:32!} {bar:20.green/dim} {human_pos:>12} of {human_len}  {msg}";
const BYTES: &str =
    "{prefix} {bar:30.cyan/dim} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  eta {eta}";

/// Bars of one job: one over all, one for each collection that is under way.
pub(super) struct JobBars {
    all: MultiProgress,
    overall: ProgressBar,
    parts: BTreeMap<String, ProgressBar>,
    paced: bool,
}

impl JobBars {
    pub(super) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let overall = all.add(ProgressBar::new(0).with_style(style(OVERALL)));
        overall.enable_steady_tick(TICK);
        Self { all, overall, parts: BTreeMap::new(), paced: false }
    }

    pub(super) fn show(&mut self, seen: &Seen) {
        let progress = &seen.progress;
        if self.paced != seen.pace.is_some() {
            self.paced = seen.pace.is_some();
            self.overall.set_style(style(if self.paced { PACED } else { OVERALL }));
        }
        self.overall.set_prefix(plain(&seen.state).into_owned());
        self.overall.set_length(natural(progress.rows_planned));
        self.overall.set_position(natural(progress.rows_done));
        // Of rows that are erased there is no size to tell.
        let erased = if progress.rows_done == 0 { "planned" } else { "erased" };
        let amount = |bytes| if seen.erases() { erased.to_owned() } else { size(bytes) };
        self.overall.set_message(match &seen.pace {
            None => amount(progress.bytes_done),
            Some(pace) => format!("{}  {}", amount(progress.bytes_done), paced(pace, seen.erases())),
        });
        for part in &progress.collections {
            self.show_part(part, amount(part.bytes_done));
        }
    }

    fn show_part(&mut self, part: &CollectionProgress, amount: String) {
        let is_under_way = part.rows_done > 0 && part.rows_done < part.rows_planned;
        if !is_under_way {
            if let Some(bar) = self.parts.remove(&part.collection) {
                bar.finish_and_clear();
                self.all.remove(&bar);
            }
            return;
        }
        if !self.parts.contains_key(&part.collection) {
            if self.parts.len() >= MOST_BARS {
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
        bar.set_message(amount);
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

/// Rates and what is left: `1,234 rows/s  1.20 MiB/s  eta 12.0 s`; of rows that are erased without their size.
pub(super) fn paced(pace: &Pace, erases: bool) -> String {
    let rows = format!("{} rows/s", count(pace.rows_per_second));
    let rates = if erases { rows } else { format!("{rows}  {}/s", size(pace.bytes_per_second)) };
    match pace.left {
        Some(left) => format!("{rates}  eta {}", span(left)),
        None => rates,
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
    use chrono::TimeDelta;
    use contracts::http::Progress;
    use domain::job::JobKind;

    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in [OVERALL, PACED, PART, BYTES] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    #[test]
    fn a_collection_has_a_bar_while_it_is_under_way() {
        let mut bars = JobBars::new();
        let mut show = |done: &[i64]| {
            let collections = done.iter().enumerate().map(|(number, done)| CollectionProgress {
                collection: format!("shop.c{number:02}"),
                rows_done: *done,
                rows_planned: 100,
                bytes_done: 1,
            });
            let (rows_done, rows_planned) = (done.iter().sum(), 1_000);
            let progress =
                Progress { rows_done, rows_planned, bytes_done: 0, collections: collections.collect() };
            bars.show(&Seen { state: "running".to_owned(), kind: None, progress, pace: None });
            bars.parts.keys().cloned().collect::<Vec<_>>()
        };
        assert!(show(&[0, 0, 0]).is_empty());
        assert_eq!(show(&[10, 0, 20]), ["shop.c00", "shop.c02"]);
        assert_eq!(show(&[100, 5, 20]), ["shop.c01", "shop.c02"]);
        assert_eq!(show(&[1; 40]).len(), MOST_BARS);
        assert!(show(&[100; 40]).is_empty());
    }

    #[test]
    fn rows_of_an_erasure_are_said_to_be_erased() {
        let mut bars = JobBars::new();
        let mut show = |kind| {
            let part = CollectionProgress {
                collection: "shop.orders".to_owned(),
                rows_done: 5,
                rows_planned: 10,
                bytes_done: 2_048,
            };
            let progress =
                Progress { rows_done: 5, rows_planned: 10, bytes_done: 2_048, collections: vec![part] };
            bars.show(&Seen { state: "running".to_owned(), kind, progress, pace: None });
            (bars.overall.message(), bars.parts["shop.orders"].message())
        };
        assert_eq!(show(Some(JobKind::Erasure)), ("erased".to_owned(), "erased".to_owned()));
        assert_eq!(show(Some(JobKind::Export)), ("2.00 KiB".to_owned(), "2.00 KiB".to_owned()));
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let mut pace = Pace { rows_per_second: 1_234, bytes_per_second: 1_258_291, left: None };
        assert_eq!(paced(&pace, false), "1,234 rows/s  1.20 MiB/s");
        pace.left = Some(TimeDelta::seconds(75));
        assert_eq!(paced(&pace, false), "1,234 rows/s  1.20 MiB/s  eta 1 min 15 s");
        assert_eq!(paced(&pace, true), "1,234 rows/s  eta 1 min 15 s");
    }
}
