//! What the manifest says of the export of one person.

use serde::{Deserialize, Serialize};

/// Why rows are withheld. The manifest says it, so it is in words.
pub const WITHHELD_FOR_OTHERS: &str = "these records are other people's too: to hand them out would adversely affect the rights of others \
     (Article 15(4) of the General Data Protection Regulation)";

/// Says that an archive holds the data of one person, not of everybody in the organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonEntry {
    /// By which kind of identity the person was found, for instance `email`. The identity itself is not here.
    pub identity_type: String,
    /// Rows that have to do with the person and are not in the archive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<WithheldEntry>,
}

/// Rows of one collection that are withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithheldEntry {
    /// The collection.
    pub collection: String,
    /// How many of its rows.
    pub rows: u64,
    /// The reason, in words.
    pub reason: String,
}

impl PersonEntry {
    /// How many rows are withheld in all.
    #[must_use]
    pub fn withheld_rows(&self) -> u64 {
        self.withheld.iter().map(|entry| entry.rows).sum()
    }
}
