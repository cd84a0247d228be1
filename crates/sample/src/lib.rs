//! Vantage, the sample company on which Lethe is shown, tested and measured: a schema with the traps of real schemas,
//! its data map, and rows in any number.
//!
//! [`create`] makes the tables, [`seed`] fills them; [`traps`] lists what is difficult about them.

mod copy_text;
mod create;
mod deferred;
mod draw;
mod error;
mod known;
mod layout;
mod moment;
mod ownership;
mod person;
mod phrases;
mod scale;
mod seed;
mod tables;
pub mod traps;
mod words;
mod world;

pub use create::create;
pub use error::SampleError;
pub use known::{KNOWN_ORGANISATIONS, KnownOrganisation};
pub use ownership::rows_of_organisation;
pub use scale::{OrganisationSize, Scale};
pub use seed::{Progress, Seeded, SeededOrganisation, seed};

/// The tables, types, indexes and foreign keys. Creates no roles.
pub const SCHEMA_SQL: &str = include_str!("../vantage/schema.sql");

/// The login roles `vantage_reader` and `vantage_eraser` and their rights. May be run again.
pub const ROLES_SQL: &str = include_str!("../vantage/roles.sql");

/// Where the sample company keeps personal data, in YAML.
pub const DATA_MAP: &str = include_str!("../vantage/datamap.yaml");
