//! The mark by which the company's product hides an organisation while its erasure waits.

use std::collections::BTreeMap;

use crate::datamap::{Collection, DataMap};
use crate::schema::{LiveColumn, LiveSchema, TableName, TypeFamily};

use super::facts::{StoreFacts, TableFacts, Trigger};
use super::obstacle::{Obstacle, ObstacleKind as Kind};
use super::plan;

/// Where an organisation is marked as deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftDelete {
    /// The subject store.
    pub store: String,
    /// The organisations' own table.
    pub table: TableName,
    /// The column with the organisation's key.
    pub key: String,
    /// The column that is set.
    pub column: String,
    /// What it is set to.
    pub mark: Mark,
}

/// What marks a row as deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The time with its zone; NULL while the row lives.
    TimestampTz,
    /// The time in UTC; NULL while the row lives.
    Timestamp,
    /// The day in UTC; NULL while the row lives.
    Date,
    /// True; false or NULL while the row lives.
    True,
}

/// Where organisations are marked; `None` where the data map names no column for it.
///
/// # Errors
/// Everything that stands in the way, sorted.
pub fn soft_delete(
    map: &DataMap,
    live: &BTreeMap<String, LiveSchema>,
    facts: &BTreeMap<String, StoreFacts>,
) -> Result<Option<SoftDelete>, Vec<Obstacle>> {
    let Some((dataset, root)) = map.organisation() else { return Ok(None) };
    let (Some(column), Some(collection)) = (&root.soft_delete, dataset.collection(&root.collection)) else {
        return Ok(None);
    };
    let table = &collection.table;
    let known = facts.get(&dataset.store).and_then(|facts| facts.tables.get(table));
    let live = live.get(&dataset.store).and_then(|schema| schema.tables.get(table));
    let mut obstacles = writing(collection, column, known);
    let missing = || {
        let what = "there is no such column that the role can read".to_owned();
        (Kind::Column, what, "correct the name, or grant SELECT on it")
    };
    match live.and_then(|live| live.column(column)).ok_or_else(missing).and_then(mark) {
        Ok(mark) if obstacles.is_empty() => {
            let (store, table, key) = (dataset.store.clone(), table.clone(), root.key.clone());
            return Ok(Some(SoftDelete { store, table, key, column: column.clone(), mark }));
        }
        Ok(_) => {}
        Err((kind, what, remedy)) => {
            obstacles.push(Obstacle::new(kind, (table, Some(column.as_str())), what, remedy));
        }
    }
    Err(plan::sorted(obstacles))
}

/// What stands in the way of writing the column.
fn writing(collection: &Collection, column: &str, known: Option<&TableFacts>) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    let mut report = |kind, what: &str, remedy: &str| {
        obstacles.push(Obstacle::new(kind, (&collection.table, Some(column)), what, remedy));
    };
    let Some(known) = known.filter(|known| known.writable_kind) else {
        report(Kind::Table, "it is in no table that can be written", "name the table behind it");
        return obstacles;
    };
    if known.row_security {
        let what = "row-level security would hide the organisation from the eraser's role";
        report(Kind::RowSecurity, what, "give the role BYPASSRLS");
    }
    if !known.updatable.contains(column) {
        let remedy = format!("grant it: GRANT UPDATE ({column}) ON {} TO the role", collection.table);
        report(Kind::Privilege, "the eraser's role may not change it", &remedy);
    }
    for Trigger { name, on_update_of, .. } in &known.triggers {
        let fires = on_update_of.as_ref().is_some_and(|of| of.is_empty() || of.contains(column));
        if fires && !collection.allowed_triggers.contains(name) {
            let what = format!("marking an organisation as deleted would fire the trigger `{name}`");
            let remedy =
                format!("when what it does is harmless, say so with `lethe: {{triggers: [{name}]}}`");
            report(Kind::Trigger, &what, &remedy);
        }
    }
    obstacles
}

/// What a column is set to, or why it cannot mark a row and what would be right.
fn mark(column: &LiveColumn) -> Result<Mark, (Kind, String, &'static str)> {
    let mark = match column.family {
        TypeFamily::TimestampTz => Mark::TimestampTz,
        TypeFamily::Timestamp => Mark::Timestamp,
        TypeFamily::Date => Mark::Date,
        TypeFamily::Boolean => Mark::True,
        _ => {
            let what = format!("its type {} cannot mark an organisation as deleted", column.sql_type);
            return Err((Kind::Strategy, what, "name a column with a time, a date or a boolean"));
        }
    };
    if column.generated {
        let what = "the server computes it, so that nobody can set it".to_owned();
        return Err((Kind::Strategy, what, "name another column"));
    }
    if column.not_null && mark != Mark::True {
        let what = "it may not be NULL, so that no organisation could be restored";
        return Err((Kind::Strategy, what.to_owned(), "let it be NULL while the organisation lives"));
    }
    Ok(mark)
}
