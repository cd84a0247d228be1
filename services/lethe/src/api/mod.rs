//! A client of the HTTP API.

mod access;
mod answer;
mod client;
mod error;

pub use access::ApiAccess;
pub use answer::JobAnswer;
pub use client::{Api, CONNECT_TIMEOUT, NewExport, USER_AGENT};
pub use error::ApiError;
