//! References to rows that are deleted, and whether an index finds what refers.

use std::collections::BTreeMap;

use super::{Blocks, Finding};
use crate::datamap::model::{Collection, DataMap, Dataset, Erase, Field, FieldReference, Position};
use crate::schema::{LiveSchema, Table};

/// One end of a reference.
struct End<'a> {
    dataset: &'a Dataset,
    collection: &'a Collection,
    field: &'a Field,
    table: &'a Table,
}

/// Notes every column by which rows refer to rows that are deleted and with which no index begins: planning, and
/// for a foreign key the server with each row that goes, then reads all rows that may refer.
pub(super) fn check(map: &DataMap, live: &BTreeMap<String, LiveSchema>, findings: &mut Vec<Finding>) {
    let mut noted: Vec<(Position, String)> = Vec::new();
    for dataset in &map.datasets {
        for collection in dataset.collections.iter().filter(|collection| !collection.skipped) {
            for field in &collection.fields {
                for reference in &field.references {
                    let here = end(live, dataset, collection, field);
                    let (Some(here), Some(there)) = (here, other_end(map, live, reference)) else { continue };
                    let Some(finding) = unindexed(&here, &there) else { continue };
                    let known = (finding.position, finding.path.clone());
                    if !noted.contains(&known) {
                        noted.push(known);
                        findings.push(finding);
                    }
                }
            }
        }
    }
}

fn end<'a>(
    live: &'a BTreeMap<String, LiveSchema>,
    dataset: &'a Dataset,
    collection: &'a Collection,
    field: &'a Field,
) -> Option<End<'a>> {
    let table = live.get(&dataset.store)?.tables.get(&collection.table)?;
    table.column(&field.name)?;
    Some(End { dataset, collection, field, table })
}

fn other_end<'a>(
    map: &'a DataMap,
    live: &'a BTreeMap<String, LiveSchema>,
    reference: &FieldReference,
) -> Option<End<'a>> {
    let dataset = map.datasets.iter().find(|dataset| dataset.key == reference.dataset)?;
    let collection = dataset.collection(&reference.collection).filter(|collection| !collection.skipped)?;
    end(live, dataset, collection, collection.field(&reference.field)?)
}

/// The map may name a reference at either end: what refers is the one that is no key.
fn unindexed(here: &End<'_>, there: &End<'_>) -> Option<Finding> {
    let is_key = |end: &End<'_>| end.table.unique_alone(&end.field.name);
    let (from, to) = match (is_key(here), is_key(there)) {
        (false, true) => (here, there),
        (true, false) => (there, here),
        (true, true) | (false, false) => return None,
    };
    let deleted = to.collection.erase == Erase::Delete && from.dataset.store == to.dataset.store;
    if !deleted || from.table.finds(std::slice::from_ref(&from.field.name)) {
        return None;
    }
    let (table, column) = (&from.collection.table, &from.field.name);
    Some(Finding {
        position: from.field.position,
        path: format!("{}.{}.{column}", from.dataset.key, from.collection.name),
        message: format!(
            "rows refer by it to {}.{}, of which rows are deleted, and no index begins with it: all of {table} is read \
             to plan that, and again for each row that goes where it is a foreign key; create an index on {table} \
             ({column})",
            to.dataset.key, to.collection.name
        ),
        blocks: Blocks::Nothing,
    })
}
