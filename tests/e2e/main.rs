//! The whole system: five processes, a real database, a real broker.
//!
//! Invariants, checked after every fault: an accepted job ends; its archive holds every row of its
//! organisation once and none of another's; the audit log holds each of its versions exactly once.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test panics where it fails")]

mod archive;
mod beside;
mod encrypted;
mod erasing;
mod erasure;
mod erasure_kills;
mod erasure_messages;
mod erasure_zombies;
mod export;
mod faults;
mod foreign_schema;
mod full;
mod kills;
mod large;
mod media;
mod observability;
mod published_api;
mod shutdown;
mod small_disk;
mod storage;
mod support;
