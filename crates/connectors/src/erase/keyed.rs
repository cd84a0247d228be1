//! Rows selected for a statement: by a key range, or by their keys one by one.

use domain::datamap::Collection;
use domain::schema::{LiveColumn, LiveSchema, TableName};
use secrecy::ExposeSecret as _;
use tokio_postgres::types::{ToSql, Type};

use crate::erase::pseudonym::Secret;
use crate::erase::scope::{self, EraseScope};
use crate::erase::statement::Rows;
use crate::range;
use crate::sql::{self, PlanError};

/// What is bound to a statement.
#[derive(Default)]
pub(crate) struct Parameters<'a>(Vec<Parameter<'a>>);

enum Parameter<'a> {
    Bytes(&'a [u8]),
    Secret(Secret),
    Texts(Vec<Option<String>>),
}

impl<'a> Parameters<'a> {
    /// Binds bytes; their placeholder.
    pub(crate) fn bytes(&mut self, bytes: &'a [u8]) -> String {
        self.0.push(Parameter::Bytes(bytes));
        format!("${}", self.0.len())
    }

    /// Binds a key, which the statement keeps; its placeholder.
    pub(crate) fn secret(&mut self, secret: &Secret) -> String {
        self.0.push(Parameter::Secret(Secret::clone(secret)));
        format!("${}", self.0.len())
    }

    /// Binds an array of text; its placeholder.
    pub(crate) fn texts(&mut self, texts: Vec<Option<String>>) -> String {
        self.0.push(Parameter::Texts(texts));
        format!("${}", self.0.len())
    }

    /// As the driver takes them.
    pub(crate) fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.0.iter().map(Parameter::typed).collect()
    }
}

impl Parameter<'_> {
    fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Bytes(bytes) => (bytes, Type::BYTEA),
            Self::Secret(secret) => (secret.expose_secret(), Type::BYTEA),
            Self::Texts(texts) => (texts, Type::TEXT_ARRAY),
        }
    }
}

/// Which rows a statement touches, in SQL.
pub(crate) struct Selected {
    /// What the table, aliased `t0`, is joined with: `v`, where keys are given.
    pub(crate) source: Option<String>,
    /// The conditions, the scope's always among them.
    pub(crate) conditions: String,
    /// The same of a row `t0` by itself, without the join: for a subquery about other rows that are touched.
    pub(crate) alone: String,
    /// So many rows it can be at most, where keys are given.
    pub(crate) at_most: Option<u64>,
}

impl Selected {
    pub(crate) fn of(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
        parameters: &mut Parameters<'_>,
    ) -> Result<Self, PlanError> {
        let predicate = scope::predicate(collection, schema, scope, parameters)?;
        Self::with(collection, schema, (predicate, rows), parameters)
    }

    /// Those of the rows for which the predicate holds.
    pub(crate) fn with(
        collection: &Collection,
        schema: &LiveSchema,
        (predicate, rows): (String, &Rows<'_>),
        parameters: &mut Parameters<'_>,
    ) -> Result<Self, PlanError> {
        let mut conditions = vec![predicate];
        let mut alone = conditions.clone();
        let (source, at_most) = match rows {
            Rows::Range(range) => {
                conditions.extend(range::conditions(&collection.table, schema, range)?);
                alone.clone_from(&conditions);
                (None, None)
            }
            Rows::Keys(keys) => {
                let columns = primary_key(collection, schema)?;
                let source =
                    source(&columns, columns_of(&collection.table, keys, &columns)?, Vec::new(), parameters);
                let matches = matches(&columns, "t0", "v");
                alone.push(format!("EXISTS (SELECT FROM {source} WHERE {matches})"));
                conditions.splice(0..0, [matches]);
                (Some(source), u64::try_from(keys.len()).ok())
            }
        };
        let (conditions, alone) = (conditions.join(" AND "), alone.join(" AND "));
        Ok(Self { source, conditions, alone, at_most })
    }
}

/// The condition under which the key of the row `t0` is one of these.
pub(crate) fn listed(
    table: &TableName,
    schema: &LiveSchema,
    keys: &[Vec<String>],
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    let columns = key_of(table, schema)?;
    let source = source(&columns, columns_of(table, keys, &columns)?, Vec::new(), parameters);
    Ok(format!("EXISTS (SELECT FROM {source} WHERE {})", matches(&columns, "t0", "v")))
}

/// Joins the row `t0` with its key under that alias, if it is one of these; each row stays one.
pub(crate) fn listed_beside(
    table: &TableName,
    schema: &LiveSchema,
    (keys, alias): (&[Vec<String>], &str),
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    let columns = key_of(table, schema)?;
    let source = source(&columns, columns_of(table, keys, &columns)?, Vec::new(), parameters);
    let matches = matches(&columns, "t0", alias);
    Ok(format!(" LEFT JOIN (SELECT DISTINCT v.* FROM {source}) {alias} ON {matches}"))
}

/// As [`listed`], for a statement to which nothing can be bound, as COPY is one: an array for each column, which
/// the server reads as one value. A comparison for each key would have it plan for as long as there are pairs of
/// them, and without being interrupted.
pub(crate) fn listed_in_text(
    table: &TableName,
    schema: &LiveSchema,
    keys: &[Vec<String>],
) -> Result<String, PlanError> {
    let columns = key_of(table, schema)?;
    let arrays: Vec<String> =
        columns_of(table, keys, &columns)?.iter().map(|texts| sql::text_array(texts)).collect();
    let source = unnested(&columns, &arrays, "v");
    Ok(format!("EXISTS (SELECT FROM {source} WHERE {})", matches(&columns, "t0", "v")))
}

/// The columns of the primary key. Without one, no row can be told from another.
pub(crate) fn primary_key<'s>(
    collection: &Collection,
    schema: &'s LiveSchema,
) -> Result<Vec<&'s LiveColumn>, PlanError> {
    key_of(&collection.table, schema)
}

fn key_of<'s>(name: &TableName, schema: &'s LiveSchema) -> Result<Vec<&'s LiveColumn>, PlanError> {
    let table = schema.tables.get(name).ok_or_else(|| PlanError::NoTable(name.clone()))?;
    if table.primary_key.is_empty() {
        return Err(PlanError::NoPrimaryKey(name.clone()));
    }
    table.primary_key.iter().map(|column| sql::live_column(schema, name, column)).collect()
}

/// The columns of the primary key of the row `t0`, as the texts that [`Rows::Keys`] has.
pub(crate) fn key_texts(collection: &Collection, schema: &LiveSchema) -> Result<Vec<String>, PlanError> {
    let text = |column: &&LiveColumn| format!("t0.{}::pg_catalog.text", sql::identifier(&column.name));
    Ok(primary_key(collection, schema)?.iter().map(text).collect())
}

/// That the key of a row is that of one that is listed, column by column.
pub(crate) fn matches(columns: &[&LiveColumn], row: &str, listed: &str) -> String {
    let pair = |(place, column): (usize, &&LiveColumn)| {
        format!("{row}.{} {} {listed}.k{place}", sql::identifier(&column.name), sql::equality(column, column))
    };
    columns.iter().enumerate().map(pair).collect::<Vec<_>>().join(" AND ")
}

/// Keys, and values beside them, as rows of `v`.
pub(crate) fn source(
    columns: &[&LiveColumn],
    keys: Vec<Vec<Option<String>>>,
    values: Vec<Vec<Option<String>>>,
    parameters: &mut Parameters<'_>,
) -> String {
    let places: Vec<String> = keys.into_iter().chain(values).map(|texts| parameters.texts(texts)).collect();
    unnested(columns, &places, "v")
}

/// Arrays of text as rows: `k0`, `k1`, … of the types of these columns, and `v0`, `v1`, … as text
/// from what arrays there are more.
///
/// A cast cuts and rounds silently: `'acme-west'::varchar(4)` is `acme`, somebody else's key. So a
/// text that does not read back as itself is no key but NULL, which matches nothing. Those that the
/// server printed do. As a condition this would let the planner expect hardly a row, and compare
/// thousands of keys with thousands of rows one by one.
pub(crate) fn unnested(columns: &[&LiveColumn], arrays: &[String], alias: &str) -> String {
    let exact = |(place, column): (usize, &&LiveColumn)| {
        let key = format!("(s.k{place}::{})", column.sql_type);
        let reads_back = format!("{key}::pg_catalog.text OPERATOR(pg_catalog.=) s.k{place}");
        format!("CASE WHEN {reads_back} THEN {key} END AS k{place}")
    };
    let mut selected: Vec<String> = columns.iter().enumerate().map(exact).collect();
    let values = arrays.len().saturating_sub(columns.len());
    selected.extend((0..values).map(|place| format!("s.v{place}")));
    let keys = (0..columns.len()).map(|place| format!("k{place}"));
    let names: Vec<String> = keys.chain((0..values).map(|place| format!("v{place}"))).collect();
    let arrays: Vec<String> =
        arrays.iter().map(|array| format!("pg_catalog.unnest({array}::pg_catalog.text[])")).collect();
    format!(
        "(SELECT {} FROM ROWS FROM ({}) s ({})) {alias}",
        selected.join(", "),
        arrays.join(", "),
        names.join(", ")
    )
}

/// Keys as the columns of a source.
pub(crate) fn columns_of(
    table: &TableName,
    keys: &[Vec<String>],
    columns: &[&LiveColumn],
) -> Result<Vec<Vec<Option<String>>>, PlanError> {
    let cells = keys.iter().map(|key| key.iter().map(|text| Some(text.as_str())));
    transposed(cells, columns.len()).ok_or_else(|| PlanError::BadRow(table.clone()))
}

/// Rows of cells as columns; `None` when a row has another number of them.
pub(crate) fn transposed<'c, R: Iterator<Item = Option<&'c str>>>(
    rows: impl Iterator<Item = R>,
    width: usize,
) -> Option<Vec<Vec<Option<String>>>> {
    let mut columns = vec![Vec::new(); width];
    for mut row in rows {
        for column in &mut columns {
            column.push(row.next()?.map(str::to_owned));
        }
        if row.next().is_some() {
            return None;
        }
    }
    Some(columns)
}
