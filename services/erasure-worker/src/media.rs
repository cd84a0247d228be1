//! Media objects: deleted by the keys that rows name, with all of their versions, while the rows still
//! name them. Doing it again does no harm, so an attempt begins anew.
//!
//! After the rows have been gone through they are gone through again, as they are by then, until a look
//! finds nothing but what has a ground to stay. Only then may the rows' keys be overwritten: afterwards
//! nobody could find what was left.

mod buckets;

use chassis::{StepError, StepProgress};
use domain::datamap::Media;
use domain::erasure::document::MediaResult;
use futures::stream;
use packages::{Deleted, MediaDeleteError, MediaDeletion, delete_media};
use store::{Claimed, Produced};

use crate::Erasures;
use crate::failure::{broken, refused, retry_later};
use crate::opened::Opened;

use buckets::Named;

pub(crate) use buckets::{Buckets, without_settings};

/// Rows read at a time, each time by the holds in effect then; and requests under way at a time.
const PAGE_ROWS: u32 = 100;
const AT_ONCE: usize = 8;
/// Most steps need two looks. Who goes on writing objects under these keys is to be stopped by people.
const LOOKS: usize = 10;

pub(crate) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let opened = Opened::of(erasures, step).await?;
    let media = opened.collection.media.as_ref();
    let media = media.ok_or_else(|| broken("the collection has no media any more"))?;
    let mut result = MediaResult::default();
    for _ in 0..LOOKS {
        let look = look(erasures, step, (&opened, media), progress).await?;
        result = result.after(look);
        if look.is_settled() {
            let result = serde_json::to_value(result);
            let result = result.map_err(|_| broken("a result cannot be written down"))?;
            return Ok(Produced { result: Some(result), ..Produced::default() });
        }
    }
    let detail = format!(
        "after {LOOKS} looks there were still objects to be deleted: somebody writes them anew under keys that are \
         to be erased; it is tried again by itself"
    );
    Err(retry_later("media_unsettled", detail))
}

/// Deletes what is there under the keys that the rows name now.
async fn look(
    erasures: &Erasures,
    step: &Claimed,
    (opened, media): (&Opened<'_>, &Media),
    progress: &StepProgress,
) -> Result<MediaResult, StepError> {
    let columns: Vec<String> = std::iter::once(&media.key).chain(&media.bucket_column).cloned().collect();
    let mut found = MediaResult::default();
    let mut pages = opened.pages(&columns, PAGE_ROWS);
    while let Some(rows) = pages.next().await? {
        let Named { objects, outside } = erasures.buckets.named(media, &step.organisation, rows)?;
        found.outside = found.outside.saturating_add(outside);
        let named = stream::iter(objects.into_iter().map(Ok::<_, std::convert::Infallible>));
        match delete_media(named, AT_ONCE).await {
            Ok(deletion) => add(&mut found, &deletion)?,
            Err(never) => match never {},
        }
        progress.pulse();
    }
    Ok(found)
}

/// Adds what became of a page of objects, or says why the step cannot end.
fn add(found: &mut MediaResult, deletion: &MediaDeletion) -> Result<(), StepError> {
    let more = |count: &mut i64, more: u64| {
        *count = count.saturating_add(i64::try_from(more).unwrap_or(i64::MAX));
    };
    let Deleted { objects, versions, markers } = deletion.deleted;
    more(&mut found.objects, objects);
    more(&mut found.versions, versions);
    more(&mut found.markers, markers);
    more(&mut found.missing, deletion.missing);
    for (reason, count) in &deletion.failed {
        match reason {
            MediaDeleteError::Locked => more(&mut found.locked, *count),
            MediaDeleteError::Key => more(&mut found.impossible, *count),
            MediaDeleteError::Unavailable => {
                // So it is, too, where the rest was not tried: that is after several of these in a row.
                return Err(retry_later("media_unavailable", format!("{count} objects: {reason}")));
            }
            MediaDeleteError::Refused | MediaDeleteError::NoBucket | MediaDeleteError::Unaddressable => {
                let detail = format!("{count} objects: {reason}; mend that, then try the job again");
                return Err(refused("media_refused", detail));
            }
        }
    }
    Ok(())
}
