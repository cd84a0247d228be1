//! A whole service in this process: consumer, worker and relay, on a real broker and a real control
//! database.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test by panicking"
)]

mod failing;
mod garbage;
mod losing;
mod running;
mod stopping;
mod support;
