//! How long a command waits for something that does not answer.

use std::time::{Duration, Instant};

/// The first wait after a failure; doubled after each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Waits after failures, growing, until they have gone on for too long. The time is an argument.
#[derive(Debug, Clone)]
pub struct Patience {
    limit: Duration,
    failing_since: Option<Instant>,
    wait: Duration,
}

impl Patience {
    /// Patience for failures that go on for at most `limit`.
    #[must_use]
    pub fn of(limit: Duration) -> Self {
        Self { limit, failing_since: None, wait: FIRST_WAIT }
    }

    /// Something worked: whatever fails next starts anew.
    pub fn restore(&mut self) {
        *self = Self::of(self.limit);
    }

    /// Something failed at `now`: how long to wait before the next try, or `None` when it has failed for too long.
    ///
    /// `asked` is the wait that the other side asks for.
    pub fn fail(&mut self, now: Instant, asked: Option<Duration>) -> Option<Duration> {
        let since = *self.failing_since.get_or_insert(now);
        let wait = self.wait.max(asked.unwrap_or_default());
        if now.duration_since(since) + wait > self.limit {
            return None;
        }
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Some(wait)
    }

    /// Whether something fails at the moment.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_with_the_limit() {
        let mut patience = Patience::of(Duration::from_secs(60));
        let mut now = Instant::now();
        let begin = now;
        let mut waits = Vec::new();
        while let Some(wait) = patience.fail(now, None) {
            waits.push(wait.as_millis());
            now += wait;
        }
        assert_eq!(waits.get(..6).unwrap(), [250, 500, 1000, 2000, 4000, 5000]);
        assert!(now - begin <= Duration::from_secs(60) && now - begin > Duration::from_secs(54));
    }

    #[test]
    fn success_restores_it_and_a_wish_is_granted() {
        let mut patience = Patience::of(Duration::from_secs(10));
        let now = Instant::now();
        assert_eq!(patience.fail(now, Some(Duration::from_secs(3))), Some(Duration::from_secs(3)));
        assert!(patience.is_failing());
        assert_eq!(patience.fail(now, Some(Duration::from_secs(11))), None);
        patience.restore();
        assert!(!patience.is_failing());
        assert_eq!(patience.fail(now + Duration::from_secs(99), None), Some(FIRST_WAIT));
    }
}
