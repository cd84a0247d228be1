//! A client of the HTTP API.

mod access;
mod answer;
mod client;
mod error;
mod events;
mod sse;

pub use access::ApiAccess;
pub use answer::JobAnswer;
pub use client::{Api, CONNECT_TIMEOUT, NewExport, USER_AGENT};
pub use error::ApiError;
pub use events::{EventStream, Lost, News};
