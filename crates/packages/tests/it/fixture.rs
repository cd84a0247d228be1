//! What the tests share: a store in a directory of its own, and readers that are not ours.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// Runs other readers over an archive; each must find it whole.
pub fn check_with_installed_readers(archive: &Path) {
    let test = "import sys, zipfile; assert zipfile.ZipFile(sys.argv[1]).testzip() is None";
    readers(test, |command| run(command, archive, None));
}

/// Has the same readers read one entry, where reading all of them would take too long.
pub fn check_entry_with_installed_readers(archive: &Path, entry: &str) {
    let test = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).read(sys.argv[2])";
    readers(test, |command| run(command, archive, Some(entry)));
}

/// Each reader by the variable that names its program, where it is not on the path.
fn readers(python_test: &str, check: impl Fn(&[&str])) {
    for (variable, program, arguments) in [
        ("LETHE_TEST_UNZIP", "unzip", &["-tqq"][..]),
        ("LETHE_TEST_7Z", "7z", &["t", "-bso0"]),
        ("LETHE_TEST_PYTHON", "python3", &["-c", python_test]),
    ] {
        let named = std::env::var(variable).ok().filter(|named| !named.is_empty());
        let program = named.as_deref().unwrap_or(program);
        check(&[&[program], arguments].concat());
    }
}

/// A reader that is not there is passed over, except in CI, where nothing is.
fn run(command: &[&str], archive: &Path, entry: Option<&str>) {
    let ran =
        Command::new(command[0]).args(&command[1..]).arg(archive).args(entry).stdin(Stdio::null()).output();
    let is_missing = ran.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    if is_missing && std::env::var("CI").as_deref() != Ok("true") {
        return;
    }
    assert!(!is_missing, "{} is not there; a variable named LETHE_TEST_… can say where it is", command[0]);
    let ran = ran.unwrap();
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {complaint}");
    assert_eq!(complaint, "", "{command:?}");
}
