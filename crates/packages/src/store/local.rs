//! What a directory needs beyond object storage: permissions, and sweeping after crashes.

use std::fs::{self, DirBuilder, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};

use super::bucket::MediaReadError;
use super::delete::MediaDeleteError;
use super::object::Swept;
use crate::key::ObjectKey;

/// Creates the directory, readable by its owner only: packages are personal data.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Removes the files that interrupted writes left below `prefix` of `root` where `may_go` says so of
/// the object that they would have become, and directories that have become empty.
pub(super) async fn remove_leftovers(
    root: &Path,
    prefix: &str,
    may_go: impl Fn(&ObjectKey) -> bool + Send + 'static,
) -> io::Result<Swept> {
    let (root, directory) = (root.to_owned(), root.join(prefix));
    let swept = tokio::task::spawn_blocking(move || {
        let mut swept = Swept::default();
        let may_go = |file: &Path| object(&root, file).is_some_and(|key| may_go(&key));
        remove_below(&directory, &may_go, &mut swept).map(|()| swept)
    });
    swept.await?
}

/// The key of the object that a staged file would have become.
fn object(root: &Path, file: &Path) -> Option<ObjectKey> {
    let path = file.strip_prefix(root).ok()?.to_str()?;
    ObjectKey::parse(path.rsplit_once('#')?.0).ok()
}

fn remove_below(directory: &Path, may_go: &dyn Fn(&Path) -> bool, swept: &mut Swept) -> io::Result<()> {
    let Some(entries) = existing(fs::read_dir(directory))? else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_below(&entry.path(), may_go, swept)?;
        } else if is_staged(&entry) && may_go(&entry.path()) {
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

/// The file that a key names, if it is the way to one below the directory: it must not climb, nor have
/// segments that are empty.
fn file_of(root: &Path, key: &str) -> Option<PathBuf> {
    let mut file = root.to_owned();
    for segment in key.split('/') {
        match segment {
            "" | ".." => return None,
            "." => {}
            name => file.push(name),
        }
    }
    (file != root && !key.ends_with("/.")).then_some(file)
}

/// Opens the file of one object.
pub(super) async fn read(root: &Path, key: &str) -> Result<File, MediaReadError> {
    let file = file_of(root, key).ok_or(MediaReadError::Key)?;
    let opened = tokio::task::spawn_blocking(move || match File::open(file)? {
        directory if directory.metadata()?.is_dir() => Err(io::ErrorKind::NotFound.into()),
        file => Ok(file),
    });
    opened.await.map_err(io::Error::from).flatten().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => MediaReadError::Missing,
        io::ErrorKind::PermissionDenied => MediaReadError::Refused,
        io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput => MediaReadError::Key,
        _ => MediaReadError::Unreadable,
    })
}

/// Removes the file of one object, and directories that become empty by that, whose names can be
/// as personal as its own; `false` when there is no such file. It stays so after a power cut.
pub(super) async fn remove(root: &Path, key: &str) -> Result<bool, MediaDeleteError> {
    let file = file_of(root, key).ok_or(MediaDeleteError::Key)?;
    let root = root.to_owned();
    let removed = tokio::task::spawn_blocking(move || remove_file(&root, &file));
    match removed.await.map_err(io::Error::from).flatten() {
        Ok(was_there) => Ok(was_there),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => MediaDeleteError::Refused,
            io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput => MediaDeleteError::Key,
            io::ErrorKind::NotFound => MediaDeleteError::NoBucket,
            _ => MediaDeleteError::Unavailable,
        }),
    }
}

fn remove_file(root: &Path, file: &Path) -> io::Result<bool> {
    fs::metadata(root)?;
    let found = match fs::symlink_metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => None,
        found => existing(found)?,
    };
    if found.is_none_or(|found| found.is_dir()) || existing(fs::remove_file(file))?.is_none() {
        return Ok(false);
    }
    remove_empty(root, file)?;
    Ok(true)
}

/// Removes the directories above `file` that are empty and makes what is gone from the one above
/// them final. Files next to it may be going at the same time, and their directories with them.
fn remove_empty(root: &Path, file: &Path) -> io::Result<()> {
    for directory in file.ancestors().skip(1).take_while(|directory| *directory != root) {
        if existing(fs::remove_dir(directory)).is_err()
            && let Some(left) = existing(File::open(directory))?
        {
            return left.sync_all();
        }
    }
    File::open(root)?.sync_all()
}

fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
