//! Folders of jobs in a package store, cleared as time goes by.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test by panicking")]

mod expiry;
mod orphans;
mod world;
