//! One file per route, each no more than: take the request's types, ask the store, answer.

mod audit;
mod control;
mod encryption;
mod events;
mod export;
mod job;
mod jobs;
mod link;
mod view;

pub use audit::{__path_audit, audit};
pub use control::{__path_cancel, __path_retry, cancel, retry};
pub use events::{__path_event_ticket, __path_events, event_ticket, events};
pub use export::{__path_export, export};
pub use job::{__path_job, job};
pub use jobs::{__path_jobs, jobs};
pub use link::{__path_link, link};
