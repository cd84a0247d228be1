//! One file per route, each no more than: take the request's types, ask the store, answer.

mod audit;
mod compared;
mod control;
mod delete;
mod encryption;
mod events;
mod export;
mod holds;
mod job;
mod jobs;
mod link;
mod names;
mod organisation;
mod person;
mod plan;
mod sealed;
mod steps;
mod subjects;
mod view;

pub use audit::{__path_audit, audit};
pub use control::{__path_cancel, __path_retry, cancel, retry};
pub use delete::{__path_delete, delete};
pub use events::{__path_event_ticket, __path_events, event_ticket, events};
pub use export::{__path_export, export};
pub use holds::{
    __path_hold, __path_holds, __path_place_hold, __path_release_hold, hold, holds, place_hold, release_hold,
};
pub use job::{__path_job, job};
pub use jobs::{__path_jobs, jobs};
pub use link::{__path_link, link};
pub use plan::{__path_plan, plan};
pub use steps::{__path_retry_step, __path_skip_step, retry_step, skip_step};
pub use subjects::{__path_erase_subject, __path_export_subject, erase_subject, export_subject};
