//! What an export holds and lacks, in numbers.

use serde::{Deserialize, Serialize};

/// What the last step of an export leaves with the job. Exports of earlier versions left nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportResult {
    /// Media objects in the package.
    pub media_objects: u64,
    /// Media objects that rows name and that are not in it; the manifest says of each why.
    pub media_left_out: u64,
    /// Rows that have to do with the person and were withheld for others' sake (Art. 15(4)).
    pub rows_withheld: u64,
}
