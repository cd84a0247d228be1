//! Switches off one guard after the other in a copy of the workspace, and names those that no test notices.
//!
//! `guards FOLDER [PART OF A NAME]`: the copy and what is built of it are kept in the folder. The tests find their
//! servers as always; `make soak` starts them.

#![expect(clippy::print_stdout, reason = "a program that prints what it finds")]

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tests::guards::{Guard, all};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("name a folder for the copy")?;
    let wanted = arguments.next().unwrap_or_default();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let copy = Copy { folder: std::path::absolute(folder)? };
    let guards: Vec<Guard> =
        all(&workspace)?.into_iter().filter(|guard| guard.name.contains(&wanted)).collect();
    ensure!(!guards.is_empty(), "no guard has `{wanted}` in its name");
    copy.bring_up_to_date(&workspace)?;
    copy.all_pass(&guards)?;
    let mut missed = Vec::new();
    for (number, guard) in (1..).zip(&guards) {
        let begun = Instant::now();
        let seen = copy.switch_off(guard)?;
        println!("{number}/{} {seen} {:.0} s  {}", guards.len(), begun.elapsed().as_secs_f64(), guard.name);
        if !matches!(seen, Seen::Noticed) {
            missed.push(guard.name.as_str());
        }
    }
    println!("{} guards were switched off, {} unnoticed", guards.len(), missed.len());
    ensure!(missed.is_empty(), "no test notices that this is off: {}", missed.join("; "));
    Ok(())
}

/// What happened with a guard off. A list that has grown old is told apart from a test that is missing.
#[derive(Debug, Clone, Copy)]
enum Seen {
    /// A named test failed, or did not end.
    Noticed,
    /// All named tests passed.
    Unnoticed,
    /// What takes the guard's place does not build.
    DoesNotBuild,
    /// No test has a name that the guard names.
    NoTest,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Noticed => "noticed",
            Self::Unnoticed => "NOT NOTICED",
            Self::DoesNotBuild => "DOES NOT BUILD",
            Self::NoTest => "NAMES NO TEST",
        })
    }
}

/// The copy of the workspace.
struct Copy {
    folder: PathBuf,
}

impl Copy {
    /// Copies the files that Git knows where they differ, so that the rest is not built again.
    fn bring_up_to_date(&self, workspace: &Path) -> Result<()> {
        let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(workspace).output()?;
        ensure!(listed.status.success(), "git ls-files failed");
        for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            let (from, to) = (workspace.join(name), self.folder.join(name));
            // A file that was deleted and is not committed yet.
            if !from.is_file() {
                continue;
            }
            let bytes = fs::read(&from)?;
            if fs::read(&to).is_ok_and(|there| there == bytes) {
                continue;
            }
            fs::create_dir_all(to.parent().context("a file in no folder")?)?;
            fs::copy(&from, &to)?;
        }
        Ok(())
    }

    /// All tests that are to notice pass as long as all guards are on; of each package in one run.
    fn all_pass(&self, guards: &[Guard]) -> Result<()> {
        let mut runs: BTreeMap<&str, Guard> = BTreeMap::new();
        for guard in guards {
            let run =
                runs.entry(&guard.package).or_insert_with(|| Guard { tests: Vec::new(), ..guard.clone() });
            run.tests.extend(guard.tests.iter().cloned());
        }
        for (package, run) in &runs {
            let status = self.command(run, &[], &[]).status()?;
            ensure!(status.success(), "tests of {package} fail with all guards on");
        }
        Ok(())
    }

    /// Whether a test fails with the guard off.
    fn switch_off(&self, guard: &Guard) -> Result<Seen> {
        let file = self.folder.join(&guard.file);
        let text = fs::read_to_string(&file).with_context(|| guard.file.display().to_string())?;
        fs::write(&file, guard.off(&text)?)?;
        let off = self.tried(guard);
        fs::write(&file, text)?;
        off
    }

    fn tried(&self, guard: &Guard) -> Result<Seen> {
        if !self.cargo(guard, &["--no-run"], &[])?.success() {
            return Ok(Seen::DoesNotBuild);
        }
        let listed = self.command(guard, &[], &["--list"]).output()?;
        if !String::from_utf8_lossy(&listed.stdout).contains(": test") {
            return Ok(Seen::NoTest);
        }
        let passed = self.cargo(guard, &[], &[])?.success();
        Ok(if passed { Seen::Unnoticed } else { Seen::Noticed })
    }

    fn cargo(&self, guard: &Guard, build: &[&str], run: &[&str]) -> Result<ExitStatus> {
        Ok(self.command(guard, build, run).stdout(Stdio::null()).stderr(Stdio::null()).status()?)
    }

    /// `cargo test` of the guard's tests, with arguments for cargo and for the tests.
    fn command(&self, guard: &Guard, build: &[&str], run: &[&str]) -> Command {
        // A guard that is off can leave two waiting for each other.
        let mut command = Command::new("timeout");
        command.args(["600", "cargo", "test", "--locked", "--tests", "--package", &guard.package]);
        command.args(build).arg("--").args(run).args(&guard.tests).current_dir(&self.folder);
        command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS").env("CARGO_PROFILE_DEV_DEBUG", "none");
        command
    }
}
