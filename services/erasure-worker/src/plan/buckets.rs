//! The buckets that rows name, each of which must have settings before anything is erased.

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::erase::BucketsRead;
use store::Claimed;

use crate::Erasures;
use crate::before::DoneBefore;
use crate::failure::{broken, plan_failed, refused, store_failed};
use crate::media::without_settings;
use crate::scope::StepScope;

/// Refuses media of which nobody could say whether they are gone.
pub(super) async fn are_known(
    erasures: &Erasures,
    step: &Claimed,
    scope: &StepScope,
    cutoff_at: DateTime<Utc>,
) -> Result<(), StepError> {
    erasures.buckets.check()?;
    let (dataset, collection) = erasures.find(&scope.erasure.collection)?;
    let schemas = erasures.schemas().await?;
    let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
    let before = DoneBefore::find(erasures, step, scope).await?;
    let (rows, known) = (scope.rows(&step.organisation, cutoff_at, &before), erasures.buckets.names());
    let failed = |error| store_failed(&error);
    for (_, of) in scope.batches.numbered() {
        let read = BucketsRead::plan(collection, schema, &rows, &of, &known);
        let Some(read) = read.map_err(|error| plan_failed(&error))? else { return Ok(()) };
        let transaction = erasures.store(dataset)?.begin_read().await.map_err(failed)?;
        let unknown = transaction.unknown_buckets(&read).await.map_err(failed)?;
        transaction.finish().await.map_err(failed)?;
        if !unknown.is_empty() {
            let detail = format!(
                "nothing was erased: {}: {}; or ask without delete_media",
                scope.erasure.collection,
                without_settings(&unknown)
            );
            return Err(refused("media_bucket_unknown", detail));
        }
    }
    Ok(())
}
