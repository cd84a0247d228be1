//! Notices a consumer that the broker has forgotten, or that has forgotten the broker.
//!
//! Such a consumer looks idle: connected, no error, no message. It is told from an idle one by
//! messages waiting in its queue while it has room for them.

use std::time::Duration;

use tokio::time::Instant;

use crate::declare::Depth;

/// What one look at the queue and the consumer showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) depth: Depth,
    /// Whether a handler could start.
    pub(crate) room: bool,
    /// Deliveries this consumer has had since it was registered.
    pub(crate) deliveries: u64,
}

/// Remembers since when a consumer has looked forgotten.
#[derive(Debug)]
pub(crate) struct Watchdog {
    stale_after: Duration,
    /// Whether other consumers may rightly get everything.
    single_active: bool,
    deliveries: u64,
    suspect_since: Option<Instant>,
}

impl Watchdog {
    pub(crate) fn new(stale_after: Duration, single_active: bool) -> Self {
        Self { stale_after, single_active, deliveries: 0, suspect_since: None }
    }

    /// Takes in one look; true when the consumer has looked forgotten at every look for long enough.
    pub(crate) fn is_stale(&mut self, look: Look, now: Instant) -> bool {
        let moved = look.deliveries > self.deliveries;
        self.deliveries = look.deliveries;
        if moved || !look.room || look.depth.messages == 0 || self.in_reserve(look) {
            self.suspect_since = None;
            return false;
        }
        let since = *self.suspect_since.get_or_insert(now);
        now.duration_since(since) >= self.stale_after
    }

    /// With a single active consumer, one that has never had a delivery waits for its turn as long as
    /// the queue has a consumer. Quorum queues count only the active one, so that a consumer in
    /// reserve looks no different from one that is active and gets nothing.
    fn in_reserve(&self, look: Look) -> bool {
        self.single_active && look.deliveries == 0 && look.depth.consumers > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALE_AFTER: Duration = Duration::from_secs(120);

    fn look(messages: u32, deliveries: u64) -> Look {
        Look { depth: Depth { messages, consumers: 1 }, room: true, deliveries }
    }

    /// Looks every 30 seconds; the index of the look that found the consumer stale.
    fn watch(single_active: bool, looks: &[Look]) -> Option<usize> {
        let mut watchdog = Watchdog::new(STALE_AFTER, single_active);
        let start = Instant::now();
        looks
            .iter()
            .zip(0..)
            .position(|(look, index)| watchdog.is_stale(*look, start + Duration::from_secs(30) * index))
    }

    #[test]
    fn messages_waiting_for_two_minutes_are_a_forgotten_consumer() {
        assert_eq!(watch(false, &[look(3, 0); 6]), Some(4));
    }

    #[test]
    fn an_empty_queue_is_no_reason() {
        assert_eq!(watch(false, &[look(0, 0); 50]), None);
    }

    #[test]
    fn a_delivery_starts_the_clock_again() {
        let mut looks = [look(3, 0); 8];
        looks[3] = look(3, 1);
        for later in &mut looks[4..] {
            *later = look(3, 1);
        }
        assert_eq!(watch(false, &looks), None);
        let busy: Vec<Look> = (0..50).map(|deliveries| look(3, deliveries)).collect();
        assert_eq!(watch(false, &busy), None);
    }

    #[test]
    fn full_hands_are_no_reason() {
        let full = Look { room: false, ..look(3, 0) };
        assert_eq!(watch(false, &[full; 50]), None);
    }

    #[test]
    fn a_consumer_in_reserve_waits_for_ever() {
        assert_eq!(watch(true, &[look(3, 0); 50]), None);
    }

    #[test]
    fn the_active_one_does_not() {
        assert_eq!(watch(true, &[look(3, 9); 7]), Some(5));
    }

    #[test]
    fn a_queue_without_any_consumer_has_forgotten_this_one() {
        let mut forgotten = look(3, 0);
        forgotten.depth.consumers = 0;
        assert_eq!(watch(true, &[forgotten; 6]), Some(4));
    }
}
