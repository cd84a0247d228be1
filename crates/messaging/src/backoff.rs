//! How long to wait before the next attempt to connect.

use std::time::Duration;

use rand::Rng;

/// Waits that double from a quarter or half of a second to half a minute.
///
/// Each is drawn from the upper half of its step, so that services that lost the broker together do
/// not come back together.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(30);

    /// The wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let step = self.step();
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Starts over after something worked.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    fn step(&self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        Self::FIRST.saturating_mul(factor).min(Self::LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_between_a_quarter_second_and_half_a_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..100).map(|_| backoff.next()).collect();
        assert!(waits.iter().all(|wait| (Duration::from_millis(250)..=Backoff::LONGEST).contains(wait)));
        assert!(waits[99] >= Duration::from_secs(15));
        backoff.reset();
        assert!(backoff.next() <= Backoff::FIRST);
    }
}
