//! One question or several side by side: what the server itself expects of each.

use crate::erase::journal::Writers;
use crate::erase::verify::Verification;
use crate::error::StoreError;
use crate::pool::SubjectStore;
use crate::session::Session;

/// Looks that go on side by side may be so much more work than one at the whole. They may not be as much more as
/// there are of them: what takes long after an erasure is to read pages that were changed, from one disk.
const WORTH: f64 = 1.5;

/// Whether to look at the whole at once rather than at its parts, of which up to `at_once` go on side by side, by
/// what the server expects of either. An index that knows the organisation but not the range of keys is read once
/// for the whole; for each part the server would read the table by its keys.
///
/// # Errors
/// When the store fails.
pub(super) async fn whole_is_cheaper(
    (store, at_once): (&SubjectStore, usize),
    (whole, parts): (&Verification, &[Verification]),
    writers: &Writers,
) -> Result<bool, StoreError> {
    let worth = if at_once > 1 { WORTH } else { 1.0 };
    let transaction = store.begin_read().await?;
    let session = transaction.session()?;
    let cheaper = match whole.cost(session, writers).await? {
        Some(once) => are_dearer(session, parts, (once * worth, writers)).await?,
        None => false,
    };
    transaction.finish().await?;
    Ok(cheaper)
}

/// Whether the parts together cost more than that; not if the server does not say what one of them costs.
async fn are_dearer(
    session: &Session,
    parts: &[Verification],
    (most, writers): (f64, &Writers),
) -> Result<bool, StoreError> {
    let mut all = 0.0;
    for part in parts {
        let Some(cost) = part.cost(session, writers).await? else { return Ok(false) };
        all += cost;
        if all > most {
            return Ok(true);
        }
    }
    Ok(false)
}
