//! Statements as text: quoting, and the predicate that selects an organisation's rows.
//!
//! COPY takes no bind parameters, so values enter as literals, escaped by the protocol crate.

use domain::datamap::{DataMap, TenantPath};
use domain::id::OrganisationId;
use domain::schema::{LiveColumn, LiveSchema, TableName, TypeFamily};
use postgres_protocol::escape::{escape_identifier, escape_literal};

/// Why the data map's words cannot be turned into SQL. The live check reports all of these before
/// any job runs; here they mean that the schema changed since.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// The table is not there, or the role may not read it.
    #[error("there is no table {0} that the role can read")]
    NoTable(TableName),
    /// The column is not there, or the role may not read it.
    #[error("there is no column `{column}` in {table} that the role can read")]
    NoColumn {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// The data map has no such collection.
    #[error("the data map has no collection `{0}`")]
    NoCollection(String),
    /// The collection leads to no organisation.
    #[error("the collection {0} leads to no organisation; give it a `lethe: {{tenant: …}}`")]
    NoTenant(TableName),
    /// The creation time is no time.
    #[error("the column `{column}` of {table} must be a timestamp or a date to be compared with the cutoff")]
    NotATime {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// A key range was cut along another key than the one that is there.
    #[error("the key range of {0} has not one value for each column of its key")]
    BadRange(TableName),
    /// The table has no primary key, by which its rows could be addressed.
    #[error("the table {0} has no primary key, by which its rows could be addressed")]
    NoPrimaryKey(TableName),
    /// A key has not one value for each column of the primary key, or a row not one for each column
    /// that is to be written.
    #[error("a row of {0} has not one value for each column of its key and of what is written")]
    BadRow(TableName),
    /// The strategy cannot apply to the column, or not as part of a statement.
    #[error("the strategy `{strategy}` cannot be applied by a statement to the column `{column}` of {table}")]
    Misfit {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// The strategy's name.
        strategy: &'static str,
    },
    /// No column is to be changed.
    #[error("no column of {0} is to be changed")]
    NothingToChange(TableName),
    /// No dataset names the organisations' table.
    #[error("no dataset of the data map says which table holds the organisations")]
    NoOrganisations,
}

/// An identifier, quoted.
pub(crate) fn identifier(name: &str) -> String {
    escape_identifier(name)
}

/// A string literal without a type.
pub(crate) fn literal(text: &str) -> String {
    escape_literal(text)
}

/// An array of texts as a literal without a type.
pub(crate) fn text_array(texts: &[Option<String>]) -> String {
    let mut array = String::from("{");
    for text in texts {
        if array.len() > 1 {
            array.push(',');
        }
        let Some(text) = text else {
            array.push_str("NULL");
            continue;
        };
        array.push('"');
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                array.push('\\');
            }
            array.push(character);
        }
        array.push('"');
    }
    array.push('}');
    literal(&array)
}

/// A table, quoted, with its schema.
pub(crate) fn relation(name: &TableName) -> String {
    format!("{}.{}", identifier(&name.schema), identifier(&name.table))
}

/// The column of a table that the live schema must have.
pub(crate) fn live_column<'a>(
    schema: &'a LiveSchema,
    table: &TableName,
    column: &str,
) -> Result<&'a LiveColumn, PlanError> {
    let found = schema.tables.get(table).ok_or_else(|| PlanError::NoTable(table.clone()))?;
    found
        .column(column)
        .ok_or_else(|| PlanError::NoColumn { table: table.clone(), column: column.to_owned() })
}

/// The condition under which a row of `table`, aliased `t0`, belongs to the organisation.
///
/// Each hop is a semi-join (`EXISTS`), so a row is found once however many rows it joins with. The
/// planner makes of it what it makes of `IN`, but every pair of columns has its own operator, and
/// every column carries the alias of its table, so that none is captured by a subquery that has
/// one of the same name.
///
/// # Errors
/// When a table or column on the way is missing.
pub(crate) fn tenant_predicate(
    table: &TableName,
    path: &TenantPath,
    schema: &LiveSchema,
    organisation: &OrganisationId,
) -> Result<String, PlanError> {
    way_predicate(table, path, schema, |depth, key| key_predicate(depth, key, organisation))
}

/// The condition under which a row of `table`, aliased `t0`, leads to some other organisation too.
///
/// # Errors
/// As [`tenant_predicate`].
pub(crate) fn elsewhere_predicate(
    table: &TableName,
    path: &TenantPath,
    schema: &LiveSchema,
    organisation: &OrganisationId,
) -> Result<String, PlanError> {
    way_predicate(table, path, schema, |depth, key| {
        format!("NOT ({})", key_predicate(depth, key, organisation))
    })
}

/// The way from a row to its organisations' keys, of which one must be as `key_is` says.
fn way_predicate(
    table: &TableName,
    path: &TenantPath,
    schema: &LiveSchema,
    key_is: impl FnOnce(usize, &LiveColumn) -> String,
) -> Result<String, PlanError> {
    let (mut here, mut predicate, mut closing) = (table, String::new(), String::new());
    for (depth, hop) in path.hops.iter().enumerate() {
        let next = depth + 1;
        predicate.push_str(&format!("EXISTS (SELECT FROM {} t{next} WHERE ", relation(&hop.target)));
        for (from, to) in hop.columns.iter().zip(&hop.target_columns) {
            let equals = equality(live_column(schema, here, from)?, live_column(schema, &hop.target, to)?);
            predicate.push_str(&format!(
                "t{next}.{} {equals} t{depth}.{} AND ",
                identifier(to),
                identifier(from)
            ));
        }
        closing.push(')');
        here = &hop.target;
    }
    let key = live_column(schema, here, &path.key_column)?;
    predicate.push_str(&key_is(path.hops.len(), key));
    predicate.push_str(&closing);
    Ok(predicate)
}

/// The comparison of an organisation's key with its id.
///
/// The literal has no type, so the server gives it the column's own and equality is the database's
/// own. An explicit cast would not do: `'acme-west'::varchar(4)` is silently `acme`,
/// `'12.4'::numeric(5)` is 12, and both would be somebody else's rows.
pub(crate) fn key_predicate(depth: usize, key: &LiveColumn, organisation: &OrganisationId) -> String {
    let value = literal(organisation.as_str());
    format!("t{depth}.{} {} {value}", identifier(&key.name), equality(key, key))
}

/// The operator that compares two columns: that of `pg_catalog` for every type but `citext`.
pub(crate) fn equality(left: &LiveColumn, right: &LiveColumn) -> &'static str {
    if by_name(left) || by_name(right) { "=" } else { "OPERATOR(pg_catalog.=)" }
}

/// Whether the operators of a column's type are found by name, through the path that the
/// transaction sets. Textual types that are written with a schema are `citext` or domains, possibly
/// over `citext`.
pub(crate) fn by_name(column: &LiveColumn) -> bool {
    column.family == TypeFamily::Text && column.sql_type.contains('.')
}

/// The statement that looks an organisation up in its own table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganisationRead {
    pub(crate) table: TableName,
    pub(crate) sql: String,
}

impl OrganisationRead {
    /// Plans the look-up, for the store of the dataset that [`DataMap::organisation`] names.
    ///
    /// # Errors
    /// When the map names no such table, or the live schema has not what it names.
    pub fn plan(
        map: &DataMap,
        schema: &LiveSchema,
        organisation: &OrganisationId,
    ) -> Result<Self, PlanError> {
        let (dataset, root) = map.organisation().ok_or(PlanError::NoOrganisations)?;
        let collection = dataset.collection(&root.collection).ok_or(PlanError::NoOrganisations)?;
        let table = collection.table.clone();
        let name = match &root.name {
            Some(name) => {
                format!("t0.{}::pg_catalog.text", identifier(&live_column(schema, &table, name)?.name))
            }
            None => "NULL::pg_catalog.text".to_owned(),
        };
        let key = live_column(schema, &table, &root.key)?;
        let predicate = key_predicate(0, key, organisation);
        let sql = format!("SELECT {name} FROM {} t0 WHERE {predicate} LIMIT 1", relation(&table));
        Ok(Self { table, sql })
    }
}
