//! A small export in one step: every collection of a store in one REPEATABLE READ transaction, so
//! that the package is consistent throughout, and nothing written twice.

use std::collections::BTreeMap;

use chassis::{StepError, StepProgress};
use connectors::ExportScope;
use packages::{CollectionParts, Framing};
use store::{Claimed, Produced};

use crate::archive::{Body, Contents, Item, attempt_folder, write};
use crate::failure::{broken, store_failed};
use crate::read::{ReadCollection, Reading, read};
use crate::sources::path;
use crate::subject::{self, Person};
use crate::{Exports, media, request};

/// A person's primary keys, by collection.
type Own = BTreeMap<String, Vec<Vec<String>>>;

pub(crate) async fn run(
    exports: &Exports,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let schemas = exports.sources.schemas().await?;
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let request = request(step)?;
    let person = match &request.subject {
        Some(subject) => Some(Person::of(exports, step, subject, &schemas).await?),
        None => None,
    };
    let mut own = Own::new();
    let folder = attempt_folder(step)?;
    let mut contents = exports.contents(step)?;
    contents.person = request.subject.as_ref().map(subject::entry);
    contents.omitted.extend(person.iter().flat_map(|person| person.not_looked_for(exports)));
    for store in exports.sources.map().stores() {
        let mut transaction = None;
        for (dataset, collection) in exports.sources.exported().filter(|(dataset, _)| dataset.store == store)
        {
            let first = transaction.is_none();
            if first {
                transaction = Some(exports.sources.begin_read(dataset, cutoff_at).await?);
            }
            let Some(open) = transaction.as_mut() else {
                continue;
            };
            if let Some(person) = person.as_ref().filter(|_| first) {
                let rows = person.rows(exports, step, (store, &schemas), open).await?;
                contents.withhold(subject::withheld(exports, &rows));
                own.extend(rows.own);
            }
            let name = path(dataset, collection);
            let only = person.as_ref().map(|_| own.get(&name).map_or(&[][..], Vec::as_slice));
            // A collection that has nothing of the person is no part of the package.
            if only.is_some_and(<[_]>::is_empty) {
                continue;
            }
            let (organisation, formats) = (&step.organisation, request.format);
            let scope = ExportScope { organisation, cutoff_at, formats, only };
            let reading = Reading {
                from: (dataset, collection),
                schemas: &schemas,
                scope: &scope,
                range: None,
                framing: Framing::Whole,
                key: folder.part(&name),
            };
            add(&mut contents, Box::pin(read(exports, reading, open, progress)).await?);
        }
        if let Some(open) = transaction {
            open.finish().await.map_err(|error| store_failed(&error))?;
        }
    }
    Box::pin(media_of(exports, step, &mut contents, (person.is_some().then_some(&own), progress))).await?;
    let produced = Box::pin(write(exports, step, contents, progress)).await?;
    Ok(Produced { amounts: progress.amounts(), ..produced })
}

/// Adds a collection that was read.
fn add(contents: &mut Contents, read: ReadCollection) {
    contents.omitted.extend(read.omitted);
    contents.later.extend(read.later);
    contents.guides.push(read.guide);
    let parts = read.parts.into_iter().flat_map(CollectionParts::into_parts);
    let files = read.files.into_iter().zip(parts);
    contents.items.extend(files.map(|(entry, (_, part))| Item::File(entry, Body::Part(part))));
}

/// Adds the media that the rows name: of the whole organisation, or of one person's own rows.
async fn media_of(
    exports: &Exports,
    step: &Claimed,
    contents: &mut Contents,
    (own, progress): (Option<&Own>, &StepProgress),
) -> Result<(), StepError> {
    let Some(found) = &mut contents.media else { return Ok(()) };
    for (dataset, collection) in exports.sources.with_media() {
        let only = own.map(|own| own.get(&path(dataset, collection)).map_or(&[][..], Vec::as_slice));
        let read = media::read(exports, step, (dataset, collection), (only, progress)).await?;
        found.segments.extend(read.segments);
        found.missing.extend(read.missing);
    }
    contents.items.extend(found.segments.iter().cloned().map(Item::Media));
    Ok(())
}
