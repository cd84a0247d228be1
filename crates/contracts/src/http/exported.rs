//! What an export holds and lacks.

use domain::export::ExportResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an export holds and lacks, in numbers; the manifest in the package names each with its reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExportedView {
    /// Media objects in the package.
    pub media_objects: u64,
    /// Media objects that rows name and that are not in the package: missing, refused, or unreadable also
    /// when they were tried again.
    pub media_left_out: u64,
    /// Rows that have to do with the person and were withheld for others' sake (Art. 15(4)).
    pub rows_withheld: u64,
}

impl From<ExportResult> for ExportedView {
    fn from(result: ExportResult) -> Self {
        let ExportResult { media_objects, media_left_out, rows_withheld } = result;
        Self { media_objects, media_left_out, rows_withheld }
    }
}
