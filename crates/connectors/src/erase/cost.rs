//! One question or several side by side: what the server itself expects of each.

use crate::config::StoreConfig;
use crate::erase::journal::Writers;
use crate::erase::look::fresh;
use crate::erase::verify::Verification;
use crate::error::StoreError;

/// Looks that go on side by side may be so much more work than one at the whole. They may not be as much more as
/// there are of them: what takes long after an erasure is to read pages that were changed, from one disk.
const WORTH: f64 = 1.5;

/// Whether to look at the whole at once rather than at its parts side by side, by what the server expects of
/// either. An index that knows the organisation but not the range of keys is read once for the whole; for each
/// part the server would read the table by its keys.
///
/// # Errors
/// When the store fails.
pub async fn whole_is_cheaper(
    config: &StoreConfig,
    (whole, parts): (&Verification, &[Verification]),
    writers: &Writers,
) -> Result<bool, StoreError> {
    let (store, at_once) = fresh(config)?;
    let transaction = store.begin_read().await?;
    let once = whole.cost(transaction.session()?, writers).await?;
    let mut all = 0.0;
    for part in parts {
        all += part.cost(transaction.session()?, writers).await?;
    }
    transaction.finish().await?;
    let worth = if at_once > 1 { WORTH } else { 1.0 };
    Ok(once * worth < all)
}
