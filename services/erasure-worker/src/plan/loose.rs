//! References to rows that are deleted which no foreign key guards: rows that come meanwhile may refer to
//! nobody, so these are counted at the end.

use connectors::collection_path;
use domain::erasure::facts::StoreFacts;
use domain::erasure::{ErasurePlan, Guard, RowAction};
use domain::schema::TableName;

use super::preflight::Checked;
use crate::Erasures;
use crate::scope::LooseReference;

/// Every such reference of a plan, once.
pub(super) fn references(
    erasures: &Erasures,
    checked: &Checked,
    planned: &ErasurePlan,
) -> Vec<LooseReference> {
    let mut loose: Vec<LooseReference> = Vec::new();
    for erasure in planned.waves.iter().flatten().filter(|erasure| erasure.action == RowAction::Delete) {
        let (store, target) = (&erasure.store, &erasure.table);
        let facts = checked.facts.get(store);
        let ways = ways(erasures, store, target);
        for reference in erasure.guards.iter().cloned().chain(ways) {
            if reference.table == *target || is_foreign_key(facts, target, &reference) {
                continue;
            }
            let Some(collection) = path(erasures, store, &reference.table) else { continue };
            let (store, target) = (store.clone(), target.clone());
            let one = LooseReference { collection, store, target, reference };
            if !loose.contains(&one) {
                loose.push(one);
            }
        }
    }
    loose
}

/// The ways by which rows lead to their organisation through that table.
fn ways(erasures: &Erasures, store: &str, target: &TableName) -> Vec<Guard> {
    let mut ways = Vec::new();
    for (_, collection) in erasures.sources.collections().filter(|(dataset, _)| dataset.store == *store) {
        let mut here = &collection.table;
        for hop in collection.tenant.iter().flat_map(|path| &path.hops) {
            if hop.target == *target {
                let (table, columns) = (here.clone(), hop.columns.clone());
                let target_columns = hop.target_columns.clone();
                ways.push(Guard { table, columns, target_columns, aside: None });
            }
            here = &hop.target;
        }
    }
    ways
}

fn is_foreign_key(facts: Option<&StoreFacts>, target: &TableName, reference: &Guard) -> bool {
    let keys = facts.and_then(|facts| facts.tables.get(&reference.table));
    let pairs: Vec<_> = reference.columns.iter().zip(&reference.target_columns).collect();
    keys.into_iter().flat_map(|table| &table.foreign_keys).filter(|key| key.target == *target).any(|key| {
        // A key over some of the columns keeps the whole reference.
        key.columns.iter().zip(&key.target_columns).all(|pair| pairs.contains(&pair))
    })
}

fn path(erasures: &Erasures, store: &str, table: &TableName) -> Option<String> {
    let mut collections = erasures.sources.collections();
    let found = collections.find(|(dataset, other)| dataset.store == store && other.table == *table);
    found.map(|(dataset, collection)| collection_path(dataset, collection))
}
