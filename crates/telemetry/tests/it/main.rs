//! Logs, traces and metrics as an operator sees them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod logs;
mod support;
mod traces;
