//! Constraints as questions: how many planned rows would break it.

use domain::datamap::Strategy;

use super::kinds::{Constraint, Constraints, Key, Rule};
use super::rows::{NewRows, PLACE, within};
use super::{About, Asked, Question, Writes};
use crate::erase::strategy::{in_statement, residual};
use crate::export::tables_of;
use crate::sql::{self, PlanError};

impl Constraints {
    /// What is to be asked, and what cannot be. What the strategies cannot break is neither.
    ///
    /// # Errors
    /// When the live schema has not what the map or the rows need.
    pub fn asked<'a>(&self, writes: &Writes<'a>) -> Result<Vec<Asked<'a>>, PlanError> {
        let mut asked = Vec::new();
        for constraint in &self.constraints {
            let rows = NewRows::of(writes, &self.columns)?;
            let about = self.about(constraint, &rows);
            if let Some(why) = unproven(constraint, &about, &rows) {
                asked.push(Asked::Unproven(about, why));
            } else if let Some(sql) = question(constraint, &rows)? {
                let (parameters, tables) = (rows.parameters, tables_of(writes.collection));
                asked.push(Asked::Query(about, Question { sql, parameters, tables }));
            }
        }
        Ok(asked)
    }

    fn about(&self, constraint: &Constraint, rows: &NewRows<'_, '_>) -> About {
        let read = |column: &str| {
            let mut from = self.columns.iter().filter(|of| constraint.reads.contains(&of.name));
            constraint.reads.iter().any(|name| name == column)
                || from.any(|of| of.computed_from.iter().any(|name| name == column))
        };
        let changed = rows.writes.changes.iter().map(|change| &change.column);
        let columns = changed.filter(|name| rows.change(name).is_some() && read(name)).cloned().collect();
        About { table: constraint.table.clone(), constraint: constraint.name.clone(), columns }
    }
}

/// Why it cannot be asked of all rows, if it cannot.
fn unproven(constraint: &Constraint, about: &About, rows: &NewRows<'_, '_>) -> Option<String> {
    if matches!(constraint.rule, Rule::Unreadable) {
        return Some("it reads whole rows, or what is no column".to_owned());
    }
    let table = rows.writes.schema.tables.get(&rows.writes.collection.table);
    let hidden = constraint.reads.iter().find(|name| table.is_none_or(|table| table.column(name).is_none()));
    if let Some(name) = hidden {
        return Some(format!("the eraser's role may not read `{name}`; grant it SELECT on that column"));
    }
    let computed = |name: &&String| rows.change(name).is_some_and(|change| !in_statement(&change.strategy));
    let name = about.columns.iter().find(computed)?;
    let strategy = rows.change(name)?.strategy.name();
    Some(format!("the new values of `{name}` (`{strategy}`) are not computed by the database"))
}

/// The query; `None` where no row can break the constraint.
fn question(constraint: &Constraint, rows: &NewRows<'_, '_>) -> Result<Option<String>, PlanError> {
    let only = constraint.only.as_deref();
    Ok(match &constraint.rule {
        Rule::Check(expression) => {
            let all = rows.with(&constraint.reads, only, false)?;
            Some(refuted(constraint, rows, (expression, &all), None))
        }
        Rule::Domain(expression) => {
            let Some(name) = constraint.reads.first() else { return Ok(None) };
            let all = rows.selected(&format!("{} AS value", rows.value(name)?), only);
            Some(refuted(constraint, rows, (expression, &all), Some("value")))
        }
        Rule::Length(most) => {
            let Some(name) = constraint.reads.first() else { return Ok(None) };
            too_long(rows, name, *most)?
        }
        Rule::Partitions(bounds) => Some(moved(&rows.with(&constraint.reads, only, true)?, bounds)),
        Rule::Unique { keys, predicate, nulls_distinct } => {
            let index = Index { constraint, keys, predicate: predicate.as_deref(), rows };
            if *nulls_distinct { index.unique()? } else { Some(index.nulls_alike()?) }
        }
        Rule::Exclude { keys, operators, predicate } => {
            let index = Index { constraint, keys, predicate: predicate.as_deref(), rows };
            index.excluded(operators)?
        }
        Rule::Unreadable => None,
    })
}

/// How many of these rows make the expression false. Where all that it reads becomes NULL, one row tells
/// of all.
fn refuted(
    constraint: &Constraint,
    rows: &NewRows<'_, '_>,
    (expression, all): (&str, &str),
    renamed: Option<&str>,
) -> String {
    let count = format!("SELECT pg_catalog.count(*) FROM ({all}) x WHERE NOT ({expression})");
    let nulled = |name: &String| rows.change(name).is_some_and(|change| change.strategy == Strategy::Null);
    if constraint.reads.is_empty() || !constraint.reads.iter().all(nulled) {
        return count;
    }
    let null = |name: &String| {
        let named = renamed.map_or_else(|| sql::identifier(name), str::to_owned);
        format!("{} AS {named}", rows.typed(name, "NULL"))
    };
    let nulls: Vec<String> = constraint.reads.iter().map(null).collect();
    format!(
        "SELECT CASE WHEN (SELECT ({expression}) IS FALSE FROM (SELECT {}) x) THEN ({count}) ELSE 0::pg_catalog.int8 END",
        nulls.join(", ")
    )
}

/// A domain hides the length of its type. An assignment of a longer text fails, where a cast cuts it.
fn too_long(rows: &NewRows<'_, '_>, name: &str, most: i32) -> Result<Option<String>, PlanError> {
    if rows.change(name).is_none_or(|change| change.strategy == Strategy::Null) {
        return Ok(None);
    }
    let value = rows.uncut(name)?;
    let long = format!("pg_catalog.length(pg_catalog.rtrim(x.value)) > {most}");
    let all = rows.selected(&format!("({value})::pg_catalog.text AS value"), None);
    Ok(Some(format!("SELECT pg_catalog.count(*) FROM ({all}) x WHERE {long}")))
}

/// How many rows would not stay in their partition.
fn moved(all: &str, bounds: &[(u32, String)]) -> String {
    let [_, table] = PLACE;
    let stays: String =
        bounds.iter().map(|(oid, bounds)| format!(" WHEN {oid}::pg_catalog.oid THEN ({bounds})")).collect();
    format!("SELECT pg_catalog.count(*) FROM ({all}) x WHERE (CASE x.{table}{stays} ELSE true END) IS FALSE")
}

/// An index in which rows meet.
struct Index<'i, 'w, 'a> {
    constraint: &'i Constraint,
    keys: &'i [Key],
    predicate: Option<&'i str>,
    rows: &'i NewRows<'w, 'a>,
}

impl Index<'_, '_, '_> {
    /// The planned rows as the index will have them: where they lie, and their keys `u0`, `u1`, …
    fn planned(&self) -> Result<String, PlanError> {
        let only = self.constraint.only.as_deref();
        let all = self.rows.with(&self.constraint.reads, only, true)?;
        let [row, table] = PLACE;
        let holds = self.predicate.map(|predicate| format!(" WHERE ({predicate})")).unwrap_or_default();
        Ok(format!("SELECT x.{row} AS tid, x.{table} AS oid{} FROM ({all}) x{holds}", self.expressions()))
    }

    /// All rows as the index has them: those that stay, and those that have not been changed yet when
    /// another is.
    fn existing(&self) -> String {
        let mut holds: Vec<String> =
            self.predicate.map(|predicate| format!("({predicate})")).into_iter().collect();
        holds.extend(self.constraint.only.as_deref().map(within));
        let holds = if holds.is_empty() { String::new() } else { format!(" WHERE {}", holds.join(" AND ")) };
        let (relation, expressions) = (self.rows.relation(), self.expressions());
        format!("SELECT t0.ctid AS tid, t0.tableoid AS oid{expressions} FROM {relation} t0{holds}")
    }

    fn expressions(&self) -> String {
        let one = |(at, key): (usize, &Key)| format!(", ({}) AS u{at}", key.expression);
        self.keys.iter().enumerate().map(one).collect()
    }

    fn strategy(&self, key: &Key) -> Option<&Strategy> {
        self.rows.change(key.column.as_deref()?).map(|change| &change.strategy)
    }

    /// Whether some part of each key becomes NULL, which equals nothing.
    fn vanishes(&self) -> bool {
        self.keys.iter().any(|key| self.strategy(key) == Some(&Strategy::Null))
    }

    /// Where all that changes is columns of the key that become pseudonyms, these are as distinct as the
    /// values were: then the condition that a row already holds one. Otherwise `None`.
    fn tokens_in_place(&self) -> Result<Option<String>, PlanError> {
        let writes = self.rows.writes;
        let is_key = |name: &String| self.keys.iter().any(|key| key.column.as_ref() == Some(name));
        let mut touched = self.constraint.reads.iter().filter(|name| self.rows.is_touched(name));
        if self.constraint.in_doubt
            || !touched.all(is_key)
            || self.keys.iter().any(|key| key.column.is_none())
        {
            return Ok(None);
        }
        let mut held = Vec::new();
        for name in
            self.keys.iter().filter_map(|key| key.column.as_ref()).filter(|name| self.rows.is_touched(name))
        {
            let (Some(change), Some(pads)) = (self.rows.change(name), &self.rows.pads) else {
                return Ok(None);
            };
            let column = sql::live_column(writes.schema, &writes.collection.table, name)?;
            let residual = residual(column, change, pads.check()).condition;
            match residual.filter(|_| change.strategy == Strategy::Pseudonymise) {
                Some(residual) => held.push(format!("NOT ({residual})")),
                None => return Ok(None),
            }
        }
        let (relation, held) = (self.rows.relation(), held.join(" AND "));
        Ok(Some(format!("(SELECT EXISTS (SELECT FROM {relation} t0 WHERE {held}))")))
    }

    fn unique(&self) -> Result<Option<String>, PlanError> {
        if self.vanishes() {
            return Ok(None);
        }
        let (new, old) = (self.planned()?, self.existing());
        let all = |with: &str, between: &str| -> String {
            (0..self.keys.len())
                .map(|at| with.replace('#', &at.to_string()))
                .collect::<Vec<_>>()
                .join(between)
        };
        let equal = all("b.u# = p.u#", " AND ");
        let met =
            format!("EXISTS (SELECT FROM ({old}) b WHERE {equal} AND (b.tid <> p.tid OR b.oid <> p.oid))");
        let met = |gate: &str| format!("SELECT pg_catalog.count(*) FROM ({new}) p WHERE {gate}{met}");
        if let Some(in_place) = self.tokens_in_place()? {
            return Ok(Some(met(&format!("{in_place} AND "))));
        }
        let (keys, given) = (all("p.u#", ", "), all("p.u# IS NOT NULL", " AND "));
        let same = format!(
            "SELECT pg_catalog.count(*) FROM (SELECT pg_catalog.count(*) OVER (PARTITION BY {keys}) AS n \
             FROM ({new}) p WHERE {given}) d WHERE d.n > 1"
        );
        Ok(Some(format!("SELECT GREATEST(({same}), ({}))", met(""))))
    }

    /// NULLS NOT DISTINCT: NULL equals NULL, as it does where rows are grouped.
    fn nulls_alike(&self) -> Result<String, PlanError> {
        let keys: Vec<String> = (0..self.keys.len()).map(|at| format!("u{at}")).collect();
        let keys = keys.join(", ");
        let (new, old) = (self.planned()?, self.existing());
        Ok(format!(
            "SELECT COALESCE(pg_catalog.sum(g.n), 0)::pg_catalog.int8 FROM (SELECT pg_catalog.count(*) FILTER (WHERE a.planned) AS n \
             FROM (SELECT p.*, true AS planned FROM ({new}) p UNION ALL SELECT b.*, false FROM ({old}) b) a GROUP BY {keys} \
             HAVING pg_catalog.bool_or(a.planned) AND pg_catalog.count(DISTINCT ROW(a.oid, a.tid)) > 1) g"
        ))
    }

    fn excluded(&self, operators: &[String]) -> Result<Option<String>, PlanError> {
        if self.vanishes() {
            return Ok(None);
        }
        let (new, old) = (self.planned()?, self.existing());
        let meets = |(at, operator): (usize, &String)| format!("p.u{at} {operator} b.u{at}");
        let meets = operators.iter().enumerate().map(meets).collect::<Vec<_>>().join(" AND ");
        let met = |others: &str| {
            format!("EXISTS (SELECT FROM ({others}) b WHERE {meets} AND (b.tid <> p.tid OR b.oid <> p.oid))")
        };
        let (old, again) = (met(&old), met(&new));
        Ok(Some(format!(
            "SELECT GREATEST((SELECT pg_catalog.count(*) FROM ({new}) p WHERE {old}), \
             (SELECT pg_catalog.count(*) FROM ({new}) p WHERE {again}))"
        )))
    }
}
