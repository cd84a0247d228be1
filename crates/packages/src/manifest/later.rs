//! Records that are not in the archive because they were made after it was begun.

use serde::{Deserialize, Serialize};

/// So many records of a collection were left out because their creation time is after the cutoff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaterEntry {
    /// The collection.
    pub collection: String,
    /// How many records.
    pub rows: u64,
}

impl LaterEntry {
    /// Adds records to those of their collection.
    pub fn add(self, known: &mut Vec<Self>) {
        match known.iter_mut().find(|known| known.collection == self.collection) {
            Some(known) => known.rows = known.rows.saturating_add(self.rows),
            None if self.rows > 0 => known.push(self),
            None => {}
        }
    }
}
