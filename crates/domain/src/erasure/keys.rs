//! Columns that hold rows together: keys, foreign keys, and the way to the organisation.

use crate::datamap::TenantPath;
use crate::schema::{LiveSchema, TableName};

use super::facts::{ForeignKey, StoreFacts};

/// Whether a row may lead to several organisations: somewhere the way runs backwards, to columns
/// that do not identify a row, as from a user to all of his memberships.
pub(super) fn leads_to_several(path: &TenantPath, schema: &LiveSchema) -> bool {
    path.hops.iter().any(|hop| {
        let keys = schema.tables.get(&hop.target);
        let keys = keys.into_iter().flat_map(|table| table.unique.iter().chain([&table.primary_key]));
        !keys
            .filter(|key| !key.is_empty())
            .any(|key| key.iter().all(|name| hop.target_columns.contains(name)))
    })
}

/// Every foreign key that refers to `target`, with its table.
pub(super) fn referring<'a>(
    facts: &'a StoreFacts,
    target: &'a TableName,
) -> impl Iterator<Item = (&'a TableName, &'a ForeignKey)> {
    facts
        .tables
        .iter()
        .flat_map(|(table, facts)| facts.foreign_keys.iter().map(move |key| (table, key)))
        .filter(move |(_, key)| key.target == *target)
}

/// The columns of `table` by which a tenant path leads, whoever's path it is.
pub(super) fn on_the_way<'a>(path: &'a TenantPath, from: &'a TableName, table: &TableName) -> Vec<&'a str> {
    let (mut here, mut columns) = (from, Vec::new());
    for hop in &path.hops {
        if here == table {
            columns.extend(hop.columns.iter().map(String::as_str));
        }
        here = &hop.target;
        if here == table {
            columns.extend(hop.target_columns.iter().map(String::as_str));
        }
    }
    if here == table {
        columns.push(&path.key_column);
    }
    columns
}
