//! The manifest of a package, as far as it is shown or compared.

use std::io::Read as _;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::contents::Contents;
use crate::failure::Failure;

const PATH: &str = "manifest.json";
/// The version that we understand.
const FORMAT_VERSION: u32 = 1;
/// No manifest of ours is larger; what calls itself one must not fill our memory.
const LARGEST_BYTES: u64 = 256 << 20;

/// What a package says of itself. Members that are not known here are left aside.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub(super) format_version: u32,
    pub(super) job_id: Uuid,
    pub(super) organisation: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) cutoff_at: DateTime<Utc>,
    pub(super) files: Vec<FileEntry>,
    #[serde(default)]
    pub(super) omitted: Vec<Omitted>,
    pub(super) media: Option<Media>,
    pub(super) volume: Option<Volume>,
}

/// A file of records.
#[derive(Debug, Deserialize)]
pub(super) struct FileEntry {
    pub(super) path: String,
    pub(super) collection: String,
    pub(super) format: String,
    pub(super) rows: u64,
    pub(super) size_bytes: u64,
    pub(super) sha256: String,
    #[serde(default)]
    pub(super) columns: Vec<Column>,
}

/// A column of a file.
#[derive(Debug, Deserialize)]
pub(super) struct Column {
    #[serde(default)]
    pub(super) data_categories: Vec<String>,
}

/// Something that is not there on purpose.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Omitted {
    pub(super) collection: String,
    pub(super) column: Option<String>,
    pub(super) reason: String,
}

/// The media of the export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Media {
    pub(super) objects: u64,
    pub(super) size_bytes: u64,
    pub(super) index: String,
    #[serde(default)]
    pub(super) missing: Vec<MissingObject>,
}

/// A media object that could not be read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MissingObject {
    pub(super) collection: String,
    pub(super) key: String,
    pub(super) reason: String,
}

/// Which of several volumes it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Volume {
    pub(super) number: u32,
    pub(super) of: u32,
}

/// A line of the list of media.
#[derive(Debug, Deserialize)]
pub(super) struct MediaObject {
    pub(super) path: String,
    pub(super) size_bytes: u64,
    pub(super) sha256: String,
}

impl Manifest {
    /// The manifest of an archive.
    pub(super) fn read(contents: &Contents) -> Result<Self, Failure> {
        let file = contents.file.display();
        if !contents.entries().contains_key(PATH) {
            return Err(Failure::new(format!("{file} is a ZIP archive, but no package: it has no {PATH}"))
                .next("name the package that `lethe download` has saved"));
        }
        let manifest: Self = document(contents, PATH)?;
        match manifest.format_version {
            FORMAT_VERSION => Ok(manifest),
            other => Err(Failure::new(format!(
                "{file} has a manifest of version {other}; this program knows version {FORMAT_VERSION}"
            ))
            .next("use a program that is as new as the package")),
        }
    }

    /// What the list of media says; nothing when there are none, or not here.
    pub(super) fn media_objects(&self, contents: &Contents) -> Result<Vec<MediaObject>, Failure> {
        match &self.media {
            Some(media) if contents.entries().contains_key(&media.index) => document(contents, &media.index),
            _ => Ok(Vec::new()),
        }
    }
}

impl FileEntry {
    /// The categories of personal data in it, each once.
    pub(super) fn data_categories(&self) -> Vec<String> {
        let mut categories: Vec<String> =
            self.columns.iter().flat_map(|column| column.data_categories.iter().cloned()).collect();
        categories.sort();
        categories.dedup();
        categories
    }
}

fn document<T: serde::de::DeserializeOwned>(contents: &Contents, path: &str) -> Result<T, Failure> {
    let damaged = || Failure::new(format!("{} is damaged: {path} cannot be read", contents.file.display()));
    let entry = contents.entries().get(path).ok_or_else(damaged)?;
    let mut json = Vec::new();
    contents
        .read(entry)
        .and_then(|reader| reader.take(LARGEST_BYTES).read_to_end(&mut json))
        .map_err(|error| damaged().because(error).next("download it again"))?;
    serde_json::from_slice(&json).map_err(|error| damaged().because(error).next("download it again"))
}
