//! One collection of a large export, or one key range of it, in a transaction of its own, written
//! as compressed parts.

use chassis::{StepError, StepProgress};
use connectors::ExportScope;
use packages::{CollectionParts, Framing};
use store::{Claimed, Produced};

use crate::archive::attempt_folder;
use crate::failure::{broken, package_failed, store_failed};
use crate::read::{Reading, read};
use crate::result::{CollectionResult, written};
use crate::{Exports, ranges, request};

pub(crate) async fn run(
    exports: &Exports,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let path = step.collection.as_deref().ok_or_else(|| broken("the step names no collection"))?;
    let (dataset, collection) = exports.sources.find(path)?;
    let schemas = exports.sources.schemas().await?;
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let formats = request(step)?.format;
    let scope = ExportScope { organisation: &step.organisation, cutoff_at, formats, only: None };
    let range = ranges::of_step(exports, step, path).await?;
    let key = attempt_folder(step)?.part(path);
    let reading = Reading {
        from: (dataset, collection),
        schemas: &schemas,
        scope: &scope,
        range: range.as_ref(),
        framing: if range.is_some() { Framing::Fragment } else { Framing::Whole },
        key: key.clone(),
    };
    let mut transaction = exports.sources.begin_read(dataset, cutoff_at).await?;
    let done = read(exports, reading, &mut transaction, progress).await?;
    transaction.finish().await.map_err(|error| store_failed(&error))?;
    let mut files = Vec::new();
    let parts = done.parts.into_iter().flat_map(CollectionParts::into_parts);
    for (entry, (format, part)) in done.files.into_iter().zip(parts) {
        let stored = part.into_stored(&exports.packages, key.format(format)).await;
        files.push((entry, stored.map_err(|error| package_failed(&error))?));
    }
    let mut guide = None;
    // What is said of a collection is said once, with the rows of its first part.
    if step.part_no.unwrap_or(0) == 0 {
        let key = key.guide();
        exports.put_json(&key, &done.guide).await?;
        guide = Some(key);
    }
    let result = written(&CollectionResult { files, omitted: done.omitted, later: done.later, guide })?;
    Ok(Produced { result, amounts: progress.amounts(), ..Produced::default() })
}
