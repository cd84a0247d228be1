//! The crate as its users see it: parts, archives and stores, read back by independent readers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test fails the test by panicking"
)]

mod archive;
mod collection;
mod delete;
mod encrypted;
mod fixture;
mod guide;
mod joined;
mod large;
mod media;
mod odd_keys;
mod part;
mod s3;
mod store;
mod volumes;
