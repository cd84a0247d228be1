//! File systems of a few MiB, mounted where nobody else sees them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Set for a test that runs where it may mount.
const MAY_MOUNT: &str = "LETHE_TEST_MAY_MOUNT";

/// Ways to a namespace of mounts of one's own, which ends with its last process: as root, as
/// somebody who may be root in a namespace of users, as somebody who may become root.
const WAYS: [(&str, &[&str]); 3] = [
    ("unshare", &["--mount"]),
    ("unshare", &["--mount", "--map-root-user"]),
    ("sudo", &["--non-interactive", "--preserve-env", "unshare", "--mount"]),
];

/// Runs `body` where file systems can be mounted, by running this test again there. Where there is
/// no such place the test says so, and fails in CI.
pub fn with_mounts(test: &str, body: impl FnOnce()) {
    if std::env::var_os(MAY_MOUNT).is_some() {
        return body();
    }
    let Some((program, arguments)) = WAYS.into_iter().find(|way| is_open(*way)) else {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "here every test must run, and none may mount"
        );
        say(&format!(
            "skipped: {test}: neither root nor namespaces of users can be had to mount a small disk"
        ));
        return;
    };
    let again = Command::new(program)
        .args(arguments)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(MAY_MOUNT, "yes")
        .output()
        .unwrap();
    let (said, complained) = (String::from_utf8_lossy(&again.stdout), String::from_utf8_lossy(&again.stderr));
    assert!(again.status.success(), "{said}\n{complained}");
    assert!(said.contains("1 passed"), "the test did not run again: {said}");
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests should see what was left out")]
fn say(what: &str) {
    eprintln!("{what}");
}

/// Whether that way leads to where a file system can be mounted.
fn is_open((program, arguments): (&str, &[&str])) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "lethe-test"];
    let tried = Command::new(program).args(arguments).args(mount).arg(directory.path()).output();
    tried.is_ok_and(|tried| tried.status.success())
}

/// A small disk; taken away when dropped, whoever uses it.
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts one of so many bytes.
    pub fn mount(at: &Path, bytes: u64) -> Self {
        let size = format!("size={bytes},mode=700");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "lethe-test"]).arg(at));
        Self(at.to_owned())
    }

    /// Gives it another size.
    pub fn resize(&self, bytes: u64) {
        run(Command::new("mount").args(["-o", &format!("remount,size={bytes}")]).arg(&self.0));
    }

    /// The bytes in use.
    pub fn used(&self) -> u64 {
        let said = run(Command::new("df").args(["--block-size=1", "--output=used"]).arg(&self.0));
        said.lines().last().unwrap().trim().parse().unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A test that failed has already said more than this could.
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

fn run(command: &mut Command) -> String {
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}
