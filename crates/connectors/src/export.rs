//! What an export reads of one collection: which columns, in which form, and which rows.

use chrono::{DateTime, Utc};
use domain::datamap::Collection;
use domain::export::ExportFormat;
use domain::id::OrganisationId;
use domain::schema::{LiveSchema, Table, TableName, TypeFamily};

use crate::cutoff::{Cutoff, made_by};
use crate::erase::listed_in_text;
use crate::range::{self, KeyRange};
use crate::sql::{self, PlanError};

/// Whose rows, until when, and for which files.
#[derive(Debug, Clone, Copy)]
pub struct ExportScope<'a> {
    /// The organisation.
    pub organisation: &'a OrganisationId,
    /// Rows made later are left out and counted, by the store's clock, where the data map names a creation
    /// time; not so where the rows are given by their keys.
    pub cutoff_at: DateTime<Utc>,
    /// The files that will be written.
    pub formats: ExportFormat,
    /// Only the rows with these primary keys; all of them where it is absent.
    pub only: Option<&'a [Vec<String>]>,
}

impl ExportScope<'_> {
    /// Up to when rows count; those that are given by their keys do whenever they were made.
    pub(crate) fn cutoff(&self) -> Option<Cutoff> {
        self.only.is_none().then(|| Cutoff::of_export(self.cutoff_at))
    }
}

/// The reading of one collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionRead {
    /// `COPY (SELECT …) TO STDOUT` in the text format. The rows have no order: sorting a large
    /// collection costs more than reading it, and the order of the archive carries no meaning.
    pub copy_sql: String,
    /// The number of rows under the same predicate.
    pub count_sql: String,
    /// The number of rows that are left out because they were made after the cutoff; `None` where it leaves
    /// out none.
    pub(crate) later_sql: Option<String>,
    /// `FROM … WHERE …`: the same rows, for other questions about them.
    pub(crate) rows_sql: String,
    /// The columns exported, in the table's order. Empty when every column is left out; then there
    /// is nothing to copy.
    pub columns: Vec<ExportColumn>,
    /// What the COPY delivers, cell by cell.
    pub cells: Vec<CopyCell>,
    /// The columns left out, in the order of the table.
    pub omitted: Vec<OmittedColumn>,
    /// Whether the cutoff limits the rows; it cannot where no creation time is named.
    pub cutoff_applied: bool,
    /// Which rows, of the table aliased `t0`.
    pub(crate) predicate: String,
    /// Along which columns it can be cut into key ranges; empty when it cannot.
    pub(crate) key: Vec<String>,
    tables: Vec<TableName>,
}

/// A column of the export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportColumn {
    /// Its name.
    pub name: String,
    /// Its type as PostgreSQL prints it.
    pub sql_type: String,
    /// What kind of values it holds.
    pub family: TypeFamily,
    /// Its data categories.
    pub data_categories: Vec<String>,
    /// What it holds, in the data map's words.
    pub description: Option<String>,
}

/// One cell of every row of the COPY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyCell {
    /// The column it shows.
    pub column: String,
    /// What its text is.
    pub rendering: CellRendering,
    /// The files that it is for. A value that only the server can turn into JSON comes twice, once
    /// as text for CSV and once as JSON.
    pub formats: ExportFormat,
}

/// What the text of a cell is, for whoever encodes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellRendering {
    /// A number, or `NaN`, `Infinity`, `-Infinity`.
    Number,
    /// `t` or `f`.
    Boolean,
    /// JSON, complete.
    Json,
    /// `2024-01-02 03:04:05.123`, or an infinity.
    Timestamp,
    /// `2024-01-02 03:04:05.123+00`, or an infinity.
    TimestampTz,
    /// Text that people may have written.
    Text,
    /// Text whose form the database guarantees.
    Verbatim,
}

/// A column that the export leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OmittedColumn {
    /// Its name.
    pub column: String,
    /// Why, in the words of a manifest.
    pub reason: String,
}

impl CollectionRead {
    /// Plans the reading of a collection, or of one key range of it.
    ///
    /// # Errors
    /// When the live schema has not what the map needs to find the organisation's rows, or has not
    /// the key that the range was cut along.
    pub fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &ExportScope<'_>,
        range: Option<&KeyRange>,
    ) -> Result<Self, PlanError> {
        let name = &collection.table;
        let table = schema.tables.get(name).ok_or_else(|| PlanError::NoTable(name.clone()))?;
        let mut conditions = vec![rows_ever(collection, schema, scope.organisation)?];
        conditions.extend(only(collection, schema, scope)?);
        if let Some(range) = range {
            conditions.extend(range::conditions(name, schema, range)?);
        }
        let made = made_by(collection, schema, scope.cutoff())?;
        let from = format!("FROM {} t0 WHERE", sql::relation(name));
        let later_sql = made.as_ref().map(|made| {
            format!("SELECT pg_catalog.count(*) {from} {} AND NOT {made}", conditions.join(" AND "))
        });
        conditions.extend(made);
        let predicate = conditions.join(" AND ");
        let (columns, omitted) = divide(collection, table);
        let (selected, cells): (Vec<String>, Vec<CopyCell>) =
            columns.iter().flat_map(|column| cells(column, scope.formats)).unzip();
        let rows = format!("{from} {predicate}");
        Ok(Self {
            copy_sql: format!("COPY (SELECT {} {rows}) TO STDOUT", selected.join(", ")),
            count_sql: format!("SELECT pg_catalog.count(*) {rows}"),
            cutoff_applied: later_sql.is_some(),
            later_sql,
            rows_sql: rows,
            columns,
            cells,
            omitted,
            key: range::key(table),
            tables: tables_of(collection),
            predicate,
        })
    }

    /// The collection's table, and those through which its tenant leads.
    #[must_use]
    pub fn tables(&self) -> &[TableName] {
        &self.tables
    }
}

/// The condition under which the key of the row `t0` is one of those that are exported.
pub(crate) fn only(
    collection: &Collection,
    schema: &LiveSchema,
    scope: &ExportScope<'_>,
) -> Result<Option<String>, PlanError> {
    match scope.only {
        Some([]) => Ok(Some("FALSE".to_owned())),
        Some(keys) => listed_in_text(&collection.table, schema, keys).map(Some),
        None => Ok(None),
    }
}

/// The condition under which a row, aliased `t0`, is the organisation's and was there at the cutoff, if there
/// is one.
pub(crate) fn rows_of(
    collection: &Collection,
    schema: &LiveSchema,
    organisation: &OrganisationId,
    cutoff: Option<Cutoff>,
) -> Result<String, PlanError> {
    let rows = rows_ever(collection, schema, organisation)?;
    Ok(match made_by(collection, schema, cutoff)? {
        Some(made) => format!("{rows} AND {made}"),
        None => rows,
    })
}

/// The condition under which a row, aliased `t0`, is the organisation's, whenever it was made.
pub(crate) fn rows_ever(
    collection: &Collection,
    schema: &LiveSchema,
    organisation: &OrganisationId,
) -> Result<String, PlanError> {
    let name = &collection.table;
    let path = collection.tenant.as_ref().ok_or_else(|| PlanError::NoTenant(name.clone()))?;
    sql::tenant_predicate(name, path, schema, organisation)
}

/// The collection's table, and those through which its tenant leads.
pub(crate) fn tables_of(collection: &Collection) -> Vec<TableName> {
    let hops = collection.tenant.iter().flat_map(|path| &path.hops).map(|hop| hop.target.clone());
    std::iter::once(collection.table.clone()).chain(hops).collect()
}

/// What is exported and what is left out.
fn divide(collection: &Collection, table: &Table) -> (Vec<ExportColumn>, Vec<OmittedColumn>) {
    let (mut columns, mut omitted) = (Vec::new(), Vec::new());
    let mut omit = |column: &str, reason: &str| {
        omitted.push(OmittedColumn { column: column.to_owned(), reason: reason.to_owned() });
    };
    for live in &table.columns {
        match collection.field(&live.name) {
            None => omit(&live.name, "not named by the data map"),
            Some(field) => match field.secret {
                Some(reason) => omit(&live.name, reason.explain()),
                None => columns.push(ExportColumn {
                    name: live.name.clone(),
                    sql_type: live.sql_type.clone(),
                    family: live.family,
                    data_categories: field.data_categories.clone(),
                    description: field.description.clone(),
                }),
            },
        }
    }
    for field in collection.fields.iter().filter(|field| table.column(&field.name).is_none()) {
        omit(&field.name, "named by the data map, but not a column that can be read");
    }
    (columns, omitted)
}

/// The expressions of a column in the SELECT list, each with what it delivers.
fn cells(column: &ExportColumn, formats: ExportFormat) -> Vec<(String, CopyCell)> {
    let plain = format!("t0.{}", sql::identifier(&column.name));
    let cell = |rendering, formats| CopyCell { column: column.name.clone(), rendering, formats };
    let Some(rendering) = in_both(column.family) else {
        // An array's text begins with a brace or a bracket; that of an unknown type with anything.
        let text =
            if column.family == TypeFamily::Array { CellRendering::Verbatim } else { CellRendering::Text };
        let json = format!("pg_catalog.to_json({plain})");
        let csv = formats.csv().then(|| (plain, cell(text, ExportFormat::Csv)));
        let json = formats.json().then(|| (json, cell(CellRendering::Json, ExportFormat::Json)));
        return csv.into_iter().chain(json).collect();
    };
    vec![(plain, cell(rendering, formats))]
}

/// How one text serves JSON and CSV; `None` where only the server knows the JSON.
fn in_both(family: TypeFamily) -> Option<CellRendering> {
    Some(match family {
        TypeFamily::Array | TypeFamily::Other => return None,
        TypeFamily::Text => CellRendering::Text,
        TypeFamily::Number => CellRendering::Number,
        TypeFamily::Boolean => CellRendering::Boolean,
        TypeFamily::Json => CellRendering::Json,
        TypeFamily::Timestamp => CellRendering::Timestamp,
        TypeFamily::TimestampTz => CellRendering::TimestampTz,
        TypeFamily::Date
        | TypeFamily::Time
        | TypeFamily::Uuid
        | TypeFamily::Network
        | TypeFamily::Bytes
        | TypeFamily::Enum => CellRendering::Verbatim,
    })
}
