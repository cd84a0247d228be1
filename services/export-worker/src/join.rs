//! The parts of one collection become its files: put together by their figures, and read once for
//! the SHA-256 that people can check.

use chassis::{StepError, StepProgress};
use domain::job::FailureReason;
use packages::{CollectionGuide, FileEntry, Format, Frame, JoinedFile, StoredPart};
use store::{Claimed, Produced};

use crate::Exports;
use crate::failure::{broken, package_failed};
use crate::result::{CollectionResult, JoinResult, read, written};

pub(crate) async fn run(
    exports: &Exports,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let path = step.collection.as_deref().ok_or_else(|| broken("the step names no collection"))?;
    let (dataset, collection) = exports.sources.find(path)?;
    let name = exports.sources.shown_name(dataset, collection);
    let stem = exports.sources.file_stem(dataset, collection);
    let parts = parts(step)?;
    let guide = parts.iter().find_map(|part| part.guide.as_ref());
    let guide: CollectionGuide =
        exports.get_json(guide.ok_or_else(|| broken("no part says what its columns are"))?).await?;
    let mut files = Vec::new();
    for (format, fragments) in by_format(parts) {
        let Some(entry) = merged(&fragments)? else { continue };
        let parts = fragments.into_iter().map(|(_, part)| part);
        let file = JoinedFile::new(Frame::new(format, &guide.columns), parts);
        let pieces = exports.volume_bytes.map_or_else(|| vec![file.clone()], |limit| file.split(limit / 2));
        let one = pieces.len() == 1;
        for (number, piece) in (1..).zip(pieces) {
            let sha256 = piece.digest(&exports.packages, |_| progress.pulse()).await;
            let content = piece.content(sha256.map_err(|error| package_failed(&error))?);
            let at = if one { stem.file(format) } else { stem.piece(format, number) };
            let mut described = FileEntry::new(at, name.clone(), format, &content);
            described.columns.clone_from(&entry.columns);
            // Counted over the collection; said where it begins.
            if number == 1 {
                described.neutralised_cells.clone_from(&entry.neutralised_cells);
            }
            files.push((described, piece));
        }
    }
    let result = written(&JoinResult { files })?;
    Ok(Produced { result, ..Produced::default() })
}

type Fragments = Vec<(FileEntry, StoredPart)>;

/// The parts of the collection, in the order of their keys.
fn parts(step: &Claimed) -> Result<Vec<CollectionResult>, StepError> {
    let mut parts = Vec::new();
    for input in &step.inputs {
        if let Some(number) = input.part_no {
            parts.push((number, read::<CollectionResult>(input)?));
        }
    }
    parts.sort_by_key(|(number, _)| *number);
    Ok(parts.into_iter().map(|(_, part)| part).collect())
}

/// The fragments of each format, in the order of the keys.
fn by_format(parts: Vec<CollectionResult>) -> [(Format, Fragments); 2] {
    let mut formats = [(Format::Json, Vec::new()), (Format::Csv, Vec::new())];
    for fragment in parts.into_iter().flat_map(|part| part.files) {
        if let Some((_, of_format)) = formats.iter_mut().find(|(format, _)| *format == fragment.0.format) {
            of_format.push(fragment);
        }
    }
    formats
}

/// What the manifest says of the fragments together; `None` when there are none.
fn merged(fragments: &[(FileEntry, StoredPart)]) -> Result<Option<FileEntry>, StepError> {
    let mut entries = fragments.iter().map(|(entry, _)| entry);
    let Some(first) = entries.next() else {
        return Ok(None);
    };
    let mut merged = first.clone();
    for entry in entries {
        if entry.columns != merged.columns {
            let detail = "a table was altered while its parts were being read; start the export anew";
            return Err(StepError::Permanent(FailureReason::new("store_schema", detail)));
        }
        for (column, cells) in &entry.neutralised_cells {
            *merged.neutralised_cells.entry(column.clone()).or_default() += cells;
        }
    }
    Ok(Some(merged))
}
