//! Rows selected for a statement: by a key range, or by their keys one by one.

use domain::datamap::Collection;
use domain::schema::{LiveColumn, LiveSchema};
use tokio_postgres::types::{ToSql, Type};

use crate::erase::scope::{self, EraseScope};
use crate::erase::statement::Rows;
use crate::range;
use crate::sql::{self, PlanError};

/// What is bound to a statement.
#[derive(Default)]
pub(crate) struct Parameters<'a>(Vec<Parameter<'a>>);

enum Parameter<'a> {
    Bytes(&'a [u8]),
    Texts(Vec<Option<String>>),
}

impl<'a> Parameters<'a> {
    /// Binds bytes; their placeholder.
    pub(crate) fn bytes(&mut self, bytes: &'a [u8]) -> String {
        self.0.push(Parameter::Bytes(bytes));
        format!("${}", self.0.len())
    }

    fn texts(&mut self, texts: Vec<Option<String>>) -> String {
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
        let mut conditions = vec![scope::predicate(collection, schema, scope, parameters)?];
        let (source, at_most) = match rows {
            Rows::Range(range) => {
                conditions.extend(range::conditions(&collection.table, schema, range)?);
                (None, None)
            }
            Rows::Keys(keys) => {
                let columns = primary_key(collection, schema)?;
                let source =
                    source(&columns, columns_of(collection, keys, &columns)?, Vec::new(), parameters);
                conditions.splice(0..0, [matches(&columns)]);
                (Some(source), u64::try_from(keys.len()).ok())
            }
        };
        Ok(Self { source, conditions: conditions.join(" AND "), at_most })
    }
}

/// The condition under which the key of the row `t0` is one of these.
pub(crate) fn listed(
    collection: &Collection,
    schema: &LiveSchema,
    keys: &[Vec<String>],
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    let columns = primary_key(collection, schema)?;
    let source = source(&columns, columns_of(collection, keys, &columns)?, Vec::new(), parameters);
    Ok(format!("EXISTS (SELECT FROM {source} WHERE {})", matches(&columns)))
}

/// The columns of the primary key. Without one, no row can be told from another.
pub(crate) fn primary_key<'s>(
    collection: &Collection,
    schema: &'s LiveSchema,
) -> Result<Vec<&'s LiveColumn>, PlanError> {
    let name = &collection.table;
    let table = schema.tables.get(name).ok_or_else(|| PlanError::NoTable(name.clone()))?;
    if table.primary_key.is_empty() {
        return Err(PlanError::NoPrimaryKey(name.clone()));
    }
    table.primary_key.iter().map(|column| sql::live_column(schema, name, column)).collect()
}

/// That the key of `t0` is that of `v`, column by column.
pub(crate) fn matches(columns: &[&LiveColumn]) -> String {
    let pair = |(place, column): (usize, &&LiveColumn)| {
        format!("t0.{} {} v.k{place}", sql::identifier(&column.name), sql::equality(column, column))
    };
    columns.iter().enumerate().map(pair).collect::<Vec<_>>().join(" AND ")
}

/// Keys, and values beside them, as rows: `k0`, `k1`, … of the key's types and `v0`, `v1`, … as text.
///
/// A cast cuts and rounds silently: `'acme-west'::varchar(4)` is `acme`, somebody else's key. So a
/// text that does not read back as itself is no key. Those that the server printed do.
pub(crate) fn source(
    columns: &[&LiveColumn],
    keys: Vec<Vec<Option<String>>>,
    values: Vec<Vec<Option<String>>>,
    parameters: &mut Parameters<'_>,
) -> String {
    let (mut selected, mut exact) = (Vec::new(), Vec::new());
    for (place, column) in columns.iter().enumerate() {
        let key = format!("(s.k{place}::{})", column.sql_type);
        exact.push(format!("{key}::pg_catalog.text OPERATOR(pg_catalog.=) s.k{place}"));
        selected.push(format!("{key} AS k{place}"));
    }
    selected.extend((0..values.len()).map(|place| format!("s.v{place}")));
    let names: Vec<String> = (0..keys.len())
        .map(|place| format!("k{place}"))
        .chain((0..values.len()).map(|place| format!("v{place}")))
        .collect();
    let arrays: Vec<String> = keys
        .into_iter()
        .chain(values)
        .map(|texts| format!("pg_catalog.unnest({}::pg_catalog.text[])", parameters.texts(texts)))
        .collect();
    format!(
        "(SELECT {} FROM ROWS FROM ({}) s ({}) WHERE {}) v",
        selected.join(", "),
        arrays.join(", "),
        names.join(", "),
        exact.join(" AND ")
    )
}

/// Keys as the columns of a source.
pub(crate) fn columns_of(
    collection: &Collection,
    keys: &[Vec<String>],
    columns: &[&LiveColumn],
) -> Result<Vec<Vec<Option<String>>>, PlanError> {
    let cells = keys.iter().map(|key| key.iter().map(|text| Some(text.as_str())));
    transposed(cells, columns.len()).ok_or_else(|| PlanError::BadRow(collection.table.clone()))
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
