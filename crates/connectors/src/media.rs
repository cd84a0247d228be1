//! Which media objects an organisation's rows name.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use domain::datamap::{Collection, Media};
use domain::id::OrganisationId;
use domain::schema::{LiveSchema, TableName};
use futures::Stream;

use crate::error::{StoreError, StoreErrorKind};
use crate::export::{self, ExportScope, rows_of, tables_of};
use crate::read::{CopyRows, ReadTransaction};
use crate::sql::{self, PlanError};

/// The reading of the media keys of one collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRead {
    /// `COPY (SELECT DISTINCT …) TO STDOUT`: bucket and key of each object once, in no order.
    pub copy_sql: String,
    /// The number of those, and of the rows that name no object.
    pub count_sql: String,
    media: Media,
    organisation: OrganisationId,
    tables: Vec<TableName>,
}

/// An object that rows of the organisation name. A key may hold personal data, such as the name of
/// a file, so that `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaKey {
    /// Its bucket, where the data map names a column for it and the row one bucket.
    pub bucket: Option<String>,
    /// Its key, exactly as the row has it.
    pub key: String,
    /// Whether it lies within the prefix of the data map. One that does not is reported, never read.
    pub within_prefix: bool,
}

/// What the rows of a collection name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaCount {
    /// Objects, each counted once; those outside of the prefix included.
    pub objects: i64,
    /// Rows whose key is NULL or empty. They are passed over.
    pub rows_without_key: i64,
}

impl MediaRead {
    /// Plans the reading of the media keys; `None` when the data map names no media here.
    ///
    /// # Errors
    /// When the live schema has not what the map needs to find the organisation's rows.
    pub fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &ExportScope<'_>,
    ) -> Result<Option<Self>, PlanError> {
        let Some(media) = &collection.media else {
            return Ok(None);
        };
        let mut predicate = rows_of(collection, schema, scope.organisation, scope.cutoff())?;
        if let Some(only) = export::only(collection, schema, scope)? {
            predicate.push_str(&format!(" AND {only}"));
        }
        let key = text_of(schema, &collection.table, &media.key)?;
        let bucket = match &media.bucket_column {
            Some(column) => text_of(schema, &collection.table, column)?,
            None => "NULL::pg_catalog.text".to_owned(),
        };
        let relation = sql::relation(&collection.table);
        let named = format!("SELECT {bucket} AS bucket, {key} AS key FROM {relation} t0 WHERE {predicate}");
        Ok(Some(Self {
            copy_sql: format!(
                "COPY (SELECT DISTINCT bucket, key FROM ({named}) named WHERE key IS NOT NULL) TO STDOUT"
            ),
            count_sql: format!(
                "SELECT pg_catalog.count(key), COALESCE(pg_catalog.sum(n) FILTER (WHERE key IS NULL), 0)::pg_catalog.int8 \
                 FROM (SELECT bucket, key, pg_catalog.count(*) AS n FROM ({named}) named GROUP BY bucket, key) grouped"
            ),
            media: media.clone(),
            organisation: scope.organisation.clone(),
            tables: tables_of(collection),
        }))
    }

    fn decode(&self, row: &[u8]) -> Option<MediaKey> {
        let line = std::str::from_utf8(row).ok()?.strip_suffix('\n')?;
        let (bucket, key) = line.split_once('\t')?;
        let key = unescaped(key)?;
        let within_prefix = self.media.covers(&self.organisation, &key);
        Some(MediaKey { bucket: unescaped(bucket), key, within_prefix })
    }
}

/// A column as text, NULL where it is empty. Compared byte by byte: to `citext` and to some
/// collations two keys may be one, to an object store never.
pub(crate) fn text_of(schema: &LiveSchema, table: &TableName, column: &str) -> Result<String, PlanError> {
    let name = sql::identifier(&sql::live_column(schema, table, column)?.name);
    Ok(format!("NULLIF(t0.{name}::pg_catalog.text COLLATE pg_catalog.\"C\", '')"))
}

/// A cell of COPY's text format without its escapes; `None` for NULL.
fn unescaped(cell: &str) -> Option<String> {
    if cell == "\\N" {
        return None;
    }
    let mut plain = String::with_capacity(cell.len());
    let mut characters = cell.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                other => other,
            },
            other => other,
        });
    }
    Some(plain)
}

impl ReadTransaction {
    /// How many objects the rows name, counted exactly.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn media_count(&self, read: &MediaRead) -> Result<MediaCount, StoreError> {
        let failed = |error| self.failed(error).reading(&read.tables);
        let row = self.client()?.query_typed_one(&read.count_sql, &[]).await.map_err(failed)?;
        Ok(MediaCount {
            objects: row.try_get(0).map_err(failed)?,
            rows_without_key: row.try_get(1).map_err(failed)?,
        })
    }

    /// Streams the objects that the rows name, each once and in no order.
    ///
    /// # Errors
    /// When the store fails, here or in the stream.
    pub async fn media<'a>(&'a mut self, read: &'a MediaRead) -> Result<MediaKeys<'a>, StoreError> {
        let store = self.store_name().to_owned();
        let rows = self.copy_out(&read.copy_sql, &read.tables).await?;
        Ok(MediaKeys { rows, read, store })
    }
}

/// The objects that rows name. Dropped before its end, it leaves the transaction unusable.
pub struct MediaKeys<'a> {
    rows: CopyRows<'a>,
    read: &'a MediaRead,
    store: String,
}

impl Stream for MediaKeys<'_> {
    type Item = Result<MediaKey, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.rows).poll_next(context));
        let unreadable = || StoreError::new(&self.store, StoreErrorKind::Other).reading(&self.read.tables);
        Poll::Ready(item.map(|row| row.and_then(|row| self.read.decode(&row).ok_or_else(unreadable))))
    }
}

impl fmt::Debug for MediaKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaKeys").field("tables", &self.read.tables).finish_non_exhaustive()
    }
}

impl fmt::Debug for MediaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaKey").field("within_prefix", &self.within_prefix).finish_non_exhaustive()
    }
}
