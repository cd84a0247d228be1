//! One volume: what is told about its contents first, then the contents.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chassis::{StepError, StepProgress};
use packages::{
    Archive, ArchiveWriter, CollectionGuide, Encryption, FileStem, Footprint, Format, Manifest, ObjectKey,
    PackageError, cover_note, index_html, schema_json,
};

use super::contents::{Body, Item};
use crate::Exports;
use crate::failure::package_failed;

/// How often the copying of large files is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The entries that tell of the others, by path.
fn told(manifest: &Manifest, guides: &[CollectionGuide]) -> Result<Vec<(String, Vec<u8>)>, PackageError> {
    let mut told = vec![
        ("manifest.json".to_owned(), manifest.to_json()?),
        ("index.html".to_owned(), index_html(manifest, guides)),
        ("README.txt".to_owned(), cover_note(manifest)),
    ];
    for guide in guides {
        let json = |entry: &&packages::FileEntry| {
            entry.collection == guide.collection && entry.format == Format::Json
        };
        if let Some(entry) = manifest.files.iter().find(json) {
            let stem = FileStem::of_path(&entry.path);
            let stem = stem.unwrap_or_else(|| FileStem::alone(&guide.collection));
            told.push((stem.schema(), schema_json(guide, &entry.columns)?));
        }
    }
    Ok(told)
}

/// The room to keep for them in every volume. Of a volume less is told than of the whole, but for
/// the lists of the other volumes; so the whole's manifest counts twice.
pub(super) fn reserved(whole: &Manifest, guides: &[CollectionGuide]) -> Result<Footprint, StepError> {
    let told = told(whole, guides).map_err(|error| package_failed(&error))?;
    let mut room = Footprint::default();
    for (path, bytes) in told {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let length = if path == "manifest.json" { length.saturating_mul(2) } else { length };
        room = room + Footprint::entry(&path, length, length);
    }
    Ok(room)
}

/// Writes one volume. Nothing of it is visible before all of it is there.
pub(super) async fn write(
    (exports, encryption): (&Exports, Option<&Encryption>),
    key: ObjectKey,
    (manifest, guides, items): (&Manifest, &[CollectionGuide], Vec<Item>),
    progress: &StepProgress,
) -> Result<Archive, StepError> {
    let told = told(manifest, guides).map_err(|error| package_failed(&error))?;
    let writer = match encryption {
        None => ArchiveWriter::new(&exports.packages, key, manifest.cutoff_at),
        Some(encryption) => {
            let writer =
                ArchiveWriter::encrypted(&exports.packages, key, manifest.cutoff_at, encryption).await;
            writer.map_err(|error| package_failed(&error))?
        }
    };
    let footprint = items.iter().fold(Footprint::default(), |sum, item| sum + item.footprint());
    let writer = writer.expecting(footprint.archive_bytes());
    let written = writer.watch();
    let written = tokio::select! {
        archive = fill(writer, told, items) => archive,
        never = pulse(progress, &written) => match never {},
    };
    written.map_err(|error| package_failed(&error))
}

async fn fill(
    mut writer: ArchiveWriter,
    told: Vec<(String, Vec<u8>)>,
    items: Vec<Item>,
) -> Result<Archive, PackageError> {
    let added = async {
        for (path, bytes) in told {
            writer.add_bytes(&path, &bytes).await?;
        }
        for item in items {
            match item {
                Item::File(entry, Body::Part(part)) => writer.add_part(&entry.path, part).await?,
                Item::File(entry, Body::Joined(file)) => writer.add_joined(&entry.path, &file).await?,
                Item::Media(segment) => writer.add_segment(&segment).await?,
            }
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

/// Shows progress as long as bytes are being written, so that nobody takes a long copy for a hang.
async fn pulse(progress: &StepProgress, written: &Arc<AtomicU64>) -> std::convert::Infallible {
    let mut seen = 0;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = written.load(Ordering::Relaxed);
        if now != seen {
            seen = now;
            progress.pulse();
        }
    }
}
