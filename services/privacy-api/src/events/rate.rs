//! How fast a job gets on, over the last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is that of so long a time: long enough to be calm, short enough to show a change.
const SPAN: Duration = Duration::from_secs(10);
/// A shorter time says nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// What was done by when, as far back as counts.
#[derive(Debug, Default)]
pub(super) struct Window(VecDeque<(Instant, i64, i64)>);

impl Window {
    /// Notes what is done at `now`. Less than before is a new beginning.
    pub fn note(&mut self, now: Instant, rows: i64, bytes: i64) {
        if self.0.back().is_some_and(|(_, before, _)| rows < *before) {
            self.0.clear();
        }
        self.0.push_back((now, rows, bytes));
        // The first one stays until the second is old enough to take its place.
        while self.0.get(1).is_some_and(|(at, ..)| now.duration_since(*at) >= SPAN) {
            self.0.pop_front();
        }
    }

    /// Rows and bytes a second.
    pub fn per_second(&self) -> (i64, i64) {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else {
            return (0, 0);
        };
        let took = last.0.duration_since(first.0);
        let rate = |from: i64, to: i64| {
            let done = i128::from(to.saturating_sub(from).max(0)).saturating_mul(1_000);
            let millis = i128::try_from(took.as_millis()).unwrap_or(i128::MAX);
            i64::try_from(done.checked_div(millis).unwrap_or(0)).unwrap_or(i64::MAX)
        };
        if took < SHORTEST { (0, 0) } else { (rate(first.1, last.1), rate(first.2, last.2)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let (mut window, begin) = (Window::default(), Instant::now());
        assert_eq!(window.per_second(), (0, 0));
        let mut done = 0;
        for tick in 0..200_u32 {
            // Four times as fast from the middle on.
            done += if tick < 100 { 25 } else { 100 };
            window.note(begin + Duration::from_millis(250) * tick, done, done * 10);
            if tick == 90 {
                assert_eq!(window.per_second(), (100, 1_000));
            }
        }
        assert_eq!(window.per_second(), (400, 4_000));
        assert!(window.0.len() < 50);
    }

    #[test]
    fn a_stop_and_a_new_beginning_are_seen() {
        let (mut window, begin) = (Window::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        window.note(at(0), 0, 0);
        window.note(at(1), 500, 5);
        assert_eq!(window.per_second(), (500, 5));
        window.note(at(5), 500, 5);
        assert_eq!(window.per_second(), (100, 1));
        window.note(at(30), 500, 5);
        assert_eq!(window.per_second(), (0, 0));
        window.note(at(31), 100, 1);
        assert_eq!(window.per_second(), (0, 0), "a step that is tried again begins anew");
        window.note(at(32), 300, 2);
        assert_eq!(window.per_second(), (200, 1));
    }
}
