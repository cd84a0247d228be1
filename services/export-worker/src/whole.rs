//! A small export in one step: every collection of a store in one REPEATABLE READ transaction, so
//! that the package is consistent throughout, and nothing written twice.

use chassis::{StepError, StepProgress};
use connectors::ExportScope;
use packages::entry_name;
use store::{Claimed, Produced};

use crate::archive::{Contents, attempt_folder, write};
use crate::failure::{broken, store_failed};
use crate::read::read;
use crate::sources::path;
use crate::{Exports, request};

pub(crate) async fn run(
    exports: &Exports,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let schemas = exports.sources.schemas().await?;
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let scope = ExportScope { organisation: &step.organisation, cutoff_at, formats: request(step)?.format };
    let folder = attempt_folder(step)?;
    let mut contents = Contents::default();
    for store in exports.sources.map.stores() {
        let mut transaction = None;
        for (dataset, collection) in exports.sources.exported().filter(|(dataset, _)| dataset.store == store)
        {
            if transaction.is_none() {
                let begun = exports.sources.store(dataset)?.begin_read().await;
                transaction = Some(begun.map_err(|error| store_failed(&error))?);
            }
            let Some(open) = transaction.as_mut() else {
                continue;
            };
            let key = folder.part(&path(dataset, collection));
            let done =
                read(exports, (dataset, collection), (&schemas, &scope), (open, key), progress).await?;
            let name = exports.sources.file_name(dataset, collection);
            contents.files.extend(done.files);
            contents.omitted.extend(done.omitted);
            let parts = done.parts.into_iter().flat_map(packages::CollectionParts::into_parts);
            contents.parts.extend(parts.map(|(format, part)| (entry_name(&name, format), part)));
        }
        if let Some(open) = transaction {
            open.finish().await.map_err(|error| store_failed(&error))?;
        }
    }
    let produced = write(exports, step, contents).await?;
    Ok(Produced { amounts: progress.amounts(), ..produced })
}
