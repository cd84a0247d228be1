//! Which rows may be touched at all: the organisation's, up to the cutoff, and not held.

use chrono::{DateTime, Utc};
use domain::datamap::Collection;
use domain::id::OrganisationId;
use domain::schema::{LiveSchema, TableName};

use crate::export::rows_of;
use crate::range;
use crate::sql::PlanError;

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
    Ok(predicate)
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
