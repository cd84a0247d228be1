//! For how long a report is tried again.

use tokio::time::Instant;

/// Tries for so long, and once more after that.
///
/// The last try begins when all the time is gone: a process that was suspended in the middle of one
/// finds, when it goes on, that its time and its connection are gone at once, and must still learn
/// whether its step is lost.
pub(super) struct Tries {
    until: Instant,
    last: bool,
}

impl Tries {
    pub fn until(until: Instant) -> Self {
        Self { until, last: false }
    }

    /// Says that a try begins; false when the last one has been.
    pub fn another(&mut self, now: Instant) -> bool {
        if self.last {
            return false;
        }
        self.last = now >= self.until;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TIME: Duration = Duration::from_secs(30);

    #[test]
    fn there_is_a_try_after_a_pause_that_took_all_the_time() {
        let began = Instant::now();
        let mut tries = Tries::until(began + TIME);
        assert!(tries.another(began));
        assert!(tries.another(began + TIME * 20), "the first may have failed because of the pause");
        assert!(!tries.another(began + TIME * 20));
    }

    #[test]
    fn tries_end_when_the_time_is_over() {
        let began = Instant::now();
        let mut tries = Tries::until(began + TIME);
        let made = (0..100).filter(|second| tries.another(began + Duration::from_secs(*second))).count();
        assert_eq!(made, 31, "one each second, the last at thirty");
    }
}
