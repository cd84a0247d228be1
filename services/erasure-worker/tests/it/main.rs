//! Erasures carried out step by step on real databases, without a broker.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test by panicking"
)]

mod beyond_cutoff;
mod binding;
mod company;
mod escaping;
mod export_before;
mod grace;
mod held_media;
mod joined_text;
mod journal;
mod left_rows;
mod map_references;
mod media;
mod natural_keys;
mod nobody;
mod not_looked_for;
mod organisation;
mod person;
mod refused;
mod refused_late;
mod rehearsed;
mod released;
mod reregister;
mod same_person;
mod spared;
mod stored;
mod times;
mod together;
mod tokens;
mod two_organisations;
mod under_way;
mod waiting;
mod world;
