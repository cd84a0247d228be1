//! Which rows may be touched at all: the organisation's, up to the cutoff, and not held.

use chrono::{DateTime, Utc};
use domain::datamap::Collection;
use domain::erasure::{Aside, Guard};
use domain::hold::{Comparison, HeldRows, Hold};
use domain::id::OrganisationId;
use domain::schema::{LiveSchema, TableName};

use crate::cutoff::{Cutoff, made_by};
use crate::erase::keyed::{self, Parameters};
use crate::erase::standing::DoneBy;
use crate::export::rows_ever;
use crate::range;
use crate::sql::{self, PlanError};

/// Whose rows, until when, and which not.
#[derive(Debug, Clone, Copy)]
pub struct EraseScope<'a> {
    /// The organisation.
    pub organisation: &'a OrganisationId,
    /// Rows made later stay and are counted, by the store's clock, where the data map names a creation time;
    /// none does where it is absent. Those without a creation time count as made before.
    pub cutoff_at: Option<DateTime<Utc>>,
    /// Rows that one of these keeps stay.
    pub holds: &'a [Hold],
    /// Only rows that each of these keeps are touched: those that a hold kept, which now is released, of
    /// those that another one had kept before.
    pub only: &'a [HeldRows],
    /// Rows to which it was done already are not touched again.
    pub done: Option<DoneBy<'a>>,
    /// Rows that one of these keeps are another run's matter: neither touched nor counted here.
    pub beside: &'a [HeldRows],
    /// Whether rows that lead to another organisation too are spared, as those of a person who is a
    /// member of several.
    pub exclusive: bool,
    /// A row is spared that another row still refers to by one of these keys.
    pub guards: &'a [Guard],
    /// Nothing is deleted as long as a row that is not to go refers by one of these keys, which are the
    /// table's own, to one that is.
    pub threads: &'a [Guard],
}

impl<'a> EraseScope<'a> {
    /// Every row of the organisation up to the cutoff, if there is one.
    #[must_use]
    pub fn all(organisation: &'a OrganisationId, cutoff_at: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self {
            organisation,
            cutoff_at: cutoff_at.into(),
            holds: &[],
            only: &[],
            done: None,
            beside: &[],
            exclusive: false,
            guards: &[],
            threads: &[],
        }
    }

    pub(crate) fn cutoff(&self) -> Option<Cutoff> {
        self.cutoff_at.map(Cutoff::of_erasure)
    }
}

/// The condition under which a row of the collection, aliased `t0`, may be touched.
pub(crate) fn predicate(
    collection: &Collection,
    schema: &LiveSchema,
    scope: &EraseScope<'_>,
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    let mut predicate = meant(collection, schema, scope, parameters)?;
    if let Some(made) = made_by(collection, schema, scope.cutoff())? {
        predicate.push_str(&format!(" AND {made}"));
    }
    for hold in scope.holds {
        let held = held(&collection.table, schema, &hold.rows, parameters)?;
        predicate.push_str(&format!(" AND {}", not_held(&hold.rows, &held)));
    }
    if let Some(path) = collection.tenant.as_ref().filter(|_| scope.exclusive) {
        let elsewhere = sql::elsewhere_predicate(&collection.table, path, schema, scope.organisation)?;
        predicate.push_str(&format!(" AND NOT ({elsewhere})"));
    }
    for guard in scope.guards {
        let referred = guarded(&collection.table, schema, (guard, scope), parameters)?;
        predicate.push_str(&format!(" AND NOT ({referred})"));
    }
    Ok(predicate)
}

/// The condition under which a row `t0` is one that the scope is about, whenever it was made and whoever
/// keeps it.
pub(crate) fn meant(
    collection: &Collection,
    schema: &LiveSchema,
    scope: &EraseScope<'_>,
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    let mut meant = rows_ever(collection, schema, scope.organisation)?;
    for only in scope.only {
        meant.push_str(&format!(" AND ({})", held(&collection.table, schema, only, parameters)?));
    }
    for beside in scope.beside {
        let kept = held(&collection.table, schema, beside, parameters)?;
        meant.push_str(&format!(" AND {}", not_held(beside, &kept)));
    }
    if let Some(done) = &scope.done {
        meant.push_str(&format!(" AND ({}) IS TRUE", done.undone(collection, schema, parameters)?));
    }
    Ok(meant)
}

/// The condition under which another table's row that counts refers to the row `t0` by that key.
pub(crate) fn guarded(
    table: &TableName,
    schema: &LiveSchema,
    (guard, scope): (&Guard, &EraseScope<'_>),
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    let Some(aside) = &guard.aside else { return referred_to(table, schema, guard) };
    let counts = counts(&guard.table, schema, (aside, scope), parameters)?;
    referred_to_by(table, schema, (guard, &counts))
}

/// The condition under which another table's row refers to the row `t0` by that key, for which, as a row `t0`
/// itself, the condition holds.
pub(crate) fn referred_to_by(
    table: &TableName,
    schema: &LiveSchema,
    (guard, condition): (&Guard, &str),
) -> Result<String, PlanError> {
    let (mut columns, mut matches) = (Vec::new(), Vec::new());
    for (at, (from, to)) in guard.columns.iter().zip(&guard.target_columns).enumerate() {
        let referring = sql::live_column(schema, &guard.table, from)?;
        let equals = sql::equality(referring, sql::live_column(schema, table, to)?);
        columns.push(format!("t0.{} AS r{at}", sql::identifier(from)));
        matches.push(format!("g.r{at} {equals} t0.{}", sql::identifier(to)));
    }
    // The inner query sees its own `t0` only.
    Ok(format!(
        "EXISTS (SELECT FROM (SELECT {} FROM {} t0 WHERE {condition}) g WHERE {})",
        columns.join(", "),
        sql::relation(&guard.table),
        matches.join(" AND ")
    ))
}

/// The condition under which a row `t0` of the referring table is none of those that are put aside.
pub(crate) fn counts(
    referring: &TableName,
    schema: &LiveSchema,
    (aside, scope): (&Aside, &EraseScope<'_>),
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    let mut own = sql::tenant_predicate(referring, &aside.tenant, schema, scope.organisation)?;
    if let Some((time, cutoff)) = aside.created_at.as_ref().zip(scope.cutoff()) {
        own.push_str(&format!(" AND {}", cutoff.met(time, (schema, referring))?));
    }
    let mut counts = format!("({own}) IS NOT TRUE");
    for rows in &aside.held {
        counts.push_str(&format!(" OR ({}) IS TRUE", held(referring, schema, rows, parameters)?));
    }
    Ok(format!("({counts})"))
}

/// The condition under which another table's row refers to the row `t0` by that key.
pub(crate) fn referred_to(
    table: &TableName,
    schema: &LiveSchema,
    guard: &Guard,
) -> Result<String, PlanError> {
    let mut matches = Vec::new();
    for (from, to) in guard.columns.iter().zip(&guard.target_columns) {
        let referring = sql::live_column(schema, &guard.table, from)?;
        let equals = sql::equality(referring, sql::live_column(schema, table, to)?);
        matches.push(format!("g.{} {equals} t0.{}", sql::identifier(from), sql::identifier(to)));
    }
    let referring = sql::relation(&guard.table);
    Ok(format!("EXISTS (SELECT FROM {referring} g WHERE {})", matches.join(" AND ")))
}

/// The condition under which a row refers to the row `t0`, by a key of their own table, for which
/// `conditions` do not hold.
pub(crate) fn threaded(
    table: &TableName,
    schema: &LiveSchema,
    (thread, conditions): (&Guard, &str),
) -> Result<String, PlanError> {
    let relation = sql::relation(table);
    let same =
        identity(table, schema)?.into_iter().map(|(name, equals)| format!("t0.{name} {equals} g.{name}"));
    let same: Vec<String> = same.collect();
    let refers = referred_to(table, schema, thread)?;
    let refers = refers.strip_suffix(')').unwrap_or(&refers);
    let same = same.join(" AND ");
    Ok(format!("{refers} AND NOT EXISTS (SELECT FROM {relation} t0 WHERE ({conditions}) AND {same}))"))
}

/// The columns by which a row of the table is told from another, each with the operator that compares it: the
/// primary key, or else where the row lies.
pub(crate) fn identity(
    table: &TableName,
    schema: &LiveSchema,
) -> Result<Vec<(String, &'static str)>, PlanError> {
    let live = schema.tables.get(table).ok_or_else(|| PlanError::NoTable(table.clone()))?;
    if live.primary_key.is_empty() {
        return Ok(["tableoid", "ctid"].map(|name| (name.to_owned(), "OPERATOR(pg_catalog.=)")).to_vec());
    }
    let one = |name: &String| {
        let column = sql::live_column(schema, table, name)?;
        Ok((sql::identifier(name), sql::equality(column, column)))
    };
    live.primary_key.iter().map(one).collect()
}

/// The condition under which a hold does not keep a row, by the one under which it does. Never NULL; where the
/// hold lists its rows, one of which the server makes a join.
pub(crate) fn not_held(rows: &HeldRows, held: &str) -> String {
    match rows {
        HeldRows::Keys(_) => format!("NOT {held}"),
        HeldRows::Where(_) => format!("({held}) IS NOT TRUE"),
    }
}

/// The condition under which a hold keeps the row `t0`; NULL counts as not kept.
pub(crate) fn held(
    table: &TableName,
    schema: &LiveSchema,
    rows: &HeldRows,
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    let comparisons = match rows {
        HeldRows::Keys(keys) => return keyed::listed(table, schema, keys, parameters),
        HeldRows::Where(comparisons) => comparisons,
    };
    let one = |Comparison { column, operator, value }: &Comparison| {
        range::compare(
            table,
            schema,
            std::slice::from_ref(column),
            operator.sign(),
            std::slice::from_ref(value),
        )
    };
    let conditions = comparisons.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") })
}
