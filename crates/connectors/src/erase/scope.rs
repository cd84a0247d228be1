//! Which rows may be touched at all: the organisation's, up to the cutoff, and not held.

use chrono::{DateTime, Utc};
use domain::datamap::Collection;
use domain::erasure::Guard;
use domain::id::OrganisationId;
use domain::schema::{LiveSchema, TableName};

use crate::export::rows_of;
use crate::range;
use crate::sql::{self, PlanError};

/// Whose rows, until when, and which not.
#[derive(Debug, Clone, Copy)]
pub struct EraseScope<'a> {
    /// The organisation.
    pub organisation: &'a OrganisationId,
    /// Rows made later stay, by the store's clock, where the data map names a creation time. Those
    /// without a creation time count as made before.
    pub cutoff_at: DateTime<Utc>,
    /// Rows that one of these holds stay.
    pub holds: &'a [Hold],
    /// Whether rows that lead to another organisation too are spared, as those of a person who is a
    /// member of several.
    pub exclusive: bool,
    /// A row is spared that another row still refers to by one of these keys.
    pub guards: &'a [Guard],
}

impl<'a> EraseScope<'a> {
    /// Every row of the organisation up to the cutoff.
    #[must_use]
    pub fn all(organisation: &'a OrganisationId, cutoff_at: DateTime<Utc>) -> Self {
        Self { organisation, cutoff_at, holds: &[], exclusive: false, guards: &[] }
    }
}

/// A legal hold: it keeps the rows for which all of its comparisons are true. One without any keeps
/// all rows. What a comparison with NULL gives is not true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The comparisons.
    pub comparisons: Vec<Comparison>,
}

/// A column of the row compared with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The column, which the live schema must have.
    pub column: String,
    /// How.
    pub operator: Operator,
    /// The value in its text form, read by the server as one of the column's type.
    pub value: String,
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Operator {
    fn sql(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// The condition under which a row of the collection, aliased `t0`, may be touched.
pub(crate) fn predicate(
    collection: &Collection,
    schema: &LiveSchema,
    scope: &EraseScope<'_>,
) -> Result<String, PlanError> {
    let mut predicate = rows_of(collection, schema, scope.organisation, scope.cutoff_at)?;
    for hold in scope.holds {
        predicate.push_str(&format!(" AND ({}) IS NOT TRUE", held(&collection.table, schema, hold)?));
    }
    if let Some(path) = collection.tenant.as_ref().filter(|_| scope.exclusive) {
        let elsewhere = sql::elsewhere_predicate(&collection.table, path, schema, scope.organisation)?;
        predicate.push_str(&format!(" AND NOT ({elsewhere})"));
    }
    for guard in scope.guards {
        predicate.push_str(&format!(" AND NOT ({})", referred_to(&collection.table, schema, guard)?));
    }
    Ok(predicate)
}

/// The condition under which another table's row refers to the row `t0` by that key.
fn referred_to(table: &TableName, schema: &LiveSchema, guard: &Guard) -> Result<String, PlanError> {
    let mut matches = Vec::new();
    for (from, to) in guard.columns.iter().zip(&guard.target_columns) {
        let referring = sql::live_column(schema, &guard.table, from)?;
        let equals = sql::equality(referring, sql::live_column(schema, table, to)?);
        matches.push(format!("g.{} {equals} t0.{}", sql::identifier(from), sql::identifier(to)));
    }
    let referring = sql::relation(&guard.table);
    Ok(format!("EXISTS (SELECT FROM {referring} g WHERE {})", matches.join(" AND ")))
}

fn held(table: &TableName, schema: &LiveSchema, hold: &Hold) -> Result<String, PlanError> {
    let one = |comparison: &Comparison| {
        let Comparison { column, operator, value } = comparison;
        range::compare(
            table,
            schema,
            std::slice::from_ref(column),
            operator.sql(),
            std::slice::from_ref(value),
        )
    };
    let comparisons = hold.comparisons.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(if comparisons.is_empty() { "TRUE".to_owned() } else { comparisons.join(" AND ") })
}
