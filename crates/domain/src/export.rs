//! What an export request asks for.

use serde::{Deserialize, Serialize};

/// The file formats of an export package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// One JSON array per collection, one record a line.
    Json,
    /// One RFC 4180 file per collection.
    Csv,
    /// Both of them.
    Both,
}

impl ExportFormat {
    /// Whether JSON files are wanted.
    #[must_use]
    pub fn json(self) -> bool {
        matches!(self, Self::Json | Self::Both)
    }

    /// Whether CSV files are wanted.
    #[must_use]
    pub fn csv(self) -> bool {
        matches!(self, Self::Csv | Self::Both)
    }
}

/// An export of all that the data map names of one organisation (GDPR Art. 15 and 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Whether media objects are asked for beside the rows.
    pub include_media: bool,
    /// The formats of the data files.
    pub format: ExportFormat,
}
