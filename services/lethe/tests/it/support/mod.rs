//! What the tests share.

pub mod api;
pub mod database;
pub mod program;
pub mod server;

pub use api::{FakeApi, JOB, erasure, job};
pub use database::Database;
pub use program::{Lethe, Run};
pub use server::{Answer, Server};
