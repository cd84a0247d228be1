//! What the manifest says of an archive that is split into volumes.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The place of one volume among several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its number, from 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
    /// The same in all volumes of one export, and in no other.
    pub set_id: Uuid,
}

/// Another volume of the same export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherVolume {
    /// The name that it is downloaded under.
    pub file_name: String,
    /// The paths of the files in it that hold collections.
    pub files: Vec<String>,
}
