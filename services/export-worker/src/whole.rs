//! A small export in one step: every collection of a store in one REPEATABLE READ transaction, so
//! that the package is consistent throughout, and nothing written twice.

use chassis::{StepError, StepProgress};
use connectors::ExportScope;
use packages::{CollectionParts, Framing};
use store::{Claimed, Produced};

use crate::archive::{Body, Item, attempt_folder, write};
use crate::failure::{broken, store_failed};
use crate::read::{Reading, read};
use crate::sources::path;
use crate::{Exports, media, request};

pub(crate) async fn run(
    exports: &Exports,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let schemas = exports.sources.schemas().await?;
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let scope = ExportScope { organisation: &step.organisation, cutoff_at, formats: request(step)?.format };
    let folder = attempt_folder(step)?;
    let mut contents = exports.contents(step)?;
    for store in exports.sources.map().stores() {
        let mut transaction = None;
        for (dataset, collection) in exports.sources.exported().filter(|(dataset, _)| dataset.store == store)
        {
            if transaction.is_none() {
                transaction = Some(exports.sources.begin_read(dataset, cutoff_at).await?);
            }
            let Some(open) = transaction.as_mut() else {
                continue;
            };
            let reading = Reading {
                from: (dataset, collection),
                schemas: &schemas,
                scope: &scope,
                range: None,
                framing: Framing::Whole,
                key: folder.part(&path(dataset, collection)),
            };
            let done = read(exports, reading, open, progress).await?;
            contents.omitted.extend(done.omitted);
            contents.guides.push(done.guide);
            let parts = done.parts.into_iter().flat_map(CollectionParts::into_parts);
            let files = done.files.into_iter().zip(parts);
            contents.items.extend(files.map(|(entry, (_, part))| Item::File(entry, Body::Part(part))));
        }
        if let Some(open) = transaction {
            open.finish().await.map_err(|error| store_failed(&error))?;
        }
    }
    if let Some(found) = &mut contents.media {
        for (dataset, collection) in exports.sources.with_media() {
            let read = media::read(exports, step, (dataset, collection), progress).await?;
            found.segments.extend(read.segments);
            found.missing.extend(read.missing);
        }
        contents.items.extend(found.segments.iter().cloned().map(Item::Media));
    }
    let produced = write(exports, step, contents, progress).await?;
    Ok(Produced { amounts: progress.amounts(), ..produced })
}
