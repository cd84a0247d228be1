//! Media objects: deleted by the keys that rows name, with all of their versions, while the rows still
//! name them. Doing it again does no harm, so an attempt begins anew.

use std::collections::BTreeMap;

use chassis::{StepError, StepProgress};
use connectors::erase::PageRow;
use domain::datamap::Media;
use domain::id::OrganisationId;
use futures::stream;
use packages::{Bucket, Deleted, MediaDeleteError, MediaDeletion, delete_media};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use store::{Claimed, Produced};

use crate::Erasures;
use crate::config::BucketSettings;
use crate::failure::{broken, refused, retry_later};
use crate::opened::Opened;

/// The bucket of rows that name none.
const DEFAULT_BUCKET: &str = "default";
/// Rows read at a time, and requests under way at a time.
const PAGE_ROWS: u32 = 1_000;
const AT_ONCE: usize = 8;

/// The company's buckets, by the names that rows have.
pub(crate) struct Buckets(BTreeMap<String, Bucket>);

impl Buckets {
    pub(crate) fn open(settings: &BTreeMap<String, BucketSettings>) -> anyhow::Result<Self> {
        use anyhow::Context as _;
        let open = |(name, settings): (&String, &BucketSettings)| {
            let options = settings.options.iter();
            let options = options.map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
            let bucket = Bucket::open(&settings.url, options.collect::<Vec<_>>());
            Ok((name.clone(), bucket.with_context(|| format!("service.buckets.{name}"))?))
        };
        settings.iter().map(open).collect::<anyhow::Result<_>>().map(Self)
    }

    /// What stands in the way of deleting any media.
    pub(crate) fn check(&self) -> Result<(), StepError> {
        let detail = "nothing was erased: media were to be deleted too, but the erasure-worker knows no bucket; \
                      name it under [service.buckets.default], or ask without delete_media";
        if self.0.is_empty() { Err(refused("media_not_configured", detail)) } else { Ok(()) }
    }
}

/// What became of the objects. Says nothing of their keys, which may be personal data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Outcome {
    objects: u64,
    versions: u64,
    markers: u64,
    /// Gone already.
    missing: u64,
    /// Not this organisation's by the data map's prefix, or in no bucket that is known: left.
    outside: u64,
    /// Under a retention of the bucket's own (Object Lock): left until that ends.
    locked: u64,
    /// Keys that no object can have.
    impossible: u64,
}

pub(crate) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let opened = Opened::of(erasures, step).await?;
    let media = opened.collection.media.as_ref();
    let media = media.ok_or_else(|| broken("the collection has no media any more"))?;
    let columns: Vec<String> = std::iter::once(&media.key).chain(&media.bucket_column).cloned().collect();
    let mut outcome = Outcome::default();
    let mut pages = opened.pages(&columns, PAGE_ROWS);
    while let Some(rows) = pages.next().await? {
        let objects = erasures.buckets.named(media, &step.organisation, rows, &mut outcome);
        let named = stream::iter(objects.into_iter().map(Ok::<_, std::convert::Infallible>));
        match delete_media(named, AT_ONCE).await {
            Ok(deletion) => outcome.add(&deletion)?,
            Err(never) => match never {},
        }
        progress.pulse();
    }
    let result = serde_json::to_value(&outcome).map_err(|_| broken("a result cannot be written down"))?;
    Ok(Produced { result: Some(result), ..Produced::default() })
}

impl Buckets {
    /// The objects that rows name and that may be the organisation's.
    fn named(
        &self,
        media: &Media,
        organisation: &OrganisationId,
        rows: Vec<PageRow>,
        outcome: &mut Outcome,
    ) -> Vec<(Bucket, String)> {
        let mut objects = Vec::new();
        for row in rows {
            let mut values = row.values.into_iter();
            let Some(key) = values.next().flatten().filter(|key| !key.is_empty()) else { continue };
            let bucket = values.next().flatten().unwrap_or_else(|| DEFAULT_BUCKET.to_owned());
            match self.0.get(&bucket).filter(|_| media.covers(organisation, &key)) {
                Some(bucket) => objects.push((bucket.clone(), key)),
                None => outcome.outside = outcome.outside.saturating_add(1),
            }
        }
        objects
    }
}

impl Outcome {
    /// Adds what became of a page of objects, or says why the step cannot end.
    fn add(&mut self, deletion: &MediaDeletion) -> Result<(), StepError> {
        let Deleted { objects, versions, markers } = deletion.deleted;
        self.objects = self.objects.saturating_add(objects);
        self.versions = self.versions.saturating_add(versions);
        self.markers = self.markers.saturating_add(markers);
        self.missing = self.missing.saturating_add(deletion.missing);
        for (reason, count) in &deletion.failed {
            match reason {
                MediaDeleteError::Locked => self.locked = self.locked.saturating_add(*count),
                MediaDeleteError::Key => self.impossible = self.impossible.saturating_add(*count),
                MediaDeleteError::Unavailable => {
                    return Err(retry_later("media_unavailable", format!("{count} objects: {reason}")));
                }
                MediaDeleteError::Refused | MediaDeleteError::NoBucket => {
                    let detail = format!("{count} objects: {reason}; mend that, then try the job again");
                    return Err(refused("media_refused", detail));
                }
            }
        }
        if deletion.broke_off {
            return Err(retry_later("media_unavailable", "the bucket does not answer"));
        }
        Ok(())
    }
}
