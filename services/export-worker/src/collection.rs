//! One collection of a large export, in a transaction of its own, written as compressed parts.

use chassis::{StepError, StepProgress};
use connectors::ExportScope;
use packages::{FileEntry, OmittedEntry, StoredPart};
use serde::{Deserialize, Serialize};
use store::{Claimed, Produced};

use crate::archive::attempt_folder;
use crate::failure::{broken, package_failed, store_failed};
use crate::read::read;
use crate::{Exports, request};

/// What the assembling step needs of a collection. Keys and figures, no rows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CollectionResult {
    pub files: Vec<(FileEntry, StoredPart)>,
    pub omitted: Vec<OmittedEntry>,
}

pub(crate) async fn run(
    exports: &Exports,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let path = step.collection.as_deref().ok_or_else(|| broken("the step names no collection"))?;
    let (dataset, collection) = exports.sources.find(path)?;
    let schemas = exports.sources.schemas().await?;
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let scope = ExportScope { organisation: &step.organisation, cutoff_at, formats: request(step)?.format };
    let key = attempt_folder(step)?.part(path);
    let begun = exports.sources.store(dataset)?.begin_read().await;
    let mut transaction = begun.map_err(|error| store_failed(&error))?;
    let target = (&mut transaction, key.clone());
    let done = read(exports, (dataset, collection), (&schemas, &scope), target, progress).await?;
    transaction.finish().await.map_err(|error| store_failed(&error))?;
    let mut files = Vec::new();
    let parts = done.parts.into_iter().flat_map(packages::CollectionParts::into_parts);
    for (entry, (format, part)) in done.files.into_iter().zip(parts) {
        let stored = part.into_stored(&exports.packages, key.format(format)).await;
        files.push((entry, stored.map_err(|error| package_failed(&error))?));
    }
    let result = CollectionResult { files, omitted: done.omitted };
    let result =
        serde_json::to_value(result).map_err(|_| broken("the step's result cannot be written down"))?;
    Ok(Produced { result: Some(result), amounts: progress.amounts(), ..Produced::default() })
}
