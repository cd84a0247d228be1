//! The crate as its users see it: parts, archives and stores, read back by independent readers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test by panicking"
)]

mod archive;
mod collection;
mod fixture;
mod large;
mod part;
mod store;
