//! `lethe`, the command line of Lethe.
//!
//! Four kinds of commands: those for the databases (`migrate`, `data-map`, `demo seed`),
//! the development issuer (`token`), a look into a package (`archive`), and a client of the HTTP API (`export`, `erase`,
//! `subject`, `holds`, `jobs`, `download`, `audit`). A command's result goes to standard output, as text or with `--json` as one document;
//! progress and errors go to standard error.

mod api;
mod cli;
mod commands;
mod database;
mod failure;
mod outcome;
mod output;
mod patience;
mod progress;
mod run;
mod text;
mod watch;

pub use run::run;
