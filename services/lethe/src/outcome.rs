//! How a command that ran to its end went.

use std::process::ExitCode;

/// What the exit code says of a command that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well: 0.
    Done,
    /// The answer to what was asked is no, as of `migrate --check` or `data-map check`: 1.
    No,
    /// A job was waited for and ended without its result: 3.
    JobWithoutResult,
    /// A job was waited for and found nobody by the identity that it was given: 4.
    NobodyFound,
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::No => 1,
            Self::JobWithoutResult => 3,
            Self::NobodyFound => 4,
        })
    }
}
