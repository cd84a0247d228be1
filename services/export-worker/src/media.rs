//! The media that rows name, copied from the company's buckets.
//!
//! An object that is missing or cannot be read is listed with its reason and the job goes on: a
//! person asked for what there is. One that the bucket failed to give, which it may do for a moment, is
//! tried again when the others are done. A bucket that is away altogether is another matter: the whole
//! step is tried again later.

use std::collections::BTreeMap;
use std::time::Duration;

use chassis::{StepError, StepProgress};
use connectors::{ExportScope, MediaKey, MediaRead};
use domain::datamap::{Collection, Dataset};
use domain::job::FailureReason;
use futures::{StreamExt as _, TryStreamExt as _};
use packages::{Bucket, MediaReadError, MediaWriter, MissingObject};
use store::{Claimed, Produced};

use crate::archive::{MediaFound, attempt_folder};
use crate::config::PackageSettings;
use crate::failure::{broken, package_failed, plan_failed, store_failed};
use crate::result::{MediaResult, written};
use crate::{Exports, request};

/// The bucket of rows that name none.
const DEFAULT_BUCKET: &str = "default";
/// Segments are not cut; a volume of an archive should take several.
const SEGMENT_BYTES: u64 = 256 * 1024 * 1024;
/// After so many objects in a row that could not be read, the bucket itself is taken to be away.
const AWAY_AFTER: u32 = 8;
/// The pauses before those that could not be read are tried again.
const AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(10)];

/// The company's buckets, by the names that rows have.
pub(crate) struct Buckets(BTreeMap<String, Bucket>);

impl Buckets {
    pub(crate) fn open(settings: &BTreeMap<String, PackageSettings>) -> anyhow::Result<Self> {
        use anyhow::Context as _;
        let open = |(name, settings): (&String, &PackageSettings)| {
            let bucket = Bucket::open(&settings.url, settings.exposed());
            Ok((name.clone(), bucket.with_context(|| format!("service.buckets.{name}"))?))
        };
        settings.iter().map(open).collect::<anyhow::Result<_>>().map(Self)
    }

    /// What stands in the way of copying any media; `None` when nothing does.
    pub(crate) fn obstacle(&self) -> Option<FailureReason> {
        let detail = "media were asked for, but the export-worker knows no bucket; \
                      name it under [service.buckets.default], or ask without include_media";
        self.0.is_empty().then(|| FailureReason::new("media_not_configured", detail))
    }
}

/// Copies the media of one collection of a large export.
pub(crate) async fn run(
    exports: &Exports,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let path = step.collection.as_deref().ok_or_else(|| broken("the step names no collection"))?;
    let MediaFound { segments, missing } =
        read(exports, step, exports.sources.find(path)?, (None, progress)).await?;
    let mut result = MediaResult { segments, missing: None };
    if !missing.is_empty() {
        let key = attempt_folder(step)?.missing_media();
        exports.put_json(&key, &missing).await?;
        result.missing = Some(key);
    }
    Ok(Produced { result: written(&result)?, ..Produced::default() })
}

/// Copies the media of one collection.
pub(crate) async fn read(
    exports: &Exports,
    step: &Claimed,
    (dataset, collection): (&Dataset, &Collection),
    (only, progress): (Option<&[Vec<String>]>, &StepProgress),
) -> Result<MediaFound, StepError> {
    let mut copy = Copy {
        exports,
        name: exports.sources.shown_name(dataset, collection),
        writer: writer(exports, step, collection)?,
        missing: Vec::new(),
        unreadable: Vec::new(),
        failed_in_a_row: 0,
        progress,
    };
    let copied = async {
        for named in keys(exports, step, (dataset, collection), only).await? {
            copy.object(named).await?;
        }
        copy.again().await
    }
    .await;
    if let Err(error) = copied {
        copy.writer.abort().await;
        return Err(error);
    }
    let segments = copy.writer.finish().await.map_err(|error| package_failed(&error))?;
    Ok(MediaFound { segments, missing: copy.missing })
}

fn writer(exports: &Exports, step: &Claimed, collection: &Collection) -> Result<MediaWriter, StepError> {
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let folder = attempt_folder(step)?.of(&collection.name);
    let volume_bytes = exports.volume_bytes.unwrap_or(u64::MAX);
    Ok(MediaWriter::new(&exports.packages, &folder, SEGMENT_BYTES.min(volume_bytes / 4), cutoff_at))
}

/// What the organisation's rows name. Read at once, so that no transaction of the company's store
/// stays open while gigabytes are copied.
async fn keys(
    exports: &Exports,
    step: &Claimed,
    (dataset, collection): (&Dataset, &Collection),
    only: Option<&[Vec<String>]>,
) -> Result<Vec<MediaKey>, StepError> {
    let schemas = exports.sources.schemas().await?;
    let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let formats = request(step)?.format;
    let scope = ExportScope { organisation: &step.organisation, cutoff_at, formats, only };
    let planned = MediaRead::plan(collection, schema, &scope).map_err(|error| plan_failed(&error))?;
    let Some(read) = planned else {
        return Ok(Vec::new());
    };
    let mut transaction = exports.sources.begin_read(dataset, cutoff_at).await?;
    let named = async { transaction.media(&read).await?.try_collect().await }.await;
    let mut named: Vec<MediaKey> = named.map_err(|error| store_failed(&error))?;
    transaction.finish().await.map_err(|error| store_failed(&error))?;
    // The order of the archive should not depend on how the store happened to find them.
    named.sort_unstable_by(|left, right| (&left.bucket, &left.key).cmp(&(&right.bucket, &right.key)));
    Ok(named)
}

/// The copying of one collection's media.
struct Copy<'a> {
    exports: &'a Exports,
    name: String,
    writer: MediaWriter,
    missing: Vec<MissingObject>,
    /// Those that the bucket failed to give.
    unreadable: Vec<MediaKey>,
    failed_in_a_row: u32,
    progress: &'a StepProgress,
}

impl Copy<'_> {
    async fn object(&mut self, named: MediaKey) -> Result<(), StepError> {
        if !named.within_prefix {
            let reason = "its key is outside of the prefix that the data map gives to the organisation";
            self.leave_out(&named, reason);
            return Ok(());
        }
        let bucket = named.bucket.as_deref().unwrap_or(DEFAULT_BUCKET);
        let Some(bucket) = self.exports.buckets.0.get(bucket) else {
            self.leave_out(&named, "its bucket is not among those that the export-worker knows");
            return Ok(());
        };
        match self.copy(bucket, &named).await? {
            Ok(()) => self.failed_in_a_row = 0,
            Err(error) if error.is_retryable() => {
                self.unreadable.push(named);
                self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
                if self.failed_in_a_row >= AWAY_AFTER {
                    let detail =
                        format!("{AWAY_AFTER} media objects in a row could not be read; is the bucket up?");
                    return Err(StepError::Retryable(FailureReason::new("media_unreadable", detail)));
                }
            }
            Err(error) => {
                self.failed_in_a_row = 0;
                self.leave_out(&named, &error.to_string());
            }
        }
        Ok(())
    }

    /// Tries those again that the bucket failed to give, and leaves out what it never gives.
    async fn again(&mut self) -> Result<(), StepError> {
        for pause in AGAIN_AFTER {
            if self.unreadable.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            for named in std::mem::take(&mut self.unreadable) {
                // These have failed before: that they fail one after the other does not say that the bucket is away.
                self.failed_in_a_row = 0;
                self.object(named).await?;
            }
        }
        for named in std::mem::take(&mut self.unreadable) {
            self.leave_out(&named, &MediaReadError::Unreadable.to_string());
        }
        Ok(())
    }

    /// Copies one object; the inner error is the bucket's.
    async fn copy(
        &mut self,
        bucket: &Bucket,
        named: &MediaKey,
    ) -> Result<Result<(), MediaReadError>, StepError> {
        let content = match bucket.read(&named.key).await {
            Ok(content) => content,
            Err(error) => return Ok(Err(error)),
        };
        let progress = self.progress;
        let content = content.inspect(|_| progress.pulse());
        let added = self.writer.add(&self.name, &shown(named), content).await;
        self.progress.pulse();
        Ok(added.map_err(|error| package_failed(&error))?.map(|_| ()))
    }

    fn leave_out(&mut self, named: &MediaKey, reason: &str) {
        let (collection, key) = (self.name.clone(), shown(named));
        self.missing.push(MissingObject { collection, key, reason: reason.to_owned() });
    }
}

/// The object's key, with its bucket where rows name one: the same key may be in use in several.
fn shown(named: &MediaKey) -> String {
    match &named.bucket {
        Some(bucket) => format!("{bucket}/{}", named.key),
        None => named.key.clone(),
    }
}
