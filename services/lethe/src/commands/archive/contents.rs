//! A ZIP archive on disk: its directory, and the way to the bytes of its entries.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use rawzip::{
    CompressionMethod, ErrorKind, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder,
};

use crate::failure::Failure;

/// How a file begins that `age` has encrypted.
const AGE: &[u8] = b"age-encryption.org/v1";
/// How an archive begins that has entries.
const FIRST_ENTRY: &[u8] = b"PK\x03\x04";

/// An archive that was opened.
pub(super) struct Contents {
    pub(super) file: PathBuf,
    pub(super) size_bytes: u64,
    archive: ZipArchive<FileReader>,
    entries: BTreeMap<String, Entry>,
}

/// One entry, as the directory has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) size_bytes: u64,
    pub(super) packed_bytes: u64,
    method: CompressionMethod,
    is_encrypted: bool,
    place: ZipArchiveEntryWayfinder,
}

impl Contents {
    /// Opens an archive and reads its directory.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let cannot =
            |error: io::Error| Failure::new(format!("{} cannot be read", path.display())).because(error);
        let mut file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            return Err(Failure::usage(format!("{} is no file", path.display()))
                .next("name the package that `lethe download` has saved"));
        }
        let mut begin = Vec::new();
        Read::by_ref(&mut file).take(32).read_to_end(&mut begin).map_err(cannot)?;
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let archive =
            ZipArchive::from_file(file, &mut buffer).map_err(|error| unopened(path, &begin, error))?;
        let entries = directory(&archive, &mut buffer).map_err(|error| damaged(path, error))?;
        Ok(Self { file: path.to_path_buf(), size_bytes: metadata.len(), archive, entries })
    }

    /// The entries by path.
    pub(super) fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// The bytes of an entry. Reading to the end fails when CRC-32 or size are not those of the
    /// directory.
    pub(super) fn read(&self, entry: &Entry) -> io::Result<Box<dyn Read + '_>> {
        if entry.is_encrypted {
            return Err(io::Error::other("the entry is encrypted"));
        }
        let found = self.archive.get_entry(entry.place).map_err(io::Error::other)?;
        match entry.method {
            CompressionMethod::STORE => Ok(Box::new(found.verifying_reader(found.reader()))),
            CompressionMethod::DEFLATE => {
                Ok(Box::new(found.verifying_reader(DeflateDecoder::new(found.reader()))))
            }
            other => Err(io::Error::other(format!("the entry is packed by method {}", other.as_u16()))),
        }
    }
}

fn directory(
    archive: &ZipArchive<FileReader>,
    buffer: &mut [u8],
) -> Result<BTreeMap<String, Entry>, rawzip::Error> {
    let mut entries = BTreeMap::new();
    let mut records = archive.entries(buffer);
    while let Some(record) = records.next_entry()? {
        if record.is_dir() {
            continue;
        }
        let path = String::from_utf8_lossy(record.file_path().as_bytes()).into_owned();
        let entry = Entry {
            size_bytes: record.uncompressed_size_hint(),
            packed_bytes: record.compressed_size_hint(),
            method: record.compression_method(),
            is_encrypted: record.flags().is_encrypted(),
            place: record.wayfinder(),
        };
        entries.insert(path, entry);
    }
    Ok(entries)
}

/// What a file is that cannot be opened as an archive.
fn unopened(path: &Path, begin: &[u8], error: rawzip::Error) -> Failure {
    let file = path.display();
    if begin.starts_with(AGE) {
        return Failure::new(format!("{file} is encrypted"))
            .next(format!("decrypt it first, as with: age --decrypt --output package.zip {file}"));
    }
    match error.kind() {
        ErrorKind::MissingEndOfCentralDirectory if begin.starts_with(FIRST_ENTRY) => {
            Failure::new(format!("{file} is cut off: its directory, which stands at the end, is missing"))
                .next("download it again; `lethe download` goes on where it stopped")
        }
        ErrorKind::MissingEndOfCentralDirectory => Failure::new(format!("{file} is no ZIP archive"))
            .next("name the package that `lethe download` has saved"),
        _ => damaged(path, error),
    }
}

fn damaged(path: &Path, error: rawzip::Error) -> Failure {
    Failure::new(format!("{} is damaged: its directory cannot be read", path.display()))
        .because(error)
        .next("download it again")
}
