//! How often a step is tried, and how long is waited in between.

use std::time::Duration;

use chrono::TimeDelta;

use super::kind::StepKind;

/// The retry policy of steps. One owner: nothing else in Lethe retries work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How many times a step is started before it fails for good; at least 1.
    pub max_attempts: u32,
    /// The wait after the first failed attempt; doubled after each further one.
    pub backoff_base: TimeDelta,
    /// The longest wait.
    pub backoff_cap: TimeDelta,
    /// The longest wait that somebody else can ask for, such as a provider by `Retry-After`.
    pub asked_cap: TimeDelta,
    /// The pause of a step that waits for something else, before it looks again.
    pub wait_pause: TimeDelta,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_attempts: 10,
            backoff_base: TimeDelta::seconds(2),
            backoff_cap: TimeDelta::minutes(10),
            asked_cap: TimeDelta::hours(24),
            wait_pause: TimeDelta::seconds(5),
        }
    }
}

impl Policy {
    /// A policy with the usual longest wait; at least one attempt.
    #[must_use]
    pub fn new(max_attempts: u32, backoff_base: Duration) -> Self {
        let default = Self::default();
        let backoff_base = TimeDelta::from_std(backoff_base).unwrap_or(default.backoff_cap);
        Self { max_attempts: max_attempts.max(1), backoff_base, ..default }
    }

    /// The policy for steps of a kind: those that wait for others are tried without end.
    #[must_use]
    pub fn of(&self, kind: StepKind) -> Self {
        let max_attempts = if kind.patient() { u32::MAX } else { self.max_attempts };
        Self { max_attempts, ..*self }
    }

    /// The wait after `attempts` failed attempts, and not less than what was asked for, up to its cap.
    #[must_use]
    pub fn wait(&self, attempts: u32, asked: TimeDelta) -> TimeDelta {
        self.backoff(attempts).max(asked.min(self.asked_cap))
    }

    /// The wait after `attempts` failed attempts (1 or more): `base · 2^(attempts − 1)`, capped.
    #[must_use]
    pub fn backoff(&self, attempts: u32) -> TimeDelta {
        let factor = 1_i32.checked_shl(attempts.saturating_sub(1)).filter(|factor| *factor > 0);
        factor
            .and_then(|factor| self.backoff_base.checked_mul(factor))
            .map_or(self.backoff_cap, |wait| wait.min(self.backoff_cap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let policy = Policy::default();
        let seconds: Vec<i64> =
            [1, 2, 3, 9, 10, 31, 32, 33, 4_000].map(|n| policy.backoff(n).num_seconds()).into();
        assert_eq!(seconds, [2, 4, 8, 512, 600, 600, 600, 600, 600]);
    }

    #[test]
    fn whoever_asks_for_a_pause_gets_it_up_to_a_day_and_never_a_shorter_one() {
        let policy = Policy::default();
        let waits = |attempts, asked| policy.wait(attempts, TimeDelta::seconds(asked)).num_seconds();
        assert_eq!(waits(1, 0), 2);
        assert_eq!(waits(1, 120), 120);
        assert_eq!(waits(9, 120), 512);
        assert_eq!(waits(1, 86_400 * 365), 86_400);
        assert_eq!(policy.wait(1, TimeDelta::MAX), TimeDelta::hours(24));
    }
}
