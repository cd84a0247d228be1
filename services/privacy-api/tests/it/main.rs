//! The API over real HTTP on a real database.
//!
//! Each test has a database and a server of its own. `LETHE_TEST_PG_URL` names a disposable
//! PostgreSQL server and its superuser; `make test` starts one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test panics where it fails"
)]

mod audit;
mod binding;
mod contract;
mod control;
mod delete;
mod discovery;
mod downloads;
mod encryption;
mod events;
mod export;
mod failures;
mod holds;
mod jobs;
mod limits;
mod links;
mod logs;
mod plans;
mod presigned;
mod steps;
mod subjects;
mod support;
mod tenancy;
mod tokens;
