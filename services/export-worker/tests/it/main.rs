//! Exports carried out step by step on real databases, without a broker.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test by panicking"
)]

mod checked;
mod nobody;
mod world;
