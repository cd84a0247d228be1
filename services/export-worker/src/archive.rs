//! The archive: manifest first, then the files, and the package that comes of it.

use chassis::StepError;
use chrono::Utc;
use packages::{Archive, ArchiveWriter, AttemptFolder, FileEntry, JobFolder, Manifest, OmittedEntry, Part};
use store::{Claimed, NewPackage, Produced};
use uuid::Uuid;

use crate::Exports;
use crate::failure::{broken, package_failed};
use crate::sources::path;

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

/// What an archive is made of.
#[derive(Default)]
pub(crate) struct Contents {
    pub files: Vec<FileEntry>,
    pub parts: Vec<(String, Part)>,
    pub omitted: Vec<OmittedEntry>,
}

/// Writes the archive and says what the step produced by it.
pub(crate) async fn write(
    exports: &Exports,
    step: &Claimed,
    mut contents: Contents,
) -> Result<Produced, StepError> {
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let mut manifest = Manifest::new(step.job_id.0, step.organisation.as_str(), Utc::now(), cutoff_at);
    manifest.files = contents.files;
    manifest.omitted =
        exports.sources.skipped().map(skipped).chain(std::mem::take(&mut contents.omitted)).collect();
    let manifest = manifest.to_json().map_err(|error| package_failed(&error))?;
    let key = attempt_folder(step)?.archive();
    let writer = ArchiveWriter::new(&exports.packages, key, cutoff_at);
    let archive = fill(writer, &manifest, contents.parts).await.map_err(|error| package_failed(&error))?;
    let package = NewPackage {
        id: Uuid::new_v4(),
        object_key: archive.key.as_str().to_owned(),
        file_name: file_name(step),
        size_bytes: i64::try_from(archive.size_bytes).unwrap_or(i64::MAX),
        sha256: archive.sha256.to_string(),
    };
    Ok(Produced { package: Some(package), ..Produced::default() })
}

async fn fill(
    mut writer: ArchiveWriter,
    manifest: &[u8],
    parts: Vec<(String, Part)>,
) -> Result<Archive, packages::PackageError> {
    let added = async {
        writer.add_bytes("manifest.json", manifest).await?;
        for (path, part) in parts {
            writer.add_part(&path, part).await?;
        }
        Ok(())
    }
    .await;
    match added {
        Ok(()) => writer.finish().await,
        Err(error) => {
            writer.abort().await;
            Err(error)
        }
    }
}

fn skipped((dataset, collection): (&domain::datamap::Dataset, &domain::datamap::Collection)) -> OmittedEntry {
    OmittedEntry {
        collection: path(dataset, collection),
        column: None,
        reason: "the data map leaves this collection out (`skip_processing`)".to_owned(),
    }
}

/// The name a package is saved under: the day and the job, nothing of the organisation.
fn file_name(step: &Claimed) -> String {
    let job = step.job_id.0.simple().to_string();
    let tail = job.get(24..).unwrap_or(&job);
    format!("export-{}-{tail}.zip", step.requested_at.format("%Y-%m-%d"))
}
