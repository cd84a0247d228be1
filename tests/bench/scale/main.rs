//! What grows with a company, and how: planning beside many rows of others, and a person with many rows.
//!
//! Without arguments every figure is measured; `planning` and `person` measure one. `rows=N` makes both smaller,
//! `runs=N` measures each so often and takes medians.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../common/job.rs"]
mod job;
#[path = "../common/median.rs"]
mod median;
mod person;
mod planning;
#[path = "../common/table.rs"]
#[expect(dead_code, reason = "both of its limits are upper ones")]
mod table;

use anyhow::{Result, bail};
use tests::Servers;

use table::Table;

const FIGURES: [&str; 2] = ["planning", "person"];

#[tokio::main]
async fn main() -> Result<()> {
    let Asked { figures, rows, runs } = asked(std::env::args().skip(1))?;
    let wanted = |figure: &str| figures.iter().any(|asked| asked == figure);
    let mut table = Table::default();
    if wanted("planning") {
        planning::measure(&Servers::shared()?, rows, runs, &mut table).await?;
    }
    if wanted("person") {
        person::measure(Servers::shared()?, rows, runs, &mut table).await?;
    }
    table.print();
    Ok(())
}

struct Asked {
    figures: Vec<String>,
    /// Of others that refer to accounts, and of the log that a person has a part of.
    rows: u32,
    runs: usize,
}

fn asked(arguments: impl Iterator<Item = String>) -> Result<Asked> {
    let mut asked = Asked { figures: Vec::new(), rows: 1_000_000, runs: 3 };
    for argument in arguments {
        if let Some(number) = argument.strip_prefix("rows=") {
            asked.rows = number.parse()?;
        } else if let Some(number) = argument.strip_prefix("runs=") {
            asked.runs = number.parse()?;
        } else if FIGURES.contains(&argument.as_str()) {
            asked.figures.push(argument);
        } else if argument != "--bench" {
            bail!("{argument} is no figure; there are {}, rows=N and runs=N", FIGURES.join(", "));
        }
    }
    if asked.figures.is_empty() {
        asked.figures = FIGURES.map(str::to_owned).to_vec();
    }
    Ok(asked)
}
