//! The control database, on a real PostgreSQL: every transaction runs as the role of the service
//! that uses it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test by panicking"
)]

mod audit;
mod claiming;
mod concluding;
mod controlling;
mod creating;
mod dropping;
mod erasing;
mod export_before;
mod folders;
mod forbidden;
mod found;
mod glancing;
mod grace;
mod guards;
mod held_once;
mod history;
mod holding;
mod media;
mod migrations;
mod on_hold;
mod outlived;
mod parts;
mod passes;
mod placing;
mod privileges;
mod quotas;
mod reading;
mod relaying;
mod row_security;
mod schema;
mod secrets;
mod siblings;
mod support;
mod sweeping;
mod transitions;
mod waiting;
mod what_it_was;
