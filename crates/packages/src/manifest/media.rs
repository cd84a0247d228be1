//! What the manifest says of media.

use serde::{Deserialize, Serialize};

use crate::archive::MEDIA_INDEX_PATH;
use crate::media::MediaSegment;

/// The media of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaSummary {
    /// How many objects were copied.
    pub objects: u64,
    /// Their lengths together.
    pub size_bytes: u64,
    /// The path of the list that says of every object where it is and what its SHA-256 is; in
    /// each volume it lists that volume's own.
    pub index: String,
    /// The objects that could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingObject>,
}

/// A media object that a row refers to and that is not in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingObject {
    /// The collection that refers to it.
    pub collection: String,
    /// Its key in the organisation's bucket.
    pub key: String,
    /// Why it is missing, in words.
    pub reason: String,
}

impl MediaSummary {
    /// What these segments hold together; what is missing is added by the caller.
    #[must_use]
    pub fn new(segments: &[MediaSegment]) -> Self {
        Self {
            objects: segments.iter().map(|segment| segment.objects).sum(),
            size_bytes: segments.iter().map(|segment| segment.size_bytes).sum(),
            index: MEDIA_INDEX_PATH.to_owned(),
            missing: Vec::new(),
        }
    }
}
