//! What tests need: a database and a vhost of their own, requests to begin with, waiting with a deadline.
//!
//! Only ever a dev-dependency. Every function panics when it cannot do what it says: that is how a
//! test fails. The servers are those that `make test` starts and names in `LETHE_TEST_PG_URL`,
//! `LETHE_TEST_AMQP_URL` and `LETHE_TEST_MGMT_URL`.
#![expect(clippy::panic, clippy::expect_used, reason = "a test ends with a panic that says why")]

mod control;
mod database;
mod eventually;
mod provider;
pub mod readers;
mod requests;
pub mod s3;
mod setting;
mod template;
mod vhost;

pub use control::{ControlDatabase, SERVICE_ROLES};
pub use database::{Database, connect, empty_database, pg_admin_url};
pub use eventually::{PATIENCE, eventually, eventually_some};
pub use provider::{Mood, Provider};
pub use requests::{new_erasure, new_export, organisation, owner, worker};
pub use vhost::{Found, Vhost, amqp_url};
