//! Subject stores against a real PostgreSQL, in databases of their own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test panics where it fails"
)]

mod abandoned;
mod by_keys;
mod cutoff;
mod documentation;
mod erase;
mod failures;
mod introspection;
mod keys;
mod log;
mod media;
mod names;
mod ranges;
mod reader;
mod revoke;
mod sample_company;
mod shop;
mod support;
mod types;
