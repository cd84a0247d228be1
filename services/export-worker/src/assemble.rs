//! The last step of a large export: the archive, by copying compressed parts, never by compressing again.

use chassis::{StepError, StepProgress};
use domain::job::StepKind;
use packages::{FileEntry, JoinedFile};
use store::{Claimed, Produced};

use crate::Exports;
use crate::archive::{Body, Item, MediaFound, write};
use crate::result::{CollectionResult, JoinResult, MediaResult, read};

type Files = Vec<(FileEntry, JoinedFile)>;

pub(crate) async fn run(
    exports: &Exports,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let mut contents = exports.contents(step)?;
    let mut found: Vec<(Option<usize>, Files)> = Vec::new();
    for input in &step.inputs {
        // The steps ran largest first; the archive has the order of the data map.
        let collection = input.collection.as_deref();
        let position = step.planned.iter().position(|size| Some(size.collection.as_str()) == collection);
        match input.kind {
            StepKind::ExportCollection => {
                let CollectionResult { files, omitted, later, guide } = read(input)?;
                later.into_iter().for_each(|later| later.add(&mut contents.later));
                if let Some(guide) = guide {
                    contents.guides.push(exports.get_json(&guide).await?);
                    contents.omitted.extend(omitted);
                }
                if input.part_no.is_none() {
                    let files = files.into_iter().map(|(entry, part)| (entry, JoinedFile::from(part)));
                    found.push((position, files.collect()));
                }
            }
            StepKind::JoinCollection => found.push((position, read::<JoinResult>(input)?.files)),
            StepKind::ExportMedia => {
                let MediaResult { segments, missing } = read(input)?;
                let found = contents.media.get_or_insert_with(MediaFound::default);
                found.segments.extend(segments);
                if let Some(missing) = missing {
                    found.missing.extend(exports.get_json::<Vec<_>>(&missing).await?);
                }
            }
            _ => {}
        }
        progress.pulse();
    }
    found.sort_by_key(|(position, _)| *position);
    let files = found.into_iter().flat_map(|(_, files)| files);
    contents.items.extend(files.map(|(entry, file)| Item::File(entry, Body::Joined(file))));
    if let Some(found) = &contents.media {
        contents.items.extend(found.segments.iter().cloned().map(Item::Media));
    }
    write(exports, step, contents, progress).await
}
