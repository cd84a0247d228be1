//! Legal holds as rows: what each of them keeps of a collection.

use std::collections::BTreeSet;

use chassis::StepError;
use connectors::collection_path;
use connectors::erase::SubjectRows;
use domain::datamap::{Collection, Dataset};
use domain::erasure::{Guard, RowAction};
use domain::hold::{HeldRows, Hold};
use domain::schema::TableName;
use uuid::Uuid;

use crate::Erasures;
use crate::holds::OpenHold;

/// Whom or what a hold keeps.
pub(crate) enum Kept {
    /// What it says itself.
    AsSaid,
    /// The rows of the person that it is on.
    Person(SubjectRows),
    /// Whatever the job is about: it is on the same person.
    Everything,
}

/// Holds, each with the rows that it keeps, in the order in which they were placed.
#[derive(Default)]
pub(crate) struct Held(pub Vec<(OpenHold, Kept)>);

impl Held {
    pub fn ids(&self) -> Vec<Uuid> {
        self.0.iter().map(|(open, _)| open.id).collect()
    }

    /// The ground of a hold, by name.
    pub fn ground(&self, hold: Uuid) -> &str {
        self.0.iter().find(|(open, _)| open.id == hold).map_or("", |(open, _)| &open.ground)
    }

    /// Held rows keep what they refer to, also where those beside them that stay by plan do not.
    pub fn count_in(&self, guards: &mut [Guard]) -> Result<(), StepError> {
        for aside in guards.iter_mut().filter_map(|guard| guard.aside.as_mut()) {
            aside.held = self.on(&aside.collection)?.into_iter().map(|hold| hold.rows).collect();
        }
        Ok(())
    }

    /// The holds on rows of one collection.
    pub fn on(&self, collection: &str) -> Result<Vec<Hold>, StepError> {
        let mut holds = Vec::new();
        for (open, kept) in &self.0 {
            let kept = match kept {
                Kept::AsSaid => open.rows_of(collection)?,
                Kept::Person(rows) => rows.own.get(collection).cloned().map(HeldRows::Keys),
                Kept::Everything => Some(HeldRows::Where(Vec::new())),
            };
            holds.extend(kept.map(|rows| Hold { id: open.id, rows }));
        }
        Ok(holds)
    }

    /// As [`Held::on`], for what is done to the rows. Where they are deleted, those through which held
    /// ones lead to their organisation are kept by the same hold, unless it says itself which: without
    /// them nobody could find what is held, neither now nor after the release.
    pub fn before(
        &self,
        erasures: &Erasures,
        (dataset, collection): (&Dataset, &Collection),
        action: &RowAction,
    ) -> Result<Vec<Hold>, StepError> {
        let mut holds = self.on(&collection_path(dataset, collection))?;
        if *action != RowAction::Delete {
            return Ok(holds);
        }
        for (other, from) in erasures.sources.collections() {
            if other.store != dataset.store || !leads_through(from, &collection.table) {
                continue;
            }
            for hold in self.on(&collection_path(other, from))? {
                if holds.iter().all(|known| known.id != hold.id) {
                    holds.push(Hold { id: hold.id, rows: HeldRows::Where(Vec::new()) });
                }
            }
        }
        Ok(holds)
    }
}

/// Whether rows of the collection lead to their organisation through that table.
pub(crate) fn leads_through(collection: &Collection, table: &TableName) -> bool {
    collection.table != *table
        && collection.tenant.iter().flat_map(|path| &path.hops).any(|hop| hop.target == *table)
}

/// The planned holds on rows of one collection with those found since, which are in the order in which the
/// holds were placed, as `placed` is: each hold once, in that order. What a hold says itself, and what leads to
/// what it keeps, includes the rows of its person.
pub(crate) fn merged(planned: &[Hold], found: Vec<Hold>, placed: &[Uuid]) -> Vec<Hold> {
    let place = |hold: &Hold| placed.iter().position(|id| *id == hold.id);
    let (mut all, mut last) = (Vec::new(), 0);
    for hold in planned {
        // One that is released by now is not in the list; it stays behind the one before it.
        last = place(hold).unwrap_or(last);
        all.push((last, hold.clone()));
    }
    for hold in found {
        match all.iter_mut().find(|(_, known)| known.id == hold.id) {
            Some((_, known)) => known.rows = both(&known.rows, hold.rows),
            None => all.push((place(&hold).unwrap_or(last), hold)),
        }
    }
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, hold)| hold).collect()
}

/// What a hold keeps by what is known of it twice.
pub(crate) fn both(known: &HeldRows, found: HeldRows) -> HeldRows {
    match (known, found) {
        (HeldRows::Keys(known), HeldRows::Keys(found)) => {
            let all: BTreeSet<Vec<String>> = known.iter().cloned().chain(found).collect();
            HeldRows::Keys(all.into_iter().collect())
        }
        (HeldRows::Where(_), _) => known.clone(),
        (HeldRows::Keys(_), found @ HeldRows::Where(_)) => found,
    }
}
