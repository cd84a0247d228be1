//! What a table's constraints say of the rows as they will be, asked before the first is changed.
//!
//! A rehearsal writes a few rows; the one that alone offends a CHECK may be any of a million. So each
//! constraint that reads a changed column is put as a query over all planned rows, with the new values in
//! the place of the old. The server prints a constraint's expression with bare names of columns: it is
//! evaluated over a subquery whose columns have these names.

mod catalogue;
mod kinds;
mod queries;
mod questions;
mod rows;

use domain::datamap::Collection;
use domain::erasure::FieldChange;
use domain::schema::{LiveSchema, TableName};

use crate::erase::keyed::Parameters;
use crate::erase::pseudonym::PseudonymKey;
use crate::erase::scope::EraseScope;
use crate::erase::statement::Rows;
use crate::error::StoreError;
use crate::read::ReadTransaction;

pub use kinds::Constraints;

/// Rows, and what is to be written to them.
#[derive(Debug, Clone, Copy)]
pub struct Writes<'a> {
    /// The collection.
    pub collection: &'a Collection,
    /// What is known of its store.
    pub schema: &'a LiveSchema,
    /// Which rows may be touched at all.
    pub scope: &'a EraseScope<'a>,
    /// Which of them it is about.
    pub rows: &'a Rows<'a>,
    /// What is done to their columns.
    pub changes: &'a [FieldChange],
    /// Makes pseudonyms.
    pub key: &'a PseudonymKey,
}

/// What a question is about. It holds names and no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The table or partition that has the constraint.
    pub table: TableName,
    /// The constraint in words, as "the constraint `short_note`".
    pub constraint: String,
    /// The columns that change and that it reads.
    pub columns: Vec<String>,
}

/// What becomes of a constraint.
pub enum Asked<'a> {
    /// It can be asked of all rows.
    Query(About, Question<'a>),
    /// It cannot, for this reason.
    Unproven(About, String),
}

/// A query that counts the rows for which a constraint would not hold.
pub struct Question<'a> {
    sql: String,
    parameters: Parameters<'a>,
    tables: Vec<TableName>,
}

impl ReadTransaction {
    /// How many rows would break the constraint.
    ///
    /// # Errors
    /// When the store fails, or cannot evaluate the constraint.
    pub async fn broken(&self, question: &Question<'_>) -> Result<i64, StoreError> {
        let failed = |error| self.failed(error).reading(&question.tables);
        let row = self.client()?.query_typed_one(&question.sql, &question.parameters.typed()).await;
        row.and_then(|row| row.try_get(0)).map_err(failed)
    }
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("tables", &self.tables).finish_non_exhaustive()
    }
}
