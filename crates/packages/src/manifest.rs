//! `manifest.json`: what the archive holds, how to read it and what was left out.

mod later;
mod media;
mod person;
mod volume;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::digest::Sha256Digest;
use crate::encode::{Column, EncodedRows, Format};
use crate::error::PackageError;
use crate::part::Content;

pub use later::LaterEntry;
pub use media::{MediaSummary, MissingObject};
pub use person::{PersonEntry, WITHHELD_FOR_OTHERS, WithheldEntry};
pub use volume::{OtherVolume, Volume};

/// Raised when a reader of the previous version could misread the new one.
const FORMAT_VERSION: u32 = 1;

/// The manifest of one archive. Fields are written in the order given here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format.
    pub format_version: u32,
    /// The version of Lethe that wrote the archive.
    pub lethe_version: String,
    /// The job that wrote it.
    pub job_id: Uuid,
    /// The organisation whose data it is, by its id.
    pub organisation: String,
    /// What the organisation is called, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation_name: Option<String>,
    /// That the archive holds one person's data only; absent when it holds the whole organisation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonEntry>,
    /// When the archive was put together.
    pub created_at: DateTime<Utc>,
    /// The moment up to which the data is complete.
    pub cutoff_at: DateTime<Utc>,
    /// The files, in the order of the archive; the manifest itself is not among them.
    pub files: Vec<FileEntry>,
    /// What was left out on purpose.
    pub omitted: Vec<OmittedEntry>,
    /// What was left out because it was made after the cutoff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<LaterEntry>,
    /// The media, when they were asked for: over all volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaSummary>,
    /// Which volume this is, when there are several; [`files`](Self::files) are then its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
    /// What the other volumes hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_volumes: Vec<OtherVolume>,
    /// How values are represented.
    pub rules: Rules,
}

/// One file of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path in the archive.
    pub path: String,
    /// The collection that it holds.
    pub collection: String,
    /// Its format.
    pub format: Format,
    /// How many records it holds.
    pub rows: u64,
    /// Its length, uncompressed.
    pub size_bytes: u64,
    /// The SHA-256 of its content, uncompressed.
    pub sha256: Sha256Digest,
    /// Its columns, in the order of the file.
    pub columns: Vec<ColumnEntry>,
    /// Per column the number of CSV cells that got a single quote in front; zeros are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub neutralised_cells: BTreeMap<String, u64>,
}

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnEntry {
    /// Its name, the key in JSON and the header in CSV.
    pub name: String,
    /// Its type as the database calls it.
    #[serde(rename = "type")]
    pub database_type: String,
    /// The categories of personal data that it holds.
    pub data_categories: Vec<String>,
    /// What it means, where the data map says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Something that is not in the archive, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OmittedEntry {
    /// The collection.
    pub collection: String,
    /// The column, when the rest of the collection is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The reason, in words.
    pub reason: String,
}

/// How values are represented, in words for whoever reads the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Encoding and line ends.
    pub encoding: String,
    /// Missing values and empty text.
    pub missing_values: String,
    /// Numbers.
    pub numbers: String,
    /// Dates and times.
    pub times: String,
    /// Arrays, records and JSON.
    pub nested_values: String,
    /// Cells that a spreadsheet would run.
    pub formulas: String,
}

impl Manifest {
    /// A manifest without files.
    pub fn new(
        job_id: Uuid,
        organisation: impl Into<String>,
        created_at: DateTime<Utc>,
        cutoff_at: DateTime<Utc>,
    ) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            lethe_version: env!("CARGO_PKG_VERSION").to_owned(),
            job_id,
            organisation: organisation.into(),
            organisation_name: None,
            person: None,
            created_at,
            cutoff_at,
            files: Vec::new(),
            omitted: Vec::new(),
            later: Vec::new(),
            media: None,
            volume: None,
            other_volumes: Vec::new(),
            rules: Rules::default(),
        }
    }

    /// What people call the organisation: its name, or its id where nobody gave it one.
    #[must_use]
    pub fn organisation_title(&self) -> &str {
        self.organisation_name.as_deref().unwrap_or(&self.organisation)
    }

    /// Whether nothing at all is missing of what was asked for.
    #[must_use]
    pub fn lacks_nothing(&self) -> bool {
        let withheld = self.person.iter().any(|person| !person.withheld.is_empty());
        let missing = self.media.iter().any(|media| !media.missing.is_empty());
        self.omitted.is_empty() && self.later.is_empty() && !withheld && !missing
    }

    /// The file itself: indented JSON with a line end. The same manifest gives the same bytes.
    ///
    /// # Errors
    /// Never in practice; every field has a JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, PackageError> {
        let mut json = serde_json::to_vec_pretty(self).map_err(PackageError::Manifest)?;
        json.push(b'\n');
        Ok(json)
    }
}

impl FileEntry {
    /// The entry of a file with this content; columns are added by the caller.
    pub fn new(
        path: impl Into<String>,
        collection: impl Into<String>,
        format: Format,
        content: &Content,
    ) -> Self {
        Self {
            path: path.into(),
            collection: collection.into(),
            format,
            rows: content.rows,
            size_bytes: content.uncompressed_bytes,
            sha256: content.sha256,
            columns: Vec::new(),
            neutralised_cells: BTreeMap::new(),
        }
    }

    /// The same entry with the columns described.
    #[must_use]
    pub fn with_columns(self, columns: Vec<ColumnEntry>) -> Self {
        Self { columns, ..self }
    }

    /// The same entry with the cells counted that were neutralised. JSON has none.
    #[must_use]
    pub fn with_neutralised(self, columns: &[Column], counted: &EncodedRows) -> Self {
        let cells = columns.iter().zip(&counted.neutralised_cells);
        let changed = cells.filter(|&(_, &count)| self.format == Format::Csv && count > 0);
        let neutralised_cells = changed.map(|(column, &count)| (column.name.clone(), count)).collect();
        Self { neutralised_cells, ..self }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            encoding: "All files are UTF-8. A JSON file is one array with one record on each line. A CSV file follows RFC 4180: comma, double quotes where needed, CRLF after each record, first line holds the column names.".to_owned(),
            missing_values: "A missing value (NULL) is null in JSON and nothing between two commas in CSV. Empty text is \"\" in both.".to_owned(),
            numbers: "Numbers carry every digit that the database holds. NaN, Infinity and -Infinity are text in JSON.".to_owned(),
            times: "Points in time are in UTC, ISO 8601; JSON writes 2024-01-02T03:04:05+00:00 where CSV writes 2024-01-02 03:04:05+00. Times without a zone are as they were stored. BC follows dates before the common era; infinity and -infinity stand for no bound.".to_owned(),
            nested_values: "Arrays, composite values and JSON are JSON in JSON files. In CSV files they are the text that PostgreSQL prints, for example {a,b} for an array.".to_owned(),
            formulas: "In CSV, text that a spreadsheet could run as a formula has a single quote put in front: text that begins with any number of single quotes followed by =, +, -, @, their full-width forms, a tab, a carriage return or a line feed. Removing one single quote from every such cell restores the original. neutralised_cells says how many there are. JSON is never changed.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
