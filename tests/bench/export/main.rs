//! How fast is Lethe? Ratios against PostgreSQL's own tools, measured in the same run on the same
//! rows, because absolute times on shared machines mean little.
//!
//! Without arguments every figure is measured; `throughput`, `workers`, `memory`, `requests` and
//! `small` measure one. `rows=N` makes the largest organisation smaller, to try the benchmark itself.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod company;
#[path = "../common/cpu.rs"]
mod cpu;
mod export;
#[path = "../common/job.rs"]
mod job;
mod link;
#[path = "../common/median.rs"]
mod median;
mod memory;
mod peer;
mod requests;
mod small;
#[path = "../common/table.rs"]
mod table;
mod throughput;
mod workers;

use anyhow::{Result, bail};
use tests::{Options, Servers, System};

use company::Company;
use table::Table;

const FIGURES: [&str; 5] = ["throughput", "workers", "memory", "small", "requests"];

#[tokio::main]
async fn main() -> Result<()> {
    let (figures, rows) = asked(std::env::args().skip(1))?;
    let wanted = |figure: &str| figures.iter().any(|asked| asked == figure);
    let servers = Servers::shared()?;
    let (company, subjects) = Company::found(&servers, rows, &wanted).await?;
    // The leases of a running company: a benchmark must not be measured under those of tests.
    let options = Options { lease: "60s", ..Options::default() };
    let mut system = System::start(servers, subjects, &options).await?;
    let mut table = Table::default();
    if wanted("throughput") {
        throughput::measure(&system, &company, &mut table).await?;
    }
    if wanted("workers") {
        workers::measure(&mut system, &company, &mut table).await?;
    }
    if wanted("memory") {
        memory::measure(&mut system, &company, &mut table).await?;
    }
    if wanted("small") {
        small::measure(&system, &company, &mut table).await?;
    }
    // Last, because it leaves thousands of jobs behind.
    if wanted("requests") {
        requests::measure(&mut system, &mut table).await?;
    }
    table.print();
    Ok(())
}

/// The figures to measure, and the rows of the largest organisation when they are not the usual ones.
fn asked(arguments: impl Iterator<Item = String>) -> Result<(Vec<String>, Option<u64>)> {
    let (mut figures, mut rows) = (Vec::new(), None);
    for argument in arguments {
        if let Some(number) = argument.strip_prefix("rows=") {
            rows = Some(number.parse()?);
        } else if FIGURES.contains(&argument.as_str()) {
            figures.push(argument);
        } else if argument != "--bench" {
            bail!("{argument} is no figure; there are {}, and rows=N", FIGURES.join(", "));
        }
    }
    if figures.is_empty() {
        figures = FIGURES.map(str::to_owned).to_vec();
    }
    Ok((figures, rows))
}
