//! The data map: where personal data lives in a subject store, and how it leads to its organisation.
//!
//! Written in the Fideslang dataset grammar, so that an existing Fides file loads unchanged; what
//! Lethe needs beyond it stands under `lethe:` keys, which Fides ignores. [`DataMap::parse`] reads
//! a file, [`tenant::TenantPath`] says how a row is attributed to its organisation, and
//! [`check::check`] compares the map with the live schema before any job runs.

pub mod category;
pub mod check;
mod grammar;
mod load;
pub mod media;
pub mod model;
pub mod strategy;
pub mod tenant;
mod time;

#[cfg(test)]
mod tests;

pub use check::{Blocks, Finding, check};
pub use load::DataMapError;
pub use media::Media;
pub use model::{
    Collection, DataMap, Dataset, Direction, Erase, Field, FieldReference, OauthTokens, OrganisationRoot,
    Ownership, Position,
};
pub use strategy::{Effect, Strategy};
pub use tenant::{Hop, TenantPath};
pub use time::RowTime;
