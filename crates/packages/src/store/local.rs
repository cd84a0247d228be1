//! What a directory needs beyond object storage: permissions, and sweeping after crashes.

use std::fs::{self, DirBuilder, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::open::Swept;

/// Creates the directory, readable by its owner only: packages are personal data.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Removes the files that interrupted writes left below `directory`, and directories that have
/// become empty, `directory` included.
pub(super) async fn remove_leftovers(directory: PathBuf) -> io::Result<Swept> {
    let swept = tokio::task::spawn_blocking(move || {
        let mut swept = Swept::default();
        remove_below(&directory, &mut swept).map(|()| swept)
    });
    swept.await?
}

fn remove_below(directory: &Path, swept: &mut Swept) -> io::Result<()> {
    let Some(entries) = existing(fs::read_dir(directory))? else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_below(&entry.path(), swept)?;
        } else if is_staged(&entry) {
            let size_bytes = existing(entry.metadata())?.map_or(0, |file| file.len());
            existing(fs::remove_file(entry.path()))?;
            swept.objects += 1;
            swept.size_bytes += size_bytes;
        }
    }
    match existing(fs::remove_dir(directory)) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
        _ => Ok(()),
    }
}

/// `object_store` writes to `name#1` (or a higher number) and renames when all is written.
fn is_staged(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let number = name.to_str().and_then(|name| name.rsplit_once('#'));
    number.is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
