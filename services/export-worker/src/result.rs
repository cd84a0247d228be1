//! What steps leave for those after them: keys and figures, no rows.

use chassis::StepError;
use packages::{FileEntry, JoinedFile, LaterEntry, MediaSegment, ObjectKey, OmittedEntry, StoredPart};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::StepResult;

use crate::failure::broken;

/// What planning leaves.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PlanResult {
    /// The object with the key ranges, when a collection was cut. Key values may be personal data.
    pub ranges: Option<ObjectKey>,
}

/// A collection, or one key range of it, as stored parts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CollectionResult {
    pub files: Vec<(FileEntry, StoredPart)>,
    pub omitted: Vec<OmittedEntry>,
    /// The rows that were left out because they were made after the cutoff. Earlier versions did not count.
    #[serde(default)]
    pub later: Option<LaterEntry>,
    /// The object with what people are told of the collection; its first rows are personal data.
    pub guide: Option<ObjectKey>,
}

/// The files that the parts of a collection were joined to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JoinResult {
    pub files: Vec<(FileEntry, JoinedFile)>,
}

/// The media of a collection.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct MediaResult {
    pub segments: Vec<MediaSegment>,
    /// The object that lists what could not be read; its keys may be personal data.
    pub missing: Option<ObjectKey>,
}

/// Reads a result that another step, perhaps of another version, has left.
pub(crate) fn read<T: DeserializeOwned>(input: &StepResult) -> Result<T, StepError> {
    serde_json::from_value(input.result.clone()).map_err(|_| {
        broken("the result of an earlier step cannot be read by this version of the export-worker")
    })
}

/// Writes a result down.
pub(crate) fn written<T: Serialize>(result: &T) -> Result<Option<serde_json::Value>, StepError> {
    serde_json::to_value(result).map(Some).map_err(|_| broken("the step's result cannot be written down"))
}
