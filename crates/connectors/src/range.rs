//! Key ranges: a collection cut along its key, so that several steps can read it side by side.

use std::fmt;

use domain::schema::{LiveColumn, LiveSchema, Table, TableName, TypeFamily};
use serde::{Deserialize, Serialize};

use crate::sql::{self, PlanError};

/// The rows of a collection whose key is at or after `from` and before `to`.
///
/// The bounds are the text forms of the key's columns, as PostgreSQL writes and reads them, and the
/// order is the database's own. Since the ranges of one cut share their bounds, every key lies in
/// exactly one of them, also one that did not exist when they were cut. That a row stays in its
/// range rests on its key never changing.
///
/// A key may be personal data (an e-mail address): a range belongs into object storage, never into
/// the control database, and its `Debug` shows no bound.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRange {
    /// The columns of the key in its order; empty where there is nothing to cut along.
    pub columns: Vec<String>,
    /// The first key inside; `None` where the range has no beginning.
    pub from: Option<Vec<String>>,
    /// The first key after it; `None` where the range has no end.
    pub to: Option<Vec<String>>,
}

impl KeyRange {
    /// All rows.
    #[must_use]
    pub fn whole() -> Self {
        Self { columns: Vec::new(), from: None, to: None }
    }

    /// Whether it holds all rows.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// The ranges between these bounds, which ascend; one more than there are bounds.
    pub(crate) fn between(columns: &[String], bounds: Vec<Vec<String>>) -> Vec<Self> {
        let mut ranges = Vec::with_capacity(bounds.len().saturating_add(1));
        let mut from = None;
        for bound in bounds {
            let to = Some(bound.clone());
            ranges.push(Self { columns: columns.to_vec(), from: from.replace(bound), to });
        }
        ranges.push(Self { columns: columns.to_vec(), from, to: None });
        ranges
    }
}

impl fmt::Debug for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRange").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// The columns along which a table can be cut: its primary key, or else the first unique key
/// without NULLs; empty when there is none whose order we can ask for.
pub(crate) fn key(table: &Table) -> Vec<String> {
    let primary = Some(&table.primary_key).filter(|columns| usable(table, columns, false));
    let unique = || table.unique.iter().find(|columns| usable(table, columns, true));
    primary.or_else(unique).cloned().unwrap_or_default()
}

fn usable(table: &Table, columns: &[String], may_be_null: bool) -> bool {
    let fits = |name: &String| {
        table.column(name).is_some_and(|column| ordered(column) && (column.not_null || !may_be_null))
    };
    !columns.is_empty() && columns.iter().all(fits)
}

/// Whether the order of the type is in `pg_catalog`, where we may name it, or is that of `citext`.
/// The types of other extensions and row types bring operators of their own from anywhere.
fn ordered(column: &LiveColumn) -> bool {
    column.family != TypeFamily::Other || !column.sql_type.contains('.')
}

/// The conditions under which a row of `table`, aliased `t0`, lies in the range.
///
/// A composite key is compared as a row: lexicographically, as its index is ordered. The columns'
/// own collations hold, for a literal has none.
///
/// # Errors
/// When a column of the key is no longer there, or the bounds do not fit the columns.
pub(crate) fn conditions(
    table: &TableName,
    schema: &LiveSchema,
    range: &KeyRange,
) -> Result<Vec<String>, PlanError> {
    let mut conditions = Vec::new();
    for (operator, bound) in [(">=", &range.from), ("<", &range.to)] {
        let Some(bound) = bound else { continue };
        conditions.push(compare(table, schema, &range.columns, operator, bound)?);
    }
    Ok(conditions)
}

/// The condition under which the key of a row of `table`, aliased `t0`, is so to one key.
///
/// # Errors
/// When a column of the key is not there, or the key does not fit the columns.
pub(crate) fn compare(
    table: &TableName,
    schema: &LiveSchema,
    key: &[String],
    operator: &str,
    bound: &[String],
) -> Result<String, PlanError> {
    let columns =
        key.iter().map(|name| sql::live_column(schema, table, name)).collect::<Result<Vec<_>, _>>()?;
    if bound.len() != columns.len() || columns.is_empty() {
        return Err(PlanError::BadRange(table.clone()));
    }
    let keys = tuple(columns.iter().map(|column| format!("t0.{}", sql::identifier(&column.name))));
    let values = tuple(columns.iter().zip(bound).map(|(column, value)| value_of(column, value)));
    let by_name = columns.iter().any(|column| sql::by_name(column));
    let operator = operator_of(by_name, operator);
    Ok(format!("{keys} {operator} {values}"))
}

/// An operator by its sign: found by name where the columns' type asks for it, else that of `pg_catalog`.
pub(crate) fn operator_of(by_name: bool, sign: &str) -> String {
    if by_name { sign.to_owned() } else { format!("OPERATOR(pg_catalog.{sign})") }
}

/// A bound as a literal. Without a type it gets the column's own, and no collation that could
/// contradict the column's; only types that cannot be guessed from the other side are named.
fn value_of(column: &LiveColumn, value: &str) -> String {
    let value = sql::literal(value);
    if is_named(column) { format!("{value}::{}", column.sql_type) } else { value }
}

/// Whether a literal that is compared with the column names the column's type.
pub(crate) fn is_named(column: &LiveColumn) -> bool {
    column.family == TypeFamily::Other
}

/// One expression as it is, several as a row.
fn tuple(expressions: impl Iterator<Item = String>) -> String {
    let expressions: Vec<String> = expressions.collect();
    match expressions.as_slice() {
        [only] => only.clone(),
        many => format!("ROW({})", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use domain::schema::Equality;

    use super::*;

    fn column(name: &str, sql_type: &str, family: TypeFamily, not_null: bool) -> LiveColumn {
        let (name, sql_type) = (name.to_owned(), sql_type.to_owned());
        LiveColumn { name, sql_type, family, not_null, generated: false, equality: Equality::Exact }
    }

    fn table(columns: Vec<LiveColumn>, primary: &[&str], unique: &[&[&str]]) -> Table {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let unique = unique.iter().map(|columns| names(columns)).collect();
        Table { columns, primary_key: names(primary), unique, ..Table::default() }
    }

    #[test]
    fn the_key_is_the_primary_one_or_a_unique_one_without_nulls() {
        use TypeFamily::{Number, Other};
        let columns = || {
            vec![
                column("id", "bigint", Number, true),
                column("code", "integer", Number, false),
                column("no", "integer", Number, true),
                column("path", "public.ltree", Other, true),
                column("flags", "bit(3)", Other, true),
            ]
        };
        for (primary, unique, expected) in [
            (&["id"][..], &[&["no"][..]][..], &["id"][..]),
            (&[], &[&["code"], &["no"]], &["no"]),
            (&[], &[&["code"]], &[]),
            (&[], &[], &[]),
            (&["path"], &[], &[]),
            (&["path"], &[&["no", "id"]], &["no", "id"]),
            (&["flags"], &[], &["flags"]),
            (&["hidden"], &[], &[]),
        ] {
            assert_eq!(key(&table(columns(), primary, unique)), expected, "{primary:?} {unique:?}");
        }
    }

    #[test]
    fn neighbours_share_their_bound_and_the_ends_are_open() {
        let columns = ["id".to_owned()];
        let bound = |text: &str| vec![text.to_owned()];
        assert!(KeyRange::between(&columns, Vec::new())[0].is_whole());
        let ranges = KeyRange::between(&columns, vec![bound("b"), bound("d")]);
        let ends: Vec<_> = ranges.iter().map(|range| (range.from.clone(), range.to.clone())).collect();
        let (b, d) = (Some(bound("b")), Some(bound("d")));
        assert_eq!(ends, [(None, b.clone()), (b, d.clone()), (d, None)]);
        assert!(!format!("{ranges:?}").contains(r#""d""#), "bounds may be personal data");
        let text = serde_json::to_string(&ranges).unwrap();
        assert_eq!(serde_json::from_str::<Vec<KeyRange>>(&text).unwrap(), ranges);
    }

    #[test]
    fn bounds_that_do_not_fit_the_key_are_refused() {
        let name = TableName { schema: "public".to_owned(), table: "t".to_owned() };
        let live = table(vec![column("id", "bigint", TypeFamily::Number, true)], &["id"], &[]);
        let schema = LiveSchema { tables: [(name.clone(), live)].into(), ..LiveSchema::default() };
        let range = |columns: &[&str], from: &[&str]| KeyRange {
            columns: columns.iter().map(|text| (*text).to_owned()).collect(),
            from: Some(from.iter().map(|text| (*text).to_owned()).collect()),
            to: None,
        };
        let fits = conditions(&name, &schema, &range(&["id"], &["0"])).unwrap();
        assert_eq!(fits, [r#"t0."id" OPERATOR(pg_catalog.>=) '0'"#]);
        for (columns, from) in [(&["id"][..], &["1", "2"][..]), (&["id"], &[]), (&[], &[])] {
            let refused = conditions(&name, &schema, &range(columns, from));
            assert_eq!(refused, Err(PlanError::BadRange(name.clone())));
        }
        assert!(matches!(
            conditions(&name, &schema, &range(&["gone"], &["1"])),
            Err(PlanError::NoColumn { .. })
        ));
    }
}
