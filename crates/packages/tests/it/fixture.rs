//! What the tests share: a store in a directory of its own, and readers that are not ours.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use packages::{AttemptFolder, JobFolder, ObjectKey, PackageStore};
use tempfile::TempDir;
use uuid::Uuid;

pub struct Fixture {
    pub store: PackageStore,
    pub folder: AttemptFolder,
    pub root: TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let url = format!("file://{}", root.path().display());
        let no_fsync = [("fsync".to_owned(), "false".to_owned())];
        Self {
            store: PackageStore::open(&url, no_fsync).unwrap(),
            folder: JobFolder::new("acme", Uuid::nil()).attempt(1, 1),
            root,
        }
    }

    pub fn path(&self, key: &ObjectKey) -> PathBuf {
        self.root.path().join(key.as_str())
    }

    /// Every file below the root, also those that the store does not show.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(self.root.path(), &mut files);
        files
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

/// Path and content of every entry, checked against its CRC-32 and sizes by another reader.
pub fn unzip(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = rawzip::ZipArchive::from_slice(archive).unwrap();
    let mut entries = archive.entries();
    let mut read = Vec::new();
    while let Some(entry) = entries.next_entry().unwrap() {
        let path = entry.file_path().try_normalize().unwrap().as_ref().to_owned();
        let found = archive.get_entry(entry.wayfinder()).unwrap();
        let mut content = Vec::new();
        match entry.compression_method() == rawzip::CompressionMethod::DEFLATE {
            true => {
                let inflated = flate2::bufread::DeflateDecoder::new(found.data());
                found.verifying_reader(inflated).read_to_end(&mut content)
            }
            false => found.verifying_reader(found.data()).read_to_end(&mut content),
        }
        .unwrap();
        read.push((path, content));
    }
    read
}
