//! `lethe data-map journal`

use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Print what prepares a store for erasure.
#[derive(Debug, Args)]
#[command(
    long_about = "Prints the SQL that an administrator runs once in each store of the data map before anything can be \
                  erased in it: the schema `lethe` with the journal of the batches that are done, and what the role \
                  that erases may do with it. The journal's entry commits with the batch or not at all, so that a \
                  batch takes effect once. It may be run again; nothing is run by this command.\n\n\
                  The role must exist. It needs what `data-map check` asks for beside this: SELECT, UPDATE and DELETE \
                  on the tables of the data map.",
    after_long_help = "Examples:\n  \
                       lethe data-map journal --role vantage_eraser\n  \
                       lethe data-map journal --role vantage_eraser | psql -1 -v ON_ERROR_STOP=1 postgres://admin@127.0.0.1:15432/vantage"
)]
pub struct Journal {
    /// The role that erases in the store.
    #[arg(long, value_name = "ROLE")]
    role: String,
}

impl Journal {
    pub(super) fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        if self.role.is_empty() {
            return Err(Failure::usage("--role names no role"));
        }
        let sql = connectors::erase::journal_ddl(&self.role);
        output.result(&json!({"role": self.role, "sql": sql}), || sql.clone())?;
        Ok(Outcome::Done)
    }
}
