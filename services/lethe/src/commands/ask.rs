//! Questions to whoever sits at the terminal.

use std::io::{self, IsTerminal as _};

use console::Term;

use crate::failure::Failure;

/// The terminal, to ask for `what` on.
///
/// # Errors
/// When nobody sits there; `otherwise` says what to do in that case.
pub(super) fn terminal(what: &str, otherwise: &str) -> Result<Term, Failure> {
    let terminal = Term::stderr();
    match io::stdin().is_terminal() && terminal.is_term() {
        true => Ok(terminal),
        false => Err(Failure::usage(format!("there is no terminal to ask for {what} on")).next(otherwise)),
    }
}

/// Asks, and reads one line to the letter; empty when the input ends.
///
/// # Errors
/// When the terminal takes no question or gives no answer.
pub(super) fn line(terminal: &Term, question: &str) -> Result<String, Failure> {
    let mut typed = String::new();
    let read = terminal.write_str(question).and_then(|()| io::stdin().read_line(&mut typed));
    read.map_err(|error| Failure::new("the answer cannot be read from the terminal").because(error))?;
    Ok(typed.trim_end_matches(['\r', '\n']).to_owned())
}
