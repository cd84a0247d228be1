//! How many rows an erasure is about, how many it leaves and why, and what they look like.
//!
//! Asked before an erasure, with the parts that go before it, the answer is what will happen; asked
//! after it, without them, what was left. Either is one query for a collection.

use std::collections::BTreeMap;

use domain::anonymise::{OUTLINE_LENGTH, outline};
use domain::datamap::{Collection, Strategy};
use domain::erasure::{Guard, RowAction};
use domain::schema::{LiveSchema, TableName};
use uuid::Uuid;

use crate::cutoff::made_by;
use crate::erase::keyed::{self, Parameters, primary_key};
use crate::erase::scope::{self, EraseScope};
use crate::erase::statement::Rows;
use crate::error::StoreError;
use crate::export::tables_of;
use crate::range;
use crate::read::ReadTransaction;
use crate::sql::{self, PlanError};

/// So many values of a column are shown.
const SAMPLES: u8 = 3;
/// Among so many rows they are looked for.
const SAMPLED_ROWS: u8 = 100;

/// What an erasure does to some rows of one collection.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The collection.
    pub collection: &'a Collection,
    /// What is done to a row.
    pub action: &'a RowAction,
    /// Which rows may be touched at all.
    pub scope: EraseScope<'a>,
    /// Which of them it is about.
    pub rows: Rows<'a>,
}

/// The survey of one part.
pub struct Survey {
    sql: String,
    parameters: Parameters<'static>,
    holds: Vec<Uuid>,
    columns: Vec<String>,
    tables: Vec<TableName>,
}

/// What a survey found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surveyed {
    /// The rows that are erased.
    pub erased: i64,
    /// The rows that each hold keeps. A row that several keep counts for each of them, and for
    /// nothing below.
    pub held: BTreeMap<Uuid, i64>,
    /// The rows that are left because they lead to another organisation too.
    pub shared: i64,
    /// The rows that are left because rows that stay refer to them.
    pub guarded: i64,
    /// The rows that are left because they were made after the cutoff.
    pub later: i64,
    /// The outlines of some values of each column that is anonymised.
    pub samples: BTreeMap<String, Vec<String>>,
}

impl Survey {
    /// Plans the survey of a part. `earlier` are the parts that are erased before it: rows that
    /// they take away, or let go, do not keep any of its rows.
    ///
    /// # Errors
    /// When the live schema has not what the map or the rows need.
    pub fn plan(part: &Part<'_>, earlier: &[Part<'_>], schema: &LiveSchema) -> Result<Self, PlanError> {
        let mut parameters = Parameters::default();
        let conditions = Conditions::of(part, earlier, schema, &mut parameters)?;
        let columns: Vec<String> = match part.action {
            RowAction::Anonymise(changes) => changes.iter().map(|change| change.column.clone()).collect(),
            RowAction::Delete | RowAction::Unlink(_) => Vec::new(),
        };
        let counts = conditions.counts(part);
        let sql = if columns.is_empty() {
            format!("SELECT n.* FROM {counts} n")
        } else {
            format!("SELECT n.*, s.* FROM {counts} n, {} s", conditions.samples(part, schema, &columns)?)
        };
        let holds = part.scope.holds.iter().map(|hold| hold.id).collect();
        Ok(Self { sql, parameters, holds, columns, tables: tables_of(part.collection) })
    }
}

impl ReadTransaction {
    /// Makes the survey. The values that it samples do not leave it but as outlines.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn survey(&self, survey: &Survey) -> Result<Surveyed, StoreError> {
        let failed = |error| self.failed(error).reading(&survey.tables);
        let row = self.client()?.query_typed_one(&survey.sql, &survey.parameters.typed()).await;
        row.and_then(|row| survey.read(&row)).map_err(failed)
    }
}

impl Survey {
    fn read(&self, row: &tokio_postgres::Row) -> Result<Surveyed, tokio_postgres::Error> {
        let mut surveyed = Surveyed {
            erased: row.try_get(0)?,
            shared: row.try_get(1)?,
            guarded: row.try_get(2)?,
            ..Surveyed::default()
        };
        for (at, hold) in (3..).zip(&self.holds) {
            *surveyed.held.entry(*hold).or_default() += row.try_get::<_, i64>(at)?;
        }
        for (at, column) in (3 + self.holds.len()..).zip(&self.columns) {
            let values: Option<Vec<String>> = row.try_get(at)?;
            let outlines = values.into_iter().flatten().map(|value| outline(&value)).collect();
            surveyed.samples.insert(column.clone(), outlines);
        }
        Ok(surveyed)
    }
}

/// The condition under which a row `t0` is erased by the part.
pub(crate) fn erased(
    part: &Part<'_>,
    earlier: &[Part<'_>],
    schema: &LiveSchema,
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    Ok(Conditions::of(part, earlier, schema, parameters)?.erased())
}

/// What is so of a row `t0`, in SQL.
struct Conditions {
    /// That the part is about it.
    meant: String,
    /// That a hold keeps it, for each hold.
    held: Vec<String>,
    /// That it leads to another organisation too.
    shared: String,
    /// That a row which stays refers to it.
    guarded: String,
}

impl Conditions {
    fn of(
        part: &Part<'_>,
        earlier: &[Part<'_>],
        schema: &LiveSchema,
        parameters: &mut Parameters<'_>,
    ) -> Result<Self, PlanError> {
        let Part { collection, scope, rows, .. } = part;
        let table = &collection.table;
        let mut meant = vec![scope::meant(collection, schema, scope, parameters)?];
        meant.extend(made_by(collection, schema, scope.cutoff())?);
        match rows {
            Rows::Range(range) => meant.extend(range::conditions(table, schema, range)?),
            Rows::Keys(keys) => meant.push(keyed::listed(table, schema, keys, parameters)?),
        }
        let mut held = Vec::new();
        for hold in scope.holds {
            held.push(format!("({}) IS TRUE", scope::held(table, schema, &hold.rows, parameters)?));
        }
        let shared = match collection.tenant.as_ref().filter(|_| scope.exclusive) {
            Some(path) => sql::elsewhere_predicate(table, path, schema, scope.organisation)?,
            None => "FALSE".to_owned(),
        };
        let mut guarded = Vec::new();
        for guard in scope.guards {
            guarded.push(staying((guard, scope), (table, earlier), schema, parameters)?);
        }
        let guarded = if guarded.is_empty() { "FALSE".to_owned() } else { guarded.join(" OR ") };
        Ok(Self { meant: meant.join(" AND "), held, shared, guarded })
    }

    /// That the row is erased.
    fn erased(&self) -> String {
        let mut erased = self.meant.clone();
        for left in self.held.iter().chain([&self.shared, &self.guarded]) {
            erased.push_str(&format!(" AND NOT ({left})"));
        }
        erased
    }

    fn counts(&self, part: &Part<'_>) -> String {
        let relation = sql::relation(&part.collection.table);
        let held: Vec<String> =
            self.held.iter().enumerate().map(|(at, held)| format!(", ({held}) AS h{at}")).collect();
        let any: Vec<String> = (0..self.held.len()).map(|at| format!("x.h{at}")).collect();
        let any = if any.is_empty() { "FALSE".to_owned() } else { any.join(" OR ") };
        let count = |condition: String| format!("pg_catalog.count(*) FILTER (WHERE {condition})");
        let mut counts = vec![
            count(format!("NOT ({any} OR x.shared OR x.guarded)")),
            count(format!("x.shared AND NOT ({any})")),
            count(format!("x.guarded AND NOT ({any} OR x.shared)")),
        ];
        counts.extend((0..self.held.len()).map(|at| count(format!("x.h{at}"))));
        format!(
            "(SELECT {} FROM (SELECT ({}) AS shared, ({}) AS guarded{} FROM {relation} t0 WHERE {}) x)",
            counts.join(", "),
            self.shared,
            self.guarded,
            held.concat(),
            self.meant
        )
    }

    /// Some values of each column, of rows that are erased, in the order of their keys.
    fn samples(&self, part: &Part<'_>, schema: &LiveSchema, columns: &[String]) -> Result<String, PlanError> {
        let table = &part.collection.table;
        let (mut values, mut some) = (Vec::new(), Vec::new());
        for (at, name) in columns.iter().enumerate() {
            let column = format!("t0.{}", sql::identifier(&sql::live_column(schema, table, name)?.name));
            values.push(format!("pg_catalog.left({column}::pg_catalog.text, {OUTLINE_LENGTH}) AS c{at}"));
            some.push(format!("{column} IS NOT NULL"));
        }
        let picked =
            |at| format!("(pg_catalog.array_agg(y.c{at}) FILTER (WHERE y.c{at} IS NOT NULL))[1:{SAMPLES}]");
        let picked: Vec<String> = (0..columns.len()).map(picked).collect();
        let key = primary_key(part.collection, schema)?;
        let key: Vec<String> =
            key.iter().map(|column| format!("t0.{}", sql::identifier(&column.name))).collect();
        Ok(format!(
            "(SELECT {} FROM (SELECT {} FROM {} t0 WHERE {} AND ({}) ORDER BY {} LIMIT {SAMPLED_ROWS}) y)",
            picked.join(", "),
            values.join(", "),
            sql::relation(table),
            self.erased(),
            some.join(" OR "),
            key.join(", ")
        ))
    }
}

/// The condition under which a row that no earlier part takes refers to the row `t0`.
fn staying(
    (guard, scope): (&Guard, &EraseScope<'_>),
    (table, earlier): (&TableName, &[Part<'_>]),
    schema: &LiveSchema,
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    let mut stays = Vec::new();
    for (at, part) in earlier.iter().enumerate().filter(|(_, part)| lets_go(part, guard)) {
        let before = earlier.get(..at).unwrap_or_default();
        let taken = Conditions::of(part, before, schema, parameters)?.erased();
        stays.push(format!("({taken}) IS NOT TRUE"));
    }
    if stays.is_empty() {
        return scope::guarded(table, schema, (guard, scope), parameters);
    }
    if let Some(aside) = &guard.aside {
        stays.push(scope::counts(&guard.table, schema, (aside, scope), parameters)?);
    }
    let names = |table: &TableName, columns: &[String]| -> Result<String, PlanError> {
        let column = |name: &String| {
            sql::live_column(schema, table, name)
                .map(|column| format!("t0.{}", sql::identifier(&column.name)))
        };
        Ok(columns.iter().map(column).collect::<Result<Vec<_>, _>>()?.join(", "))
    };
    let (target, referring) = (names(table, &guard.target_columns)?, names(&guard.table, &guard.columns)?);
    // The subquery sees its own `t0` only.
    Ok(format!(
        "(({target}) IN (SELECT {referring} FROM {} t0 WHERE {})) IS TRUE",
        sql::relation(&guard.table),
        stays.join(" AND ")
    ))
}

/// Whether the part takes referring rows away, or empties a column by which they refer.
pub(crate) fn lets_go(part: &Part<'_>, guard: &Guard) -> bool {
    part.collection.table == guard.table
        && match part.action {
            RowAction::Delete => true,
            RowAction::Unlink(columns) => columns.iter().any(|column| guard.columns.contains(column)),
            RowAction::Anonymise(changes) => changes
                .iter()
                .any(|change| change.strategy == Strategy::Null && guard.columns.contains(&change.column)),
        }
}
