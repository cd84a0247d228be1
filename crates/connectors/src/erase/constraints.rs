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

use std::time::Duration;

use domain::datamap::Collection;
use domain::erasure::FieldChange;
use domain::schema::{LiveSchema, TableName};
use tokio_postgres::types::Type;

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

/// A shorter limit of the store stays.
const LIMIT: &str = "\
SELECT pg_catalog.set_config('statement_timeout', $1::pg_catalog.text, true) FROM pg_catalog.pg_settings s
WHERE s.name = 'statement_timeout' AND s.setting::pg_catalog.int8 NOT BETWEEN 1 AND $1::pg_catalog.text::pg_catalog.int8";

impl ReadTransaction {
    /// How many rows would break the constraint, if that is known within such a time.
    ///
    /// # Errors
    /// When the store fails, cannot evaluate the constraint, or takes longer.
    pub async fn broken(&self, question: &Question<'_>, within: Duration) -> Result<i64, StoreError> {
        let failed = |error| self.failed(error).reading(&question.tables);
        let within = within.as_millis().max(1).to_string();
        let limited = self.client()?.query_typed(LIMIT, &[(&within, Type::TEXT)]).await;
        limited.map_err(failed)?;
        let row = self.client()?.query_typed_one(&question.sql, &question.parameters.typed()).await;
        row.and_then(|row| row.try_get(0)).map_err(failed)
    }
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("tables", &self.tables).finish_non_exhaustive()
    }
}
