//! The traps of real schemas and real data, as a list.
//!
//! Every organisation of every sample holds every one of them, in its first rows of the table, so that a test on the
//! smallest organisation meets what ten years of production would have brought; [`TRAPS_ONCE`] are those that a key
//! allows only once. Traps of the schema itself are described in [`SCHEMA_TRAPS`].

mod list;
mod schema;
pub mod value;

pub use list::{TRAPS, TRAPS_ONCE};
pub use schema::SCHEMA_TRAPS;

/// One trap and where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Trap {
    /// The table.
    pub table: &'static str,
    /// What goes wrong for the careless.
    pub why: &'static str,
    /// What is found there.
    pub found: Found,
}

/// How to find a trap among the rows of an organisation.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    /// Each of these values stands in the column. They are in input syntax: compare after a cast to the column's type.
    Values(&'static str, &'static [&'static str]),
    /// This SQL is true of at least one row, which is called `t`.
    Row(&'static str),
}
