//! Why a command ended without its result, and what to do next.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use contracts::http::Problem;
use serde_json::{Value, json};

use crate::text::plain;

/// Why a command ended without its result.
///
/// One type for all of them, since nobody but the person in front of the terminal reads it. The
/// texts begin in lower case and have no full stop.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    what: String,
    details: Vec<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
    next: Option<String>,
    problem: Option<Box<Problem>>,
}

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It did not work: 1.
    Failed,
    /// The command was used wrongly: 2.
    Usage,
    /// The user pressed Ctrl-C: 130, as shells have it.
    Interrupted,
    /// Whoever read our output has seen enough: 0.
    OutputClosed,
}

impl Failure {
    /// Something did not work.
    pub fn new(what: impl Into<String>) -> Self {
        Self::of(Kind::Failed, what.into())
    }

    /// The command was used wrongly.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::of(Kind::Usage, what.into())
    }

    /// The user pressed Ctrl-C.
    pub fn interrupted(what: impl Into<String>) -> Self {
        Self::of(Kind::Interrupted, what.into())
    }

    /// Whoever read our output has seen enough.
    pub fn output_closed() -> Self {
        Self::of(Kind::OutputClosed, String::new())
    }

    fn of(kind: Kind, what: String) -> Self {
        Self { kind, what, details: Vec::new(), source: None, next: None, problem: None }
    }

    /// With the error that was the cause.
    #[must_use]
    pub fn because(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// With one more line about it.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// With what to do next.
    #[must_use]
    pub fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    /// With the API's own answer, for machine output.
    #[must_use]
    pub fn problem(self, problem: Problem) -> Self {
        Self { problem: Some(Box::new(problem)), ..self }
    }

    /// Whether there is nobody left to tell.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.kind == Kind::OutputClosed
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Interrupted => 130,
            Kind::OutputClosed => 0,
        }
    }

    /// The failure as a document.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"error": {
            "message": self.what,
            "details": self.details,
            "causes": self.causes(),
            "next": self.next,
            "problem": self.problem,
            "exit_code": self.code(),
        }})
    }

    /// The chain of causes, without those that only repeat what stands before them.
    fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut source = self.source.as_deref().map(|source| -> &(dyn Error + 'static) { source });
        while let Some(error) = source {
            let text = error.to_string();
            // Some errors end with their source's words.
            if !causes.last().unwrap_or(&self.what).ends_with(&text) {
                causes.push(text);
            }
            source = error.source();
        }
        causes
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", plain(&self.what))?;
        for line in &self.details {
            write!(f, "\n  {}", plain(line))?;
        }
        for cause in self.causes() {
            write!(f, "\n  because: {}", plain(&cause))?;
        }
        match &self.next {
            Some(next) => write!(f, "\n  next: {}", plain(next)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn it_says_what_why_and_what_next() {
        let failure = Failure::new("no connection")
            .detail("it was tried 3 times")
            .because(Outer(std::io::Error::other("refused\u{1b}[2J")))
            .next("start the server");
        let text = "no connection\n  it was tried 3 times\n  because: outer\n  because: refused\u{fffd}[2J\n  next: start the server";
        assert_eq!(failure.to_string(), text);
        assert_eq!(failure.to_json()["error"]["causes"][0], "outer");
        assert_eq!(failure.to_json()["error"]["exit_code"], 1);
    }

    #[test]
    fn a_cause_that_repeats_is_left_out() {
        let failure = Failure::usage("outer").because(Outer(std::io::Error::other("refused")));
        assert_eq!(failure.to_string(), "outer\n  because: refused");
        assert_eq!(failure.code(), 2);
    }
}
