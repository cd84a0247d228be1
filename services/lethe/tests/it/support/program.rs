//! Running the program.

use std::ffi::OsStr;
use std::io::{Seek as _, Write as _};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};

/// Longer than any command of these tests takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// One run to be, in an environment of its own.
pub struct Lethe(Command);

/// One run that has ended.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Lethe {
    /// `lethe ARGUMENTS`, without anything that the environment of the tests may say.
    pub fn with(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lethe"));
        command.args(arguments).env_clear().stdin(Stdio::null()).kill_on_drop(true);
        Self(command)
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub fn in_directory(mut self, directory: &std::path::Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    /// With this on standard input.
    pub fn reading(mut self, text: &str) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        self.0.stdin(file);
        self
    }

    /// The same on a terminal of its own, on which this is typed; what is shown there is its output.
    pub fn on_a_terminal(self, typed: &str) -> Self {
        let inner = self.0.as_std();
        let quoted = |text: &OsStr| format!("'{}'", text.to_str().unwrap().replace('\'', r"'\''"));
        let line: Vec<String> =
            std::iter::once(inner.get_program()).chain(inner.get_args()).map(quoted).collect();
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]).env_clear();
        for (name, value) in inner.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            command.env(name, value);
        }
        Self(command).reading(typed)
    }

    pub async fn run(mut self) -> Run {
        let output = tokio::time::timeout(LIMIT, self.0.output()).await.expect("the program does not end");
        Run::of(output.unwrap())
    }

    /// Begins without waiting for the end.
    pub fn start(mut self) -> Child {
        self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

impl Run {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Asserts the exit code, and shows everything when it is another.
    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// The one document that was printed.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in:\n{}", self.out))
    }
}

/// Waits for something to become true.
pub async fn until(what: &str, mut met: impl FnMut() -> bool) {
    let limit = tokio::time::Instant::now() + LIMIT;
    while !met() {
        assert!(tokio::time::Instant::now() < limit, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
