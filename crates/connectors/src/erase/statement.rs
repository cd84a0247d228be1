//! The statement of a batch: one, set-based, whatever the number of rows.

use std::fmt;

use domain::anonymise;
use domain::datamap::{Collection, Strategy};
use domain::erasure::FieldChange;
use domain::schema::{LiveColumn, LiveSchema, TableName, TypeFamily};
use tokio_postgres::types::{ToSql, Type};

use crate::erase::keyed::{self, Parameters, Selected};
use crate::erase::page::PageRow;
use crate::erase::pseudonym::PseudonymKey;
use crate::erase::scope::{self, EraseScope};
use crate::erase::strategy;
use crate::erase::token::Pads;
use crate::export::tables_of;
use crate::range::{self, KeyRange};
use crate::sql::{self, PlanError};

/// Which rows of the scope.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'r> {
    /// Those of a key range.
    Range(&'r KeyRange),
    /// Those with these primary keys: one text for each column, in the key's order, as a cast to
    /// text gives it under our settings, and as [`PageRow::key`] has it.
    Keys(&'r [Vec<String>]),
}

/// An UPDATE or DELETE of rows of one organisation. `Debug` shows no key and no value.
pub struct EraseStatement<'a> {
    sql: String,
    parameters: Parameters<'a>,
    at_most: Option<u64>,
    table: TableName,
    tables: Vec<TableName>,
}

impl<'a> EraseStatement<'a> {
    /// Deletes the rows.
    ///
    /// # Errors
    /// When the live schema has not what the map or the rows need.
    pub fn delete(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
    ) -> Result<Self, PlanError> {
        let mut parameters = Parameters::default();
        let Selected { source, conditions, alone, at_most } =
            Selected::of(collection, schema, scope, rows, &mut parameters)?;
        let relation = sql::relation(&collection.table);
        let mut spared = String::new();
        for thread in scope.threads {
            let threaded = scope::threaded(&collection.table, schema, (thread, &alone))?;
            spared.push_str(&format!(
                " AND NOT EXISTS (SELECT FROM {relation} t0 WHERE {alone} AND {threaded})"
            ));
        }
        let using = source.map(|source| format!(" USING {source}")).unwrap_or_default();
        let sql = format!("DELETE FROM {relation} t0{using} WHERE {conditions}{spared}");
        Ok(Self { sql, parameters, at_most, table: collection.table.clone(), tables: tables_of(collection) })
    }

    /// Changes the rows by strategies that a statement can carry out.
    ///
    /// # Errors
    /// When the live schema has not what the map or the rows need, when a strategy does not apply
    /// to its column, or when there is nothing to change.
    pub fn anonymise(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
        changes: &[FieldChange],
        key: &'a PseudonymKey,
    ) -> Result<Self, PlanError> {
        let table = &collection.table;
        let mut parameters = Parameters::default();
        let keyed = changes.iter().any(|change| change.strategy == Strategy::Pseudonymise);
        let pads =
            keyed.then(|| Pads::bind(key, (collection, schema), changes, &mut parameters)).transpose()?;
        let mut set = Vec::new();
        for change in changes.iter().filter(|change| change.strategy != Strategy::Keep) {
            let column = sql::live_column(schema, table, &change.column)?;
            let value = fitting(table, column, &change.strategy, |_| {
                strategy::replacement(column, change, pads.as_ref())
            })?;
            set.push(format!("{} = {value}", sql::identifier(&column.name)));
        }
        if set.is_empty() {
            return Err(PlanError::NothingToChange(table.clone()));
        }
        let Selected { source, conditions, at_most, .. } =
            Selected::of(collection, schema, scope, rows, &mut parameters)?;
        let from = source.map(|source| format!(" FROM {source}")).unwrap_or_default();
        let set = set.join(", ");
        let sql = format!("UPDATE {} t0 SET {set}{from} WHERE {conditions}", sql::relation(table));
        Ok(Self { sql, parameters, at_most, table: collection.table.clone(), tables: tables_of(collection) })
    }

    /// Sets these columns to NULL, in the rows where one of them is not.
    ///
    /// # Errors
    /// When the live schema has not what the map or the rows need, when a column may not be NULL, or
    /// when there is none.
    pub fn unlink(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
        columns: &[String],
    ) -> Result<Self, PlanError> {
        let table = &collection.table;
        let (mut set, mut linked) = (Vec::new(), Vec::new());
        for name in columns {
            let column = sql::live_column(schema, table, name)?;
            let null = fitting(table, column, &Strategy::Null, |_| Some("NULL".to_owned()))?;
            let name = sql::identifier(&column.name);
            set.push(format!("{name} = {null}"));
            linked.push(format!("t0.{name} IS NOT NULL"));
        }
        if set.is_empty() {
            return Err(PlanError::NothingToChange(table.clone()));
        }
        let mut parameters = Parameters::default();
        let Selected { source, conditions, at_most, .. } =
            Selected::of(collection, schema, scope, rows, &mut parameters)?;
        let from = source.map(|source| format!(" FROM {source}")).unwrap_or_default();
        let (set, linked, relation) = (set.join(", "), linked.join(" OR "), sql::relation(table));
        let sql = format!("UPDATE {relation} t0 SET {set}{from} WHERE {conditions} AND ({linked})");
        Ok(Self { sql, parameters, at_most, table: table.clone(), tables: tables_of(collection) })
    }

    /// Writes values that were computed elsewhere, one for each of `columns` in each row. `rows` are of
    /// those that `of` names; others stay as they are.
    ///
    /// # Errors
    /// When the live schema has not what the map or the rows need, or there is nothing to change.
    pub fn write(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        columns: &[String],
        of: &Rows<'_>,
        rows: &[PageRow],
    ) -> Result<Self, PlanError> {
        let table = &collection.table;
        let key = keyed::primary_key(collection, schema)?;
        if columns.is_empty() {
            return Err(PlanError::NothingToChange(table.clone()));
        }
        let mut set = Vec::new();
        for (place, name) in columns.iter().enumerate() {
            let column = sql::live_column(schema, table, name)?;
            // Text is assigned as it is, so that the server refuses what is too long; a cast cuts.
            let cast = match column.family {
                TypeFamily::Text => String::new(),
                _ => format!("::{}", column.sql_type),
            };
            set.push(format!("{} = v.v{place}{cast}", sql::identifier(&column.name)));
        }
        let bad = || PlanError::BadRow(table.clone());
        let keys = rows.iter().map(|row| row.key.iter().map(|text| Some(text.as_str())));
        let keys = keyed::transposed(keys, key.len()).ok_or_else(bad)?;
        let values = rows.iter().map(|row| row.values.iter().map(Option::as_deref));
        let values = keyed::transposed(values, columns.len()).ok_or_else(bad)?;
        let mut parameters = Parameters::default();
        let source = keyed::source(&key, keys, values, &mut parameters);
        let (set, matches) = (set.join(", "), keyed::matches(&key, "t0", "v"));
        let mut conditions = vec![matches, scope::predicate(collection, schema, scope, &mut parameters)?];
        if let Rows::Range(range) = of {
            // The keys say the same. Without it the server may look through all rows of the organisation
            // for each page, which is little only as long as these are few.
            conditions.extend(range::conditions(table, schema, range)?);
        }
        let (relation, conditions) = (sql::relation(table), conditions.join(" AND "));
        let sql = format!("UPDATE {relation} t0 SET {set} FROM {source} WHERE {conditions}");
        let at_most = u64::try_from(rows.len()).ok();
        Ok(Self { sql, parameters, at_most, table: collection.table.clone(), tables: tables_of(collection) })
    }

    /// A statement about the organisation's own row.
    pub(crate) fn of_organisation(sql: String, table: &TableName) -> Self {
        let parameters = Parameters::default();
        Self { sql, parameters, at_most: Some(1), table: table.clone(), tables: vec![table.clone()] }
    }

    /// How many rows it can change at most, where their keys are given.
    #[must_use]
    pub fn at_most(&self) -> Option<u64> {
        self.at_most
    }

    /// The table whose rows it changes.
    #[must_use]
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// That table, and those through which its tenant leads.
    #[must_use]
    pub fn tables(&self) -> &[TableName] {
        &self.tables
    }

    /// Whether it deletes rows, and does not change them.
    pub(crate) fn deletes(&self) -> bool {
        self.sql.starts_with("DELETE ")
    }

    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    pub(crate) fn parameters(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.parameters.typed()
    }
}

impl fmt::Debug for EraseStatement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EraseStatement").field("tables", &self.tables).finish_non_exhaustive()
    }
}

/// The strategy's SQL for a column that it fits. The check before the job has seen to that; here it
/// means that the schema changed since.
pub(crate) fn fitting(
    table: &TableName,
    column: &LiveColumn,
    strategy: &Strategy,
    sql: impl FnOnce(&Strategy) -> Option<String>,
) -> Result<String, PlanError> {
    let fits = anonymise::check(strategy, column, false).is_ok();
    fits.then(|| sql(strategy)).flatten().ok_or_else(|| PlanError::Misfit {
        table: table.clone(),
        column: column.name.clone(),
        strategy: strategy.name(),
    })
}
