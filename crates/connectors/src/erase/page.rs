//! Values for strategies that need them: pages of rows in the order of their key.

use std::fmt;

use domain::datamap::Collection;
use domain::schema::{LiveColumn, LiveSchema, TableName};
use tokio_postgres::types::{ToSql, Type};

use crate::erase::keyed::{Parameters, Selected, primary_key};
use crate::erase::scope::EraseScope;
use crate::erase::statement::Rows;
use crate::erase::write::EraseTransaction;
use crate::error::StoreError;
use crate::export::tables_of;
use crate::range;
use crate::read::ReadTransaction;
use crate::session::Session;
use crate::sql::{self, PlanError};

/// The reading of one page.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The rows that are being read.
    pub of: Rows<'a>,
    /// The last key of the page before; `None` for the first page.
    pub after: Option<&'a [String]>,
    /// How many rows at most.
    pub rows: u32,
}

/// A page to be read. `Debug` shows no key.
pub struct PageRead {
    sql: String,
    parameters: Parameters<'static>,
    key: usize,
    tables: Vec<TableName>,
}

/// A row of a page, or what is to be written to it. `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PageRow {
    /// The primary key, a text for each of its columns.
    pub key: Vec<String>,
    /// The columns that were asked for, as text.
    pub values: Vec<Option<String>>,
}

impl PageRead {
    /// Plans the reading of these columns.
    ///
    /// # Errors
    /// When the live schema has not what the map or the page needs.
    pub fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        columns: &[String],
        page: &Page<'_>,
    ) -> Result<Self, PlanError> {
        let table = &collection.table;
        let key = primary_key(collection, schema)?;
        let mut parameters = Parameters::default();
        let Selected { source, mut conditions, .. } =
            Selected::of(collection, schema, scope, &page.of, &mut parameters)?;
        if let Some(after) = page.after {
            let names: Vec<String> = key.iter().map(|column| column.name.clone()).collect();
            conditions = format!("{conditions} AND {}", range::compare(table, schema, &names, ">", after)?);
        }
        let wanted = columns
            .iter()
            .map(|name| sql::live_column(schema, table, name))
            .collect::<Result<Vec<_>, _>>()?;
        let name = |column: &&LiveColumn| format!("t0.{}", sql::identifier(&column.name));
        let texts: Vec<String> =
            key.iter().chain(&wanted).map(|column| format!("{}::pg_catalog.text", name(column))).collect();
        let order: Vec<String> = key.iter().map(name).collect();
        let from = source.map(|source| format!(", {source}")).unwrap_or_default();
        let sql = format!(
            "SELECT {} FROM {} t0{from} WHERE {conditions} ORDER BY {} LIMIT {}",
            texts.join(", "),
            sql::relation(table),
            order.join(", "),
            page.rows
        );
        Ok(Self { sql, parameters, key: key.len(), tables: tables_of(collection) })
    }
}

impl ReadTransaction {
    /// Reads a page; fewer rows than asked for mean that it was the last.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn page(&self, read: &PageRead) -> Result<Vec<PageRow>, StoreError> {
        read.rows(self.session()?).await
    }
}

impl EraseTransaction {
    /// As [`ReadTransaction::page`], in the transaction that is going to change these rows.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn page(&self, read: &PageRead) -> Result<Vec<PageRow>, StoreError> {
        read.rows(self.session()).await
    }
}

impl PageRead {
    async fn rows(&self, session: &Session) -> Result<Vec<PageRow>, StoreError> {
        let failed = |error| session.failed(error).reading(&self.tables);
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> = self.parameters.typed();
        let rows = session.client()?.query_typed(&self.sql, &parameters).await.map_err(failed)?;
        let row = |row: &tokio_postgres::Row| {
            let key = (0..self.key).map(|at| row.try_get(at)).collect::<Result<_, _>>()?;
            let values = (self.key..row.len()).map(|at| row.try_get(at)).collect::<Result<_, _>>()?;
            Ok(PageRow { key, values })
        };
        rows.iter().map(row).collect::<Result<_, _>>().map_err(failed)
    }
}

impl fmt::Debug for PageRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageRead").field("tables", &self.tables).finish_non_exhaustive()
    }
}

impl fmt::Debug for PageRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageRow").finish_non_exhaustive()
    }
}
