//! Whether every file is what the manifest says.

use std::collections::BTreeSet;
use std::io::{self, Read as _};

use indicatif::ProgressBar;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::contents::{Contents, Entry};
use super::manifest::Manifest;
use super::rows::Rows;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::byte_bar;

const CHUNK_BYTES: usize = 1 << 18;

/// What verifying has found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// How many files were read and compared with a hash of the manifest or of the list of media.
    pub(super) files: u64,
    /// What is not as it should be.
    pub(super) problems: Vec<Problem>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Problem {
    pub(super) path: String,
    pub(super) problem: String,
}

/// What the manifest says of one entry.
struct Promise<'a> {
    size_bytes: u64,
    sha256: &'a str,
    rows: Option<(u64, Rows)>,
}

/// What was read of one entry.
struct Found {
    size_bytes: u64,
    sha256: String,
}

/// Reads every entry, and compares those of which something is promised.
pub(super) fn verify(contents: &Contents, manifest: &Manifest, output: &Output) -> Result<Verdict, Failure> {
    let media = manifest.media_objects(contents)?;
    let all = contents.entries().values().map(|entry| entry.size_bytes).fold(0, u64::saturating_add);
    let mut reading =
        Reading { contents, bar: byte_bar("verify", all, output.draws()), verdict: Verdict::default() };
    let mut seen = BTreeSet::new();
    for file in &manifest.files {
        let rows = Rows::of(&file.format).map(|rows| (file.rows, rows));
        let promise = Promise { size_bytes: file.size_bytes, sha256: &file.sha256, rows };
        reading.compare(&file.path, promise);
        seen.insert(file.path.as_str());
    }
    for object in &media {
        let promise = Promise { size_bytes: object.size_bytes, sha256: &object.sha256, rows: None };
        reading.compare(&object.path, promise);
        seen.insert(object.path.as_str());
    }
    for (path, entry) in contents.entries().iter().filter(|(path, _)| !seen.contains(path.as_str())) {
        if let Err(error) = reading.read(entry, &mut None) {
            reading.problem(path, format!("it cannot be read: {error}"));
        }
    }
    reading.bar.finish_and_clear();
    Ok(reading.verdict)
}

struct Reading<'a> {
    contents: &'a Contents,
    bar: ProgressBar,
    verdict: Verdict,
}

impl Reading<'_> {
    fn compare(&mut self, path: &str, promise: Promise<'_>) {
        let Some(entry) = self.contents.entries().get(path) else {
            return self.problem(path, "it is not in the archive".to_owned());
        };
        let (expected_rows, mut rows) = promise.rows.unzip();
        self.verdict.files = self.verdict.files.saturating_add(1);
        let found = match self.read(entry, &mut rows) {
            Ok(found) => found,
            Err(error) => return self.problem(path, format!("it cannot be read: {error}")),
        };
        if found.size_bytes != promise.size_bytes {
            let (found, promised) = (found.size_bytes, promise.size_bytes);
            self.problem(path, format!("it has {found} bytes and should have {promised}"));
        }
        if !found.sha256.eq_ignore_ascii_case(promise.sha256) {
            self.problem(path, format!("its SHA-256 is {} and should be {}", found.sha256, promise.sha256));
        }
        if let (Some(expected), Some(rows)) = (expected_rows, rows)
            && rows.count() != expected
        {
            self.problem(path, format!("it has {} records and should have {expected}", rows.count()));
        }
    }

    fn read(&self, entry: &Entry, rows: &mut Option<Rows>) -> io::Result<Found> {
        let mut reader = self.contents.read(entry)?;
        let (mut hash, mut size_bytes, mut chunk) = (Sha256::new(), 0_u64, vec![0; CHUNK_BYTES]);
        loop {
            let length = reader.read(&mut chunk)?;
            let Some(bytes) = chunk.get(..length).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            hash.update(bytes);
            if let Some(rows) = rows {
                rows.take(bytes);
            }
            let length = u64::try_from(length).unwrap_or(0);
            size_bytes = size_bytes.saturating_add(length);
            self.bar.inc(length);
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Found { size_bytes, sha256 })
    }

    fn problem(&mut self, path: &str, problem: String) {
        self.verdict.problems.push(Problem { path: path.to_owned(), problem });
    }
}
