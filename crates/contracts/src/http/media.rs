//! What became of media.

use domain::erasure::document::MediaResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a step over the media of one collection did, and what its last look found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MediaView {
    /// The step.
    pub step_no: i32,
    /// The collection, as `dataset.collection`.
    pub collection: String,
    /// How many.
    #[serde(flatten)]
    pub counts: MediaCounts,
}

/// So many objects were deleted, and so many stay, each with a ground.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct MediaCounts {
    /// Objects deleted.
    pub objects: i64,
    /// Versions of them with content; one for each object where a store keeps no others.
    pub versions: i64,
    /// Markers deleted that an object had been deleted before, which keep its key.
    pub markers: i64,
    /// Objects that rows name and that were not there.
    pub missing: i64,
    /// Left: the data map's prefix says that they are not this organisation's.
    pub outside: i64,
    /// Left: a lock of the bucket's own keeps them (Object Lock).
    pub locked: i64,
    /// Keys that no object of their bucket can have.
    pub impossible: i64,
}

impl From<MediaResult> for MediaCounts {
    fn from(result: MediaResult) -> Self {
        let MediaResult { objects, versions, markers, missing, outside, locked, impossible } = result;
        Self { objects, versions, markers, missing, outside, locked, impossible }
    }
}
