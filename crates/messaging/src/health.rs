//! What liveness and readiness may know of a consumer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The state of one consumer, written by it and read by probes.
///
/// Readiness may ask [`connected`](Self::connected). Liveness must ask only
/// [`since_last_tick`](Self::since_last_tick): a broker that is away is no reason to restart a service.
#[derive(Debug)]
pub struct ConsumerHealth {
    origin: Instant,
    connected: AtomicBool,
    /// Milliseconds after `origin`.
    last_tick: AtomicU64,
    /// Milliseconds after `origin`, plus one; 0 before the first delivery.
    last_delivery: AtomicU64,
}

impl Default for ConsumerHealth {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            connected: AtomicBool::new(false),
            last_tick: AtomicU64::new(0),
            last_delivery: AtomicU64::new(0),
        }
    }
}

impl ConsumerHealth {
    /// Whether the consumer is registered with the broker.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Time since the consumer's task last ran; it runs about every second unless it is stuck.
    #[must_use]
    pub fn since_last_tick(&self) -> Duration {
        let tick = Duration::from_millis(self.last_tick.load(Ordering::Relaxed));
        self.origin.elapsed().saturating_sub(tick)
    }

    /// Time since the last delivery, if there has been one.
    #[must_use]
    pub fn since_last_delivery(&self) -> Option<Duration> {
        let after = self.last_delivery.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.origin.elapsed().saturating_sub(Duration::from_millis(after)))
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    pub(crate) fn tick(&self) {
        self.last_tick.store(self.now(), Ordering::Relaxed);
    }

    pub(crate) fn delivered(&self) {
        let now = self.now().saturating_add(1);
        self.last_delivery.store(now, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_measured_from_the_last_event() {
        let health =
            ConsumerHealth { origin: Instant::now() - Duration::from_secs(100), ..ConsumerHealth::default() };
        assert!(health.since_last_tick() >= Duration::from_secs(100));
        assert_eq!(health.since_last_delivery(), None);
        health.tick();
        health.delivered();
        assert!(health.since_last_tick() < Duration::from_secs(50));
        assert!(health.since_last_delivery().unwrap() < Duration::from_secs(50));
    }
}
