//! The last step of a large export: the archive, by copying compressed parts, never by compressing again.

use chassis::{StepError, StepProgress};
use packages::Part;
use store::{Claimed, Produced};

use crate::Exports;
use crate::archive::{Contents, write};
use crate::collection::CollectionResult;
use crate::failure::broken;

pub(crate) async fn run(exports: &Exports, step: &Claimed, _: &StepProgress) -> Result<Produced, StepError> {
    let mut results = Vec::with_capacity(step.inputs.len());
    for (collection, result) in &step.inputs {
        let Some(collection) = collection else { continue };
        let result: CollectionResult = serde_json::from_value(result.clone()).map_err(|_| {
            broken("a collection's result cannot be read by this version of the export-worker")
        })?;
        // The steps ran largest first; the archive has the order of the data map.
        let position = step.planned.iter().position(|size| size.collection == *collection);
        results.push((position, result));
    }
    results.sort_by_key(|(position, _)| *position);
    let mut contents = Contents::default();
    for (_, result) in results {
        contents.omitted.extend(result.omitted);
        for (entry, part) in result.files {
            contents.parts.push((entry.path.clone(), Part::from(part)));
            contents.files.push(entry);
        }
    }
    write(exports, step, contents).await
}
