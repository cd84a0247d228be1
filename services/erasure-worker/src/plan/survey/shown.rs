//! What people see of a survey.

use connectors::erase::Surveyed as Counted;
use domain::erasure::CollectionErasure;
use domain::erasure::document::{CollectionPlan, RetainedRows};
use uuid::Uuid;

use super::{Survey, Surveyed};

impl Survey<'_> {
    /// What people see of a collection.
    pub(super) fn planned(&self, erasure: &CollectionErasure, counted: Counted) -> CollectionPlan {
        let retained = |(hold, rows): (&Uuid, &i64)| RetainedRows {
            hold: *hold,
            ground: self.holds.ground(*hold).to_owned(),
            rows: *rows,
        };
        let mut fields = erasure.action.fields();
        for field in &mut fields {
            field.samples = counted.samples.get(&field.column).cloned().unwrap_or_default();
        }
        CollectionPlan {
            collection: erasure.collection.clone(),
            store: erasure.store.clone(),
            table: erasure.table.clone(),
            action: erasure.action.name().to_owned(),
            fields,
            rows: counted.erased,
            retained: counted.held.iter().filter(|(_, rows)| **rows > 0).map(retained).collect(),
            shared: counted.shared,
            referred: counted.guarded,
            later: counted.later,
        }
    }

    /// Rows that lead to the person and are left, because others share them.
    pub(super) fn left(&self, found: &mut Surveyed) {
        let left = self.rows.into_iter().flat_map(|rows| &rows.left);
        for (path, keys) in left {
            let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
            let known = found.collections.iter_mut().find(|plan| plan.collection == *path);
            if let Some(plan) = known {
                plan.shared = plan.shared.saturating_add(count);
            } else if let Some((dataset, collection)) = self.erasures.sources.find(path) {
                found.collections.push(CollectionPlan {
                    collection: path.clone(),
                    store: dataset.store.clone(),
                    table: collection.table.clone(),
                    action: "leave".to_owned(),
                    fields: Vec::new(),
                    rows: 0,
                    retained: Vec::new(),
                    shared: count,
                    referred: 0,
                    later: 0,
                });
            }
        }
    }
}
