//! The rules of Lethe, as pure functions over plain values.
//!
//! Everything that decides lives here: which transition a job may take ([`job`]), what an export
//! consists of ([`plan`]), where personal data lies and how it leads to its organisation
//! ([`datamap`]), what takes its place when it is erased ([`anonymise`]). Nothing here reads a clock, draws a random number, touches a network or a disk:
//! callers hand in the time and the facts, and carry out what comes back.

pub mod access;
pub mod anonymise;
pub mod audit;
pub mod datamap;
pub mod erasure;
pub mod export;
pub mod hold;
pub mod id;
pub mod job;
pub mod plan;
pub mod schema;
