//! How fast does Lethe erase? Ratios against one hand-written statement that does the same to the same
//! rows, in the same run, each on a fresh copy of the same database.
//!
//! Without arguments every figure is measured; `anonymise`, `computed`, `delete` and `footprint` measure
//! one. `rows=N` makes the organisation smaller, `runs=N` measures each ratio so often and takes medians.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod bench;
mod company;
mod count;
#[path = "../common/cpu.rs"]
mod cpu;
mod erase;
mod footprint;
#[path = "../common/job.rs"]
mod job;
mod locks;
#[path = "../common/median.rs"]
mod median;
mod peer;
mod ratio;
#[path = "../common/table.rs"]
mod table;

use anyhow::{Result, bail};
use tests::Servers;

use bench::Bench;
use ratio::{ANONYMISE, COMPUTED, DELETE};
use table::Table;

const FIGURES: [&str; 4] = ["anonymise", "computed", "delete", "footprint"];

#[tokio::main]
async fn main() -> Result<()> {
    let Asked { figures, rows, runs } = asked(std::env::args().skip(1))?;
    let wanted = |figure: &str| figures.iter().any(|asked| asked == figure);
    let mut bench = Bench::prepare(Servers::shared()?, rows).await?;
    let mut table = Table::default();
    for (figure, comparison) in [("anonymise", &ANONYMISE), ("computed", &COMPUTED), ("delete", &DELETE)] {
        if wanted(figure) {
            ratio::measure(&mut bench, comparison, runs, &mut table).await?;
        }
    }
    if wanted("footprint") {
        footprint::measure(&mut bench, &mut table).await?;
    }
    table.print();
    Ok(())
}

struct Asked {
    figures: Vec<String>,
    /// Of the organisation that is erased.
    rows: u32,
    /// Of each side of a ratio.
    runs: usize,
}

fn asked(arguments: impl Iterator<Item = String>) -> Result<Asked> {
    let mut asked = Asked { figures: Vec::new(), rows: 1_000_000, runs: 1 };
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
