//! The built program, as people and scripts run it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test by panicking"
)]

mod archive;
mod audit;
mod data_map;
mod demo;
mod download;
mod erase;
mod export;
mod help;
mod holds;
mod jobs;
mod migrate;
mod plan;
mod subject;
mod support;
mod token;
mod watching;
