//! The archive: a package, or several volumes of one where it would be too large.

mod contents;
mod volume;

use chassis::{StepError, StepProgress};
use chrono::Utc;
use domain::job::FailureReason;
use packages::{
    Archive, AttemptFolder, ENCRYPTED_SUFFIX, Footprint, JobFolder, Manifest, OtherVolume, Volume, volumes,
};
use store::{Claimed, NewPackage, Produced};
use uuid::Uuid;

use crate::encryption::encryption_of;
use crate::failure::broken;
use crate::result::written;
use crate::{Exports, organisation};

pub(crate) use contents::{Body, Contents, Item, MediaFound};

/// Everything that a job writes lies under this folder.
pub(crate) fn job_folder(step: &Claimed) -> JobFolder {
    JobFolder::new(step.organisation.as_str(), step.job_id.0)
}

/// Everything that this attempt at this step writes lies under this folder.
pub(crate) fn attempt_folder(step: &Claimed) -> Result<AttemptFolder, StepError> {
    let number = u32::try_from(step.step_no.0).ok().zip(u32::try_from(step.epoch).ok());
    let (step_no, epoch) = number.ok_or_else(|| broken("a step's number or epoch is out of range"))?;
    Ok(job_folder(step).attempt(step_no, epoch))
}

/// Writes the archive and says what the step produced by it.
pub(crate) async fn write(
    exports: &Exports,
    step: &Claimed,
    contents: Contents,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let encryption = encryption_of(exports, step).await?;
    let mut whole = Manifest::new(step.job_id.0, step.organisation.as_str(), Utc::now(), cutoff_at);
    whole.organisation_name = organisation::name(exports, step).await?;
    contents.describe(&mut whole);
    let Contents { items, guides, .. } = contents;
    let footprints: Vec<Footprint> = items.iter().map(Item::footprint).collect();
    let reserved = volume::reserved(&whole, &guides)?;
    within_limit(exports, footprints.iter().fold(reserved, |sum, item| sum + *item).archive_bytes())?;
    let limit = exports.volume_bytes.unwrap_or(u64::MAX);
    let room = encryption.as_ref().map_or(limit, |encryption| encryption.archive_bytes_within(limit));
    let ranges = volumes(reserved, &footprints, room);
    let names: Vec<String> = (1..)
        .zip(&ranges)
        .map(|(number, _)| file_name(step, (number, ranges.len()), encryption.is_some()))
        .collect();
    let others: Vec<OtherVolume> = names
        .iter()
        .zip(&ranges)
        .map(|(name, range)| OtherVolume {
            file_name: name.clone(),
            files: items.get(range.clone()).unwrap_or_default().iter().filter_map(Item::path).collect(),
        })
        .collect();
    let mut items = items.into_iter();
    let mut packages = Vec::new();
    for (number, (range, name)) in (1_u32..).zip(ranges.iter().zip(&names)) {
        let own: Vec<Item> = items.by_ref().take(range.len()).collect();
        let mut manifest = whole.clone();
        if ranges.len() > 1 {
            let of = u32::try_from(ranges.len()).unwrap_or(u32::MAX);
            manifest.volume = Some(Volume { number, of, set_id: step.job_id.0 });
            manifest.files = own.iter().filter_map(Item::entry).cloned().collect();
            manifest.other_volumes =
                others.iter().filter(|other| other.file_name != *name).cloned().collect();
        }
        let folder = attempt_folder(step)?;
        let key = if ranges.len() > 1 { folder.volume(number) } else { folder.archive() };
        let archive =
            volume::write((exports, encryption.as_ref()), key, (&manifest, &guides, own), progress).await?;
        packages.push(package(&archive, number, name));
    }
    let packages_valid_for = Some(exports.package_validity);
    let result = written(&contents::result(&whole))?;
    Ok(Produced { result, packages, packages_valid_for, ..Produced::default() })
}

fn package(archive: &Archive, number: u32, file_name: &str) -> NewPackage {
    NewPackage {
        id: Uuid::new_v4(),
        volume_no: i32::try_from(number).unwrap_or(i32::MAX),
        object_key: archive.key.as_str().to_owned(),
        file_name: file_name.to_owned(),
        size_bytes: i64::try_from(archive.size_bytes).unwrap_or(i64::MAX),
        sha256: archive.sha256.to_string(),
    }
}

/// An archive that is larger than allowed is not written at all.
fn within_limit(exports: &Exports, archive_bytes: u64) -> Result<(), StepError> {
    match exports.max_archive_bytes {
        Some(limit) if archive_bytes > limit => {
            let detail = format!(
                "the archive would take {archive_bytes} bytes, more than the {limit} of `max_archive_bytes`; \
                 raise the setting of the export-worker, or leave media or a format out"
            );
            Err(StepError::Permanent(FailureReason::new("archive_too_large", detail)))
        }
        _ => Ok(()),
    }
}

/// The name a package is saved under: the day and the job, nothing of the organisation.
fn file_name(step: &Claimed, (number, of): (usize, usize), is_encrypted: bool) -> String {
    let job = step.job_id.0.simple().to_string();
    let tail = job.get(24..).unwrap_or(&job);
    let volume = if of > 1 { format!("-{number:03}") } else { String::new() };
    let suffix = if is_encrypted { ENCRYPTED_SUFFIX } else { "" };
    format!("export-{}-{tail}{volume}.zip{suffix}", step.requested_at.format("%Y-%m-%d"))
}
