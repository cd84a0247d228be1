//! A client of the HTTP API.

mod access;
mod answer;
mod client;
mod error;
mod events;
mod holds;
mod jobs;
mod sse;

pub use access::ApiAccess;
pub use answer::JobAnswer;
pub use client::{Api, CONNECT_TIMEOUT, NewJob, USER_AGENT};
pub use error::ApiError;
pub use events::{EventStream, Lost, News};
