//! Where a download goes.

use std::path::{Path, PathBuf};

use super::Wanted;
use super::part::Part;
use crate::failure::Failure;

/// A file to be, and the right to overwrite the one that is there.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    force: bool,
}

impl Place {
    /// The wanted file; inside the wanted directory it has the package's own name.
    pub(super) fn choose(wanted: &Wanted, package_name: &str) -> Result<Self, Failure> {
        let file = match &wanted.output {
            Some(path) if path.is_dir() => path.join(safe_name(package_name)?),
            Some(path) => path.clone(),
            None => PathBuf::from(safe_name(package_name)?),
        };
        if file.is_dir() || file.file_name().is_none() {
            return Err(Failure::usage(format!("{} is no name for a file", file.display()))
                .next("give another --output"));
        }
        let place = Self { file, force: wanted.force };
        place.refuse_overwriting()?;
        Ok(place)
    }

    /// The file beside the target that takes what arrives: on the same file system, so that it only needs a new
    /// name in the end, and named after the package, so that the rest of another is never taken for the rest of this.
    pub(super) fn part(&self, sha256: &str) -> PathBuf {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let mark: String = sha256.chars().filter(char::is_ascii_hexdigit).take(12).collect();
        self.file.with_file_name(format!(".{name}.{mark}.part"))
    }

    /// Gives a complete download its name.
    pub(super) fn settle(&self, part: Part) -> Result<(), Failure> {
        self.refuse_overwriting()?;
        let from = part.close()?;
        std::fs::rename(&from, &self.file).map_err(|error| {
            Failure::new(format!("{} cannot be renamed to {}", from.display(), self.file.display()))
                .because(error)
        })
    }

    fn refuse_overwriting(&self) -> Result<(), Failure> {
        if !self.force && self.file.symlink_metadata().is_ok() {
            return Err(Failure::new(format!("{} is there already", self.file.display()))
                .next("overwrite it with --force, or give another --output"));
        }
        Ok(())
    }
}

/// The package's name, if it is only that: the API must not choose the directory we write to.
fn safe_name(name: &str) -> Result<&str, Failure> {
    let plain = Path::new(name).file_name().is_some_and(|last| last == name)
        && !name.starts_with('.')
        && !name.contains(['\\', ':'])
        && !name.chars().any(char::is_control);
    match plain {
        true => Ok(name),
        false => {
            Err(Failure::new("the package's name cannot be used for a file here")
                .next("name one with --output"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in
            ["", ".", "..", "../x.zip", "a/b.zip", "/etc/passwd", ".bashrc", "a\\b", "c:x", "a\nb", "a/"]
        {
            assert!(safe_name(name).is_err(), "{name:?}");
        }
        assert_eq!(safe_name("vantage-2026-11-21.zip").unwrap(), "vantage-2026-11-21.zip");
    }

    #[test]
    fn a_file_that_is_there_is_kept_unless_forced() {
        let directory = tempfile::tempdir().unwrap();
        let wanted = |force| Wanted { output: Some(directory.path().to_path_buf()), volume: None, force };
        let place = Place::choose(&wanted(false), "x.zip").unwrap();
        assert_eq!(place.file, directory.path().join("x.zip"));
        assert_eq!(place.part("AbCdEf0123456789"), directory.path().join(".x.zip.AbCdEf012345.part"));
        std::fs::write(&place.file, "old").unwrap();
        assert!(Place::choose(&wanted(false), "x.zip").unwrap_err().to_string().contains("--force"));
        assert!(Place::choose(&wanted(true), "x.zip").is_ok());
    }
}
