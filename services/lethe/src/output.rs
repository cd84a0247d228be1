//! Where a command's result and its remarks go.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Standard output for results, standard error for everything else.
pub struct Output {
    json: bool,
    quiet: bool,
    terminal: bool,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
}

impl Output {
    /// The process's own streams.
    #[must_use]
    pub fn standard(json: bool, quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        Self { json, quiet, terminal, out: Box::new(io::stdout()), err: Box::new(io::stderr()) }
    }

    /// Whether somebody sees how a long command comes along: not a program, and nobody who asked for quiet.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        !self.json && !self.quiet
    }

    /// Whether bars can be drawn.
    #[must_use]
    pub fn draws(&self) -> bool {
        self.shows_progress() && self.terminal
    }

    /// The result: a document for programs, or text for people.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn result(
        &mut self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string_pretty(document)
                .map_err(|error| Failure::new("the result cannot be written as JSON").because(error))?
        } else {
            text()
        };
        let line = text.trim_end_matches('\n');
        if line.is_empty() {
            return Ok(());
        }
        writeln!(self.out, "{line}").and_then(|()| self.out.flush()).map_err(not_written)
    }

    /// A remark for people.
    pub fn remark(&mut self, remark: impl Display) {
        if self.shows_progress() {
            // Standard error is the last resort already.
            writeln!(self.err, "{remark}").ok();
        }
    }

    /// Says why the command ended without its result.
    pub fn failure(&mut self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        if self.json {
            writeln!(self.out, "{:#}", failure.to_json()).ok();
        }
        writeln!(self.err, "error: {failure}").ok();
    }
}

fn not_written(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::output_closed(),
        _ => Failure::new("the result cannot be written").because(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn output(json: bool, quiet: bool) -> (Output, Kept, Kept) {
        let (out, err) = (Kept::default(), Kept::default());
        let output =
            Output { json, quiet, terminal: false, out: Box::new(out.clone()), err: Box::new(err.clone()) };
        (output, out, err)
    }

    #[test]
    fn people_get_text_and_remarks() {
        let (mut output, out, err) = output(false, false);
        output.result(&[1], || "one\n".to_owned()).unwrap();
        output.remark("by the way");
        assert_eq!((out.text().as_str(), err.text().as_str()), ("one\n", "by the way\n"));
    }

    #[test]
    fn programs_get_one_document_and_no_remarks() {
        let (mut output, out, err) = output(true, false);
        output.remark("by the way");
        output.failure(&Failure::new("it is broken"));
        let document: serde_json::Value = serde_json::from_str(&out.text()).unwrap();
        assert_eq!(document["error"]["message"], "it is broken");
        assert_eq!(err.text(), "error: it is broken\n");
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (mut output, _, err) = output(false, false);
        output.out = Box::new(Closed);
        let failure = output.result(&(), || "text".to_owned()).unwrap_err();
        output.failure(&failure);
        assert!(failure.is_silent() && err.text().is_empty());
    }
}
