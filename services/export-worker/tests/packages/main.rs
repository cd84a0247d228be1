//! Exports carried out step by step on real databases, without a broker, and what their packages say.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test by panicking"
)]

mod media;
mod person;
mod world;
