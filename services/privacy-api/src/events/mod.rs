//! What becomes of a job, told as it happens: server-sent events (WHATWG HTML, 9.2).
//!
//! A [`Hub`] looks at each watched job once, however many watch it; a [`Client`] turns what the hub
//! saw into the stream of one of them. [`Seats`] keep an organisation from taking all connections,
//! and [`Tickets`] open a stream for those who cannot send a header.

mod hub;
mod position;
mod rate;
mod seats;
mod snapshot;
mod stream;
mod ticket;
mod wire;

use std::time::Duration;

use secrecy::SecretString;
use store::Store;
use tokio::sync::watch;

pub use hub::Hub;
pub use position::Position;
pub use seats::{Seat, Seats};
pub use snapshot::Snapshot;
pub use stream::{Client, stream};
pub use ticket::{TICKET_VALIDITY, Tickets};

use crate::config::Limits;
use crate::derive::KeyFailure;

/// Everything that event streams share.
#[derive(Debug)]
pub struct Events {
    /// Looks at jobs.
    pub hub: Hub,
    /// Who may watch.
    pub seats: Seats,
    /// Makes and reads tickets.
    pub tickets: Tickets,
    /// The longest that a stream goes on.
    pub longest: Duration,
    /// How long a stream is silent at most.
    pub heartbeat: Duration,
    stopping: watch::Sender<bool>,
}

impl Events {
    /// Streams of the jobs in `store`; tickets under a key derived from `secret`.
    ///
    /// # Errors
    /// [`KeyFailure`], which cannot happen.
    pub fn new(store: Store, limits: &Limits, secret: &SecretString) -> Result<Self, KeyFailure> {
        Ok(Self {
            hub: Hub::new(store),
            seats: Seats::new(limits.event_streams),
            tickets: Tickets::new(secret)?,
            longest: limits.event_stream_duration,
            heartbeat: limits.event_heartbeat,
            stopping: watch::Sender::new(false),
        })
    }

    /// Ends every stream, now and from now on: their clients come back to another process.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }
}
