//! The buckets that rows name, before any object of theirs is deleted.

use std::fmt;

use domain::datamap::Collection;
use domain::schema::{LiveSchema, TableName};

use crate::erase::keyed::{Parameters, Selected};
use crate::erase::scope::EraseScope;
use crate::erase::statement::Rows;
use crate::error::StoreError;
use crate::export::tables_of;
use crate::media::text_of;
use crate::read::ReadTransaction;
use crate::sql::{self, PlanError};

/// The bucket of rows that name none.
pub const DEFAULT_BUCKET: &str = "default";
/// No more names than these are read: a column that holds one for each row is no column of buckets.
const MOST: u8 = 100;

/// The reading of the buckets that are named and not known.
pub struct BucketsRead {
    sql: String,
    parameters: Parameters<'static>,
    tables: Vec<TableName>,
}

impl BucketsRead {
    /// Plans the reading of the buckets that these rows name beside the known ones; `None` when the data
    /// map names no media here. Rows without a key name none, and neither do those whose keys are outside of
    /// the prefix of the data map: their objects are not the organisation's.
    ///
    /// # Errors
    /// When the live schema has not what the map or the rows need.
    pub fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
        known: &[String],
    ) -> Result<Option<Self>, PlanError> {
        let Some(media) = &collection.media else {
            return Ok(None);
        };
        let mut parameters = Parameters::default();
        let Selected { source, conditions, .. } =
            Selected::of(collection, schema, scope, rows, &mut parameters)?;
        let key = text_of(schema, &collection.table, &media.key)?;
        let named = match &media.bucket_column {
            Some(column) => text_of(schema, &collection.table, column)?,
            None => "NULL::pg_catalog.text".to_owned(),
        };
        let mut texts = |text: String| format!("({})[1]", parameters.texts(vec![Some(text)]));
        let default = texts(DEFAULT_BUCKET.to_owned());
        let ours = match media.prefix_of(scope.organisation) {
            Some(prefix) => format!("pg_catalog.starts_with({key}, {})", texts(prefix)),
            None => format!("{key} IS NOT NULL"),
        };
        let known = parameters.texts(known.iter().cloned().map(Some).collect());
        let from = source.map(|source| format!(", {source}")).unwrap_or_default();
        let sql = format!(
            "SELECT n.bucket FROM (SELECT DISTINCT COALESCE({named}, {default}) AS bucket FROM {} t0{from} \
             WHERE {conditions} AND {ours}) n \
             WHERE NOT n.bucket OPERATOR(pg_catalog.=) ANY ({known}) ORDER BY n.bucket LIMIT {MOST}",
            sql::relation(&collection.table),
        );
        Ok(Some(Self { sql, parameters, tables: tables_of(collection) }))
    }
}

impl ReadTransaction {
    /// Reads the names of the buckets, in their order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unknown_buckets(&self, read: &BucketsRead) -> Result<Vec<String>, StoreError> {
        let failed = |error| self.failed(error).reading(&read.tables);
        let rows = self.client()?.query_typed(&read.sql, &read.parameters.typed()).await.map_err(failed)?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(failed)
    }
}

impl fmt::Debug for BucketsRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketsRead").field("tables", &self.tables).finish_non_exhaustive()
    }
}
