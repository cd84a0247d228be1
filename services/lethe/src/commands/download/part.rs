//! What has arrived of a download.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// Bytes read at a time when an earlier part is hashed again.
const CHUNK_SIZE_BYTES: usize = 1 << 20;

/// The file that takes what arrives, and the hash of what it holds.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    hash: Sha256,
    size_bytes: u64,
    expected_size_bytes: u64,
}

impl Part {
    /// The part that an earlier run left, or an empty one. Held by one process at a time.
    pub(super) fn open(path: PathBuf, expected_size_bytes: u64) -> Result<Self, Failure> {
        let cannot = |error| {
            Failure::new(format!("{} cannot be written", path.display()))
                .because(error)
                .next("see to it that the directory is there and may be written to, or give another --output")
        };
        // An export is personal data: nobody else on this machine may read it.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new("another download of this package to this file is under way")
                    .next("wait for it, or give another --output"));
            }
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        let mut part =
            Self { path: path.clone(), file, hash: Sha256::new(), size_bytes: 0, expected_size_bytes };
        part.read_back().map_err(cannot)?;
        Ok(part)
    }

    /// How much has arrived.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// How much there will be.
    pub(super) fn expected_size_bytes(&self) -> u64 {
        self.expected_size_bytes
    }

    /// Whether everything has arrived.
    pub(super) fn is_whole(&self) -> bool {
        self.size_bytes == self.expected_size_bytes
    }

    /// Takes what arrived.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let size_bytes = self.size_bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if size_bytes > self.expected_size_bytes {
            let promised = self.expected_size_bytes;
            self.forget()?;
            return Err(Failure::new(format!("more arrives than the {promised} bytes that the package has"))
                .detail("what has arrived was deleted")
                .next("try again; if it stays so, have the package looked at where it is stored"));
        }
        self.file.write_all(bytes).map_err(|error| self.unwritten(error))?;
        self.hash.update(bytes);
        self.size_bytes = size_bytes;
        Ok(())
    }

    /// Begins anew.
    pub(super) fn restart(&mut self) -> Result<(), Failure> {
        self.clear().map_err(|error| self.unwritten(error))
    }

    /// Whether it is what was promised. If not, nothing of it is kept.
    pub(super) fn verify(&mut self, sha256: &str) -> Result<(), Failure> {
        let found = hex(&self.hash.clone().finalize());
        if found.eq_ignore_ascii_case(sha256) {
            return Ok(());
        }
        self.forget()?;
        Err(Failure::new("the download is not the package that the job made: the SHA-256 differs")
            .detail(format!("expected {sha256}"))
            .detail(format!("found    {found}"))
            .detail("what has arrived was deleted")
            .next("try again; if it stays so, have the package looked at where it is stored"))
    }

    /// Ends it with everything on disk; the file's path.
    pub(super) fn close(self) -> Result<PathBuf, Failure> {
        self.file.sync_all().map_err(|error| self.unwritten(error))?;
        Ok(self.path)
    }

    fn read_back(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() > self.expected_size_bytes {
            return self.clear();
        }
        let mut chunk = vec![0; CHUNK_SIZE_BYTES];
        loop {
            let read = self.file.read(&mut chunk)?;
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return Ok(());
            };
            self.hash.update(bytes);
            self.size_bytes += u64::try_from(read).unwrap_or(0);
        }
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hash = Sha256::new();
        self.size_bytes = 0;
        Ok(())
    }

    fn forget(&mut self) -> Result<(), Failure> {
        std::fs::remove_file(&self.path).map_err(|error| self.unwritten(error))
    }

    fn unwritten(&self, error: io::Error) -> Failure {
        Failure::new(format!("{} cannot be written", self.path.display()))
            .because(error)
            .next("make room or give another --output; what has arrived is kept where it is")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_part_goes_on_where_it_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part");
        let mut part = Part::open(path.clone(), 3).unwrap();
        part.take(b"ab").unwrap();
        assert!(Part::open(path.clone(), 3).err().unwrap().to_string().contains("under way"));
        drop(part);
        let mut part = Part::open(path.clone(), 3).unwrap();
        assert_eq!((part.size_bytes(), part.is_whole()), (2, false));
        part.take(b"c").unwrap();
        assert!(part.is_whole());
        part.verify(ABC).unwrap();
        assert_eq!(part.close().unwrap(), path);
    }

    #[test]
    fn what_is_wrong_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part");
        let mut part = Part::open(path.clone(), 3).unwrap();
        part.take(b"abd").unwrap();
        assert!(part.verify(ABC).unwrap_err().to_string().contains(ABC));
        assert!(!path.exists());
        let mut part = Part::open(path.clone(), 3).unwrap();
        assert!(part.take(b"abcd").is_err());
        assert!(!path.exists());
    }

    #[test]
    fn a_part_that_is_too_long_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part");
        std::fs::write(&path, "abcd").unwrap();
        let mut part = Part::open(path, 3).unwrap();
        assert_eq!(part.size_bytes(), 0);
        part.take(b"abc").unwrap();
        part.verify(ABC).unwrap();
    }

    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part");
        Part::open(path.clone(), 3).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
