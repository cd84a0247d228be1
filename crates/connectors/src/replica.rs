//! Reading from a replica: what it has replayed, and whether that is enough.
//!
//! Whether a server is a replica is asked of the server, not of the settings: the address of a
//! store may lead to one unawares. The answer must be had before the snapshot is taken. A snapshot
//! holds what was replayed until then, so what is asked afterwards may be younger than it is.

use chrono::{DateTime, Utc};
use deadpool_postgres::ClientWrapper;

use crate::error::{StoreError, StoreErrorKind};

/// How far a server is with what its primary has committed.
///
/// The primary stamps each commit with its clock, so what was committed by the stamp of the last
/// one that was replayed is there. An idle primary stamps nothing: then all is there when nothing
/// received is left to replay and the connection to the primary stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replay {
    pub(crate) in_recovery: bool,
    /// The server's own clock.
    pub(crate) clock: DateTime<Utc>,
    /// The stamp of the last commit that was replayed since the server started.
    pub(crate) replayed_at: Option<DateTime<Utc>>,
    /// Whether nothing received is left to replay, and more is being received.
    pub(crate) caught_up: bool,
}

/// Receiving is asked before replaying, so that equality means that all of it was replayed. The
/// receiver's process is all that a role without `pg_read_all_stats` may see of it.
const REPLAY: &str = "\
SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.clock_timestamp(), pg_catalog.pg_last_xact_replay_timestamp(),
       COALESCE(pg_catalog.pg_last_wal_receive_lsn() OPERATOR(pg_catalog.=) pg_catalog.pg_last_wal_replay_lsn(), false)
           AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver r WHERE r.pid IS NOT NULL)";

impl Replay {
    /// Asks the server.
    pub(crate) async fn of(client: &ClientWrapper, store: &str) -> Result<Self, StoreError> {
        let failed = |error| StoreError::driver(store, error);
        let row = client.query_typed_one(REPLAY, &[]).await.map_err(failed)?;
        Ok(Self {
            in_recovery: row.try_get(0).map_err(failed)?,
            clock: row.try_get(1).map_err(failed)?,
            replayed_at: row.try_get(2).map_err(failed)?,
            caught_up: row.try_get(3).map_err(failed)?,
        })
    }

    /// Until when all rows are there, by clocks that may differ; `None` when that cannot be said.
    pub(crate) fn until(&self) -> Option<DateTime<Utc>> {
        match self.replayed_at {
            _ if !self.in_recovery => Some(self.clock),
            Some(replayed_at) => Some(self.clock.min(replayed_at)),
            None => self.caught_up.then_some(self.clock),
        }
    }

    /// Whether a snapshot taken from now on holds every row up to the cutoff.
    pub(crate) fn holds(&self, cutoff_at: DateTime<Utc>) -> bool {
        !self.in_recovery
            || self.caught_up
            || self.replayed_at.is_some_and(|replayed_at| replayed_at >= cutoff_at)
    }

    /// A snapshot of this server would miss rows.
    pub(crate) fn behind(store: &str) -> StoreError {
        StoreError::new(store, StoreErrorKind::Behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> DateTime<Utc> {
        format!("2026-11-22T12:{minute:02}:00Z").parse().unwrap()
    }

    fn replica(clock: u32, replayed: Option<u32>, caught_up: bool) -> Replay {
        Replay { in_recovery: true, clock: at(clock), replayed_at: replayed.map(at), caught_up }
    }

    #[test]
    fn a_primary_holds_everything_by_its_own_clock() {
        let primary = Replay { in_recovery: false, ..replica(10, Some(1), false) };
        assert_eq!(primary.until(), Some(at(10)), "a stamp from before its promotion says nothing");
        assert!(primary.holds(at(59)));
    }

    #[test]
    fn a_replica_holds_what_it_has_replayed() {
        let lagging = replica(10, Some(8), false);
        assert_eq!(lagging.until(), Some(at(8)));
        assert!(lagging.holds(at(8)) && lagging.holds(at(7)) && !lagging.holds(at(9)));
        let ahead = replica(10, Some(12), false);
        assert_eq!(ahead.until(), Some(at(10)), "the primary's clock may be ahead of the replica's");
    }

    #[test]
    fn a_replica_of_an_idle_primary_holds_everything() {
        let idle = replica(10, Some(3), true);
        assert_eq!(idle.until(), Some(at(3)));
        assert!(idle.holds(at(10)));
        let restarted = replica(10, None, true);
        assert_eq!(restarted.until(), Some(at(10)));
        assert!(restarted.holds(at(10)));
    }

    #[test]
    fn a_replica_that_knows_nothing_holds_nothing() {
        let lost = replica(10, None, false);
        assert_eq!(lost.until(), None);
        assert!(!lost.holds(at(0)));
    }
}
