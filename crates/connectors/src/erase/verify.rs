//! Is anything left? Asked by a query of its own, over a connection of its own, that only reads.

use domain::datamap::Collection;
use domain::erasure::FieldChange;
use domain::schema::{LiveSchema, TableName};
use tokio_postgres::types::{ToSql, Type};

use crate::config::StoreConfig;
use crate::erase::keyed::{Parameters, Selected};
use crate::erase::pseudonym::PseudonymKey;
use crate::erase::scope::{self, EraseScope};
use crate::erase::statement::Rows;
use crate::erase::strategy::{self, Residual};
use crate::error::StoreError;
use crate::export::tables_of;
use crate::pool::SubjectStore;
use crate::read::ReadTransaction;
use crate::sql::{self, PlanError};

/// What should have become of the rows.
#[derive(Debug, Clone, Copy)]
pub enum Expected<'a> {
    /// They are gone.
    Deleted,
    /// Their columns were changed.
    Anonymised {
        /// By which strategies.
        changes: &'a [FieldChange],
        /// The organisation's key, by which its tokens are recognised.
        key: &'a PseudonymKey,
    },
    /// These columns are NULL.
    Unlinked(&'a [String]),
}

/// The verification of one collection.
pub struct Verification {
    sql: String,
    parameters: Parameters<'static>,
    /// What each number of the answer counts: rows with this column unchanged, or rows at all.
    counted: Vec<Option<String>>,
    unverifiable: Vec<String>,
    tables: Vec<TableName>,
}

/// What is left of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remainder {
    /// The table.
    pub table: TableName,
    /// The column that still holds values; `None` when whole rows are left.
    pub column: Option<String>,
    /// In how many rows.
    pub rows: i64,
}

impl Verification {
    /// Plans the verification of the rows of a scope.
    ///
    /// # Errors
    /// When the live schema has not what the map needs.
    pub fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
        expected: Expected<'_>,
    ) -> Result<Self, PlanError> {
        let table = &collection.table;
        let (mut counts, mut counted, mut unverifiable) = (Vec::new(), Vec::new(), Vec::new());
        let mut parameters = Parameters::default();
        match expected {
            Expected::Deleted => {
                counts.push("pg_catalog.count(*)".to_owned());
                counted.push(None);
            }
            Expected::Unlinked(columns) => {
                for name in columns {
                    let column = sql::identifier(&sql::live_column(schema, table, name)?.name);
                    counts.push(format!("pg_catalog.count(*) FILTER (WHERE t0.{column} IS NOT NULL)"));
                    counted.push(Some(name.clone()));
                }
            }
            Expected::Anonymised { changes, key } => {
                let keyed = changes.iter().any(|change| change.token.has_check());
                let check = if keyed { parameters.secret(key.check()) } else { String::new() };
                for change in changes {
                    let (column, name) = (sql::live_column(schema, table, &change.column)?, &change.column);
                    let Residual { condition, decides } = strategy::residual(column, change, &check);
                    if let Some(condition) = condition {
                        counts.push(format!("pg_catalog.count(*) FILTER (WHERE {condition})"));
                        counted.push(Some(name.clone()));
                    }
                    if !decides {
                        unverifiable.push(name.clone());
                    }
                }
            }
        }
        let Selected { source, conditions, .. } =
            Selected::of(collection, schema, scope, rows, &mut parameters)?;
        let from = source.map(|source| format!(", {source}")).unwrap_or_default();
        let (counts, relation) = (counts.join(", "), sql::relation(table));
        let sql = format!("SELECT {counts} FROM {relation} t0{from} WHERE {conditions}");
        Ok(Self { sql, parameters, counted, unverifiable, tables: tables_of(collection) })
    }

    /// Plans to count the rows to be deleted to which rows refer that stay, by a key of their own table.
    ///
    /// # Errors
    /// When the live schema has not what the map needs.
    pub fn of_threads(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
    ) -> Result<Self, PlanError> {
        let mut planned = Self::plan(collection, schema, scope, rows, Expected::Deleted)?;
        let mut parameters = Parameters::default();
        let Selected { conditions, .. } = Selected::of(collection, schema, scope, rows, &mut parameters)?;
        let mut threaded = Vec::new();
        for thread in scope.threads {
            threaded.push(scope::threaded(&collection.table, schema, (thread, &conditions))?);
        }
        if threaded.is_empty() {
            planned.counted.clear();
        }
        planned.sql.push_str(&format!(" AND ({})", threaded.join(" OR ")));
        Ok(planned)
    }

    /// The columns of which no query can tell for certain whether their values were replaced, because what
    /// replaces them looks like what was there. What certainly was not replaced is counted all the same.
    #[must_use]
    pub fn unverifiable(&self) -> &[String] {
        &self.unverifiable
    }
}

/// Looks for what is left, on the primary: a replica may be behind. Nothing is shared with what
/// erased but the settings.
///
/// # Errors
/// When the store fails.
pub async fn verify(
    config: &StoreConfig,
    verifications: &[Verification],
) -> Result<Vec<Remainder>, StoreError> {
    let config = StoreConfig { replica_url: None, max_connections: 1, ..config.clone() };
    let transaction = SubjectStore::connect(&config)?.begin_read().await?;
    let mut remainders = Vec::new();
    for verification in verifications {
        remainders.extend(transaction.remainders(verification).await?);
    }
    transaction.finish().await?;
    Ok(remainders)
}

/// Whether the role may look for all of this. Nothing is read: the server plans the queries, and checks
/// what the role may do.
///
/// # Errors
/// When it may not, or the store fails.
pub async fn can_verify(config: &StoreConfig, verifications: &[Verification]) -> Result<(), StoreError> {
    let config = StoreConfig { replica_url: None, max_connections: 1, ..config.clone() };
    let transaction = SubjectStore::connect(&config)?.begin_read().await?;
    for Verification { sql, parameters, tables, counted, .. } in verifications {
        if !counted.is_empty() {
            let (sql, parameters) = (format!("EXPLAIN {sql}"), parameters.typed());
            let planned = transaction.client()?.query_typed(&sql, &parameters).await;
            planned.map_err(|error| transaction.failed(error).reading(tables))?;
        }
    }
    transaction.finish().await
}

impl ReadTransaction {
    async fn remainders(&self, verification: &Verification) -> Result<Vec<Remainder>, StoreError> {
        let Verification { sql, parameters, counted, tables, .. } = verification;
        let failed = |error| self.failed(error).reading(tables);
        let (Some(table), false) = (tables.first(), counted.is_empty()) else {
            return Ok(Vec::new());
        };
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> = parameters.typed();
        let row = self.client()?.query_typed_one(sql, &parameters).await.map_err(failed)?;
        let mut remainders = Vec::new();
        for (at, column) in counted.iter().enumerate() {
            let rows: i64 = row.try_get(at).map_err(failed)?;
            if rows > 0 {
                remainders.push(Remainder { table: table.clone(), column: column.clone(), rows });
            }
        }
        Ok(remainders)
    }
}
