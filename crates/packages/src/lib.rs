//! Writes, signs and expires export packages in object storage.
//!
//! This crate turns the bytes of `COPY … TO STDOUT` into the files of an archive and puts the
//! archive where it can be downloaded. It runs no SQL and knows no queue; personal data passes
//! through it and never enters an error, a key or a `Debug` output.
//!
//! The way of a row: [`CollectionWriter`] hands the rows of one COPY to the [`RowEncoder`], whose
//! bytes go to one [`PartWriter`] per format, which hashes and compresses them block by block on
//! the blocking threads. [`ArchiveWriter`] copies the compressed [`Part`]s into a ZIP archive
//! without compressing again, and a [`DownloadLink`] lets it be fetched for a while. Where steps
//! read the key ranges of one collection they write fragments, of which a [`JoinedFile`] makes one
//! file; media come through a [`MediaWriter`]; [`volumes`] says how to split what is too large.
//! With an [`Encryption`] the archive is encrypted while it is written.
//!
//! ```
//! use packages::{
//!     ArchiveWriter, CollectionWriter, Column, FileEntry, Format, Formats, JobFolder, Manifest,
//!     PackageStore, PartOptions, ValueKind, entry_name,
//! };
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let url = format!("file://{}", directory.path().display());
//! # let (job, now, cutoff_at) = (uuid::Uuid::now_v7(), chrono::Utc::now(), chrono::Utc::now());
//! let store = PackageStore::open(&url, std::iter::empty())?;
//! let folder = JobFolder::new("acme", job).attempt(1, 1);
//!
//! // One COPY (SELECT "id", "name", "tags", to_json("tags") …) TO STDOUT.
//! let columns = vec![
//!     Column::new("id", ValueKind::Number),
//!     Column::new("name", ValueKind::Text),
//!     Column::new("tags", ValueKind::Verbatim).only(Formats::CsvOnly),
//!     Column::new("tags", ValueKind::Json).only(Formats::JsonOnly),
//! ];
//! let options = PartOptions::default();
//! let mut people = CollectionWriter::new(&store, folder.part("people"), &columns, Formats::Both, &options)?;
//! for chunk in [&b"1\tAda\t{a,b}\t[\"a\",\"b\"]\n"[..], b"2\t\\N\t\\N\t\\N\n"] {
//!     people.write(chunk).await?;
//! }
//! let people = people.finish().await?;
//!
//! // Parts of earlier steps come back as `StoredPart`s; parts of this step can be used as they are.
//! let mut manifest = Manifest::new(job, "acme", now, cutoff_at);
//! for (format, part) in people.parts() {
//!     let path = entry_name("people", format);
//!     manifest.files.push(FileEntry::new(path, "people", format, part.content()));
//! }
//! let mut archive = ArchiveWriter::new(&store, folder.archive(), cutoff_at);
//! archive.add_bytes("manifest.json", &manifest.to_json()?).await?;
//! for (format, part) in people.into_parts() {
//!     archive.add_part(&entry_name("people", format), part).await?;
//! }
//! let archive = archive.finish().await?;
//! assert_eq!(archive.entries, 3);
//! # Ok(()) }
//! ```

mod archive;
mod collection;
mod digest;
mod encode;
mod encrypt;
mod error;
mod guide;
mod key;
mod link;
mod manifest;
mod media;
mod part;
mod portable;
mod store;

pub use archive::{Archive, ArchiveWriter, FileStem, Footprint, MEDIA_INDEX_PATH, entry_name, volumes};
pub use collection::{CollectionParts, CollectionWriter, Layout};
pub use digest::Sha256Digest;
pub use encode::{
    Column, EncodeError, EncodedRows, Format, Formats, Frame, Framing, Outputs, RowEncoder, ValueKind,
};
pub use encrypt::{
    ENCRYPTED_SUFFIX, Encryption, EncryptionError, MOST_RECIPIENTS, SHORTEST_PASSPHRASE, SealError,
    SealedFor, media_type,
};
pub use error::PackageError;
pub use guide::{CollectionGuide, FirstRows, Preview, cover_note, index_html, schema_json};
pub use key::{AttemptFolder, JobFolder, KeyError, ObjectKey, PartKey};
pub use link::{DownloadLink, KeyRing, KeyRingError, KeyRingSettings, LINK_VALIDITY, LinkError, LinkTarget};
pub use manifest::{
    ColumnEntry, FileEntry, LaterEntry, Manifest, MediaSummary, MissingObject, OmittedEntry, OtherVolume,
    PersonEntry, Rules, Volume, WITHHELD_FOR_OTHERS, WithheldEntry,
};
pub use media::{MediaObject, MediaSegment, MediaWriter, media_path};
pub use part::{Content, JoinedFile, Part, PartOptions, PartWriter, StoredPart};
pub use store::{
    Bucket, Deleted, MediaDeleteError, MediaDeletion, MediaReadError, ObjectStream, PackageStore,
    StoredObject, Swept, attachment, delete_media,
};
