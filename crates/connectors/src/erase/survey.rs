//! How many rows an erasure is about, how many it leaves and why, and what they look like.
//!
//! Asked before an erasure, with the parts that go before it, the answer is what will happen; asked
//! after it, without them, what was left. Either is one query for a collection.

mod conditions;

use std::collections::BTreeMap;

use domain::anonymise::outline;
use domain::datamap::{Collection, Strategy};
use domain::erasure::{Guard, RowAction};
use domain::schema::{LiveSchema, TableName};
use uuid::Uuid;

use crate::erase::cost::expected;
use crate::erase::keyed::Parameters;
use crate::erase::scope::EraseScope;
use crate::erase::statement::Rows;
use crate::error::StoreError;
use crate::export::tables_of;
use crate::read::ReadTransaction;
use crate::sql::PlanError;

use conditions::Conditions;

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
        let counts = conditions.counts();
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

    /// What the server expects the survey to cost, in its own unit, if it says so. Nothing is read.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cost_of_survey(&self, survey: &Survey) -> Result<Option<f64>, StoreError> {
        let Survey { sql, parameters, tables, .. } = survey;
        expected(self.session()?, (sql, &parameters.typed()), tables).await
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
