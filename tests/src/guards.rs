//! The kept list of guards: what stands between an erasure and harm, each with what it says when it is off.
//!
//! A guard is a stretch of code. Off, it is replaced by another that builds and does not guard; a test has to
//! fail then. `cargo run -p tests --bin guards` switches off one after the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// One guard.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// What it guards, in words; no two have the same.
    pub name: String,
    /// Where it stands, from the root of the workspace.
    pub file: PathBuf,
    /// The code, which stands there once.
    pub find: String,
    /// What takes its place.
    pub replace: String,
    /// The package whose tests notice.
    pub package: String,
    /// Which of them are run: parts of their names.
    pub tests: Vec<String>,
}

impl Guard {
    /// The text of its file with the guard off.
    ///
    /// # Errors
    /// When the code does not stand in the file, or more than once.
    pub fn off(&self, text: &str) -> Result<String> {
        let found = text.matches(&self.find).count();
        ensure!(found == 1, "{}: what to find stands {found} times in {}", self.name, self.file.display());
        ensure!(self.find != self.replace, "{}: it is replaced by itself", self.name);
        ensure!(!self.tests.is_empty(), "{}: no test is named", self.name);
        Ok(text.replacen(&self.find, &self.replace, 1))
    }
}

/// All guards, in the order of the files of the list.
///
/// # Errors
/// When a file is not a list of guards, or two have one name.
pub fn all(workspace: &Path) -> Result<Vec<Guard>> {
    let folder = workspace.join("tests/guards");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    let (mut guards, mut names) = (Vec::new(), BTreeSet::new());
    for file in files {
        let text = fs::read_to_string(&file)?;
        let read: Vec<Guard> =
            serde_saphyr::from_str(&text).with_context(|| format!("reading {}", file.display()))?;
        guards.extend(read);
    }
    for Guard { name, .. } in &guards {
        ensure!(names.insert(name), "two guards are called `{name}`");
    }
    Ok(guards)
}
