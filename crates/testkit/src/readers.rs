//! Readers of archives that are not ours: Info-ZIP, 7-Zip, and Python's `zipfile`.

use std::path::Path;
use std::process::{Command, Stdio};

/// Has every reader check a whole archive, each entry against its CRC-32.
///
/// # Panics
/// When one complains, or is absent in CI. Elsewhere an absent one is passed over.
pub fn check_archive(archive: &Path) {
    let test = "import sys, zipfile; assert zipfile.ZipFile(sys.argv[1]).testzip() is None";
    readers(test, |command| run(command, archive, None));
}

/// Has the same readers read one entry, where reading all of them would take too long.
///
/// # Panics
/// As [`check_archive`].
pub fn check_entry(archive: &Path, entry: &str) {
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

fn run(command: &[&str], archive: &Path, entry: Option<&str>) {
    let (program, arguments) = command.split_first().expect("a command has a program");
    let ran = Command::new(program).args(arguments).arg(archive).args(entry).stdin(Stdio::null()).output();
    let is_missing = ran.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    if is_missing && std::env::var("CI").as_deref() != Ok("true") {
        return;
    }
    assert!(!is_missing, "{program} is not there; a variable named LETHE_TEST_… can say where it is");
    let ran = ran.expect("a reader can be run");
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {complaint}");
    assert_eq!(complaint, "", "{command:?}");
}
