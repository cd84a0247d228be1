//! What is said of a package.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::contents::Contents;
use super::manifest::{Manifest, Media, Omitted, Volume};
use super::verify::{Problem, Verdict};
use crate::text::amount::{count, of, size};
use crate::text::plain;
use crate::text::table::Table;
use crate::text::time::moment;

/// What is said of a package, for programs and for people.
#[derive(Debug, Serialize)]
pub(super) struct Listing<'a> {
    file: &'a Path,
    size_bytes: u64,
    job_id: Uuid,
    organisation: &'a str,
    created_at: DateTime<Utc>,
    cutoff_at: DateTime<Utc>,
    volume: Option<&'a Volume>,
    entries: usize,
    files: Vec<Listed<'a>>,
    media: Option<&'a Media>,
    /// The entries that are neither files of records nor media.
    other: Vec<&'a str>,
    omitted: &'a [Omitted],
    /// Whether everything was found as promised; absent when it was not looked at.
    verified: Option<bool>,
    #[serde(skip)]
    verified_files: u64,
    problems: Vec<Problem>,
}

/// A file of records.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    path: &'a str,
    collection: &'a str,
    format: &'a str,
    rows: u64,
    size_bytes: u64,
    /// As it lies in the archive; absent when it is not there.
    packed_bytes: Option<u64>,
    sha256: &'a str,
    data_categories: Vec<String>,
}

impl<'a> Listing<'a> {
    pub(super) fn new(contents: &'a Contents, manifest: &'a Manifest, verdict: Option<Verdict>) -> Self {
        let listed: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
        let is_other = |path: &&str| !listed.contains(path) && !path.starts_with("media/");
        let files = manifest.files.iter().map(|file| Listed {
            path: &file.path,
            collection: &file.collection,
            format: &file.format,
            rows: file.rows,
            size_bytes: file.size_bytes,
            packed_bytes: contents.entries().get(&file.path).map(|entry| entry.packed_bytes),
            sha256: &file.sha256,
            data_categories: file.data_categories(),
        });
        Self {
            file: &contents.file,
            size_bytes: contents.size_bytes,
            job_id: manifest.job_id,
            organisation: &manifest.organisation,
            created_at: manifest.created_at,
            cutoff_at: manifest.cutoff_at,
            volume: manifest.volume.as_ref(),
            entries: contents.entries().len(),
            files: files.collect(),
            media: manifest.media.as_ref(),
            other: contents.entries().keys().map(String::as_str).filter(is_other).collect(),
            omitted: &manifest.omitted,
            verified: verdict.as_ref().map(|verdict| verdict.problems.is_empty()),
            verified_files: verdict.as_ref().map_or(0, |verdict| verdict.files),
            problems: verdict.map(|verdict| verdict.problems).unwrap_or_default(),
        }
    }

    /// Whether nothing was found that is not as it should be.
    pub(super) fn is_as_promised(&self) -> bool {
        self.problems.is_empty()
    }

    /// The listing for people.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![self.head()];
        lines.push(format!(
            "job {}, organisation {}, as of {}",
            self.job_id,
            self.organisation,
            moment(self.cutoff_at)
        ));
        if let Some(Volume { number, of }) = self.volume {
            lines.push(format!("volume {number} of {of}"));
        }
        let mut text = format!("{}\n\n", plain(&lines.join("\n")));
        text.push_str(&self.table());
        let mut say = |line: String| {
            // A String takes whatever is written.
            writeln!(text, "{}", plain(&line)).ok();
        };
        if let Some(media) = self.media {
            say(format!(
                "\nmedia: {} ({})",
                of(whole(media.objects), "object"),
                size(signed(media.size_bytes))
            ));
            for missing in &media.missing {
                say(format!("  missing: {} of {}: {}", missing.key, missing.collection, missing.reason));
            }
        }
        if !self.other.is_empty() {
            say(format!("\nbeside them: {}", self.other.join(", ")));
        }
        for omitted in self.omitted {
            let column = omitted.column.as_deref().map(|column| format!(".{column}")).unwrap_or_default();
            say(format!("left out: {}{column}: {}", omitted.collection, omitted.reason));
        }
        match self.verified {
            None => {}
            Some(true) => say(format!(
                "\nverified: {} as the manifest has them",
                of(whole(self.verified_files), "file")
            )),
            Some(false) => say("\nnot as the manifest says:".to_owned()),
        }
        for Problem { path, problem } in &self.problems {
            say(format!("  ✗ {path}: {problem}"));
        }
        text
    }

    fn head(&self) -> String {
        let entries = match self.entries {
            1 => "1 entry".to_owned(),
            many => format!("{} entries", count(i64::try_from(many).unwrap_or(i64::MAX))),
        };
        let bytes = size(signed(self.size_bytes));
        format!("{}  {bytes}, {entries}, made {}", self.file.display(), moment(self.created_at))
    }

    fn table(&self) -> String {
        let mut table = Table::of(&["FILE", "ROWS", "SIZE", "PACKED", "DATA CATEGORIES"]);
        for file in &self.files {
            table.row([
                file.path.to_owned(),
                count(signed(file.rows)),
                size(signed(file.size_bytes)),
                file.packed_bytes.map_or_else(|| "missing".to_owned(), |bytes| size(signed(bytes))),
                file.data_categories.join(", "),
            ]);
        }
        table.text()
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
