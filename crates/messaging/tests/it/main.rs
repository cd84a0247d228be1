//! The crate against a real broker: does RabbitMQ agree?
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop where it stands"
)]

mod batches;
mod connecting;
mod consuming;
mod dead_letters;
mod faults;
mod logging;
mod publishing;
mod stopping;
mod support;
mod topology;
