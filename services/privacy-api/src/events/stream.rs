//! The stream of one client.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use contracts::http::{EndEvent, ProgressEvent};
use futures::Stream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::wire::{self, BYE, HEARTBEAT, RETRY};
use super::{Events, Position, Seat, Snapshot};

/// One client, as its stream needs to know it.
#[derive(Debug)]
pub struct Client {
    /// How far it was told before; the beginning when that is not known.
    pub from: Position,
    /// Until when its token is good.
    pub until: Option<DateTime<Utc>>,
    /// Whether the present state is all it wants.
    pub once: bool,
    /// Its place among the organisation's streams.
    pub seat: Seat,
}

/// The stream as it goes on.
struct Telling<E> {
    watched: watch::Receiver<Option<Arc<Snapshot>>>,
    stopping: watch::Receiver<bool>,
    position: Position,
    told: Option<ProgressEvent>,
    deadline: Instant,
    heartbeat: Duration,
    once: bool,
    end: E,
    next: Next,
    _seat: Seat,
}

/// What the stream does next.
enum Next {
    /// Says how to come back.
    Begin,
    /// Tells what the hub has seen already.
    Look,
    /// Waits for what it sees next.
    Wait,
    /// Nothing more.
    Over,
}

/// What a stream that waits hears first.
enum Heard {
    /// The hub has seen something.
    News,
    /// Nobody has said anything for a while.
    Nothing,
    /// The stream's time is over, the hub's, or the process's.
    Stop,
}

/// The bytes of a client's stream. `end` reads what the last event says, as this client may see it.
pub fn stream<E>(
    events: &Events,
    watched: watch::Receiver<Option<Arc<Snapshot>>>,
    client: Client,
    end: E,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<E>
where
    E: AsyncFn() -> Option<EndEvent>,
{
    let token = client.until.and_then(|until| (until - Utc::now()).to_std().ok());
    // A token that has ended meanwhile has no time left.
    let allowed = if client.until.is_some() { token.unwrap_or_default() } else { events.longest };
    let telling = Telling {
        watched,
        stopping: events.stopping.subscribe(),
        position: client.from,
        told: None,
        deadline: Instant::now() + allowed.min(events.longest),
        heartbeat: events.heartbeat,
        once: client.once,
        end,
        next: Next::Begin,
        _seat: client.seat,
    };
    futures::stream::unfold(telling, async |mut telling| {
        let text = telling.next().await?;
        Some((Ok(Bytes::from(text)), telling))
    })
}

impl<E: AsyncFn() -> Option<EndEvent>> Telling<E> {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<String> {
        match self.next {
            Next::Begin => {
                self.next = Next::Look;
                return Some(RETRY.to_owned());
            }
            Next::Look => {
                self.next = Next::Wait;
                if let Some(text) = self.tell().await {
                    return Some(text);
                }
            }
            Next::Wait => {}
            Next::Over => return None,
        }
        loop {
            match self.heard().await {
                Heard::News => {
                    if let Some(text) = self.tell().await {
                        return Some(text);
                    }
                }
                Heard::Nothing => return Some(HEARTBEAT.to_owned()),
                Heard::Stop => return self.say_bye(),
            }
        }
    }

    async fn heard(&mut self) -> Heard {
        tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stopping| *stopping) => Heard::Stop,
            () = tokio::time::sleep_until(self.deadline) => Heard::Stop,
            changed = self.watched.changed() => if changed.is_ok() { Heard::News } else { Heard::Stop },
            () = tokio::time::sleep(self.heartbeat) => Heard::Nothing,
        }
    }

    fn say_bye(&mut self) -> Option<String> {
        self.next = Next::Over;
        Some(BYE.to_owned())
    }

    /// What the hub has seen and this client has not been told.
    async fn tell(&mut self) -> Option<String> {
        let snapshot = self.watched.borrow_and_update().clone()?;
        let end = if snapshot.is_last() { (self.end)().await } else { None };
        let text = self.news(&snapshot, end.as_ref());
        if self.once || snapshot.is_last() {
            self.next = Next::Over;
        }
        match text {
            Ok(text) => (!text.is_empty()).then_some(text),
            Err(error) => {
                tracing::error!(error = telemetry::as_error(&error), "an event cannot be written");
                self.say_bye()
            }
        }
    }

    fn news(&mut self, snapshot: &Snapshot, end: Option<&EndEvent>) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        // An id that this job has not reached is none of this job's.
        if self.position.version() > snapshot.progress.version {
            self.position = Position::default();
        }
        for change in snapshot.changes_behind(self.position.version()) {
            let position = self.position.at_change(change.version.unwrap_or_default());
            wire::push(&mut text, ("change", position), change)?;
        }
        if self.told.as_ref() != Some(&snapshot.progress) {
            wire::push(&mut text, ("progress", self.position.at_next()), &snapshot.progress)?;
            self.told = Some(snapshot.progress.clone());
        }
        if let Some(end) = end {
            wire::push(&mut text, ("end", self.position.at_next()), end)?;
        }
        Ok(text)
    }
}
