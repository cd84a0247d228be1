//! The whole system as a test sees it: five real processes over a real database and a real broker.
//!
//! Shared by the end-to-end tests and the benchmark. Everything fails with a reason; nothing waits
//! without a deadline, and nothing sleeps in the hope that something has happened by then.

mod client;
mod database;
pub mod guards;
mod process;
mod servers;
mod situation;
mod system;
mod wait;

pub use client::{Api, Download};
pub use database::Database;
pub use process::{Process, Program};
pub use servers::Servers;
pub use system::{Options, SERVICES, System};
pub use wait::eventually;
