//! Peak memory of the erasure-worker, which must not grow with the organisation.

use anyhow::Result;

use crate::bench::{Bench, Fsync};
use crate::company::{LARGE, SMALL, Treatment};
use crate::erase;
use crate::table::{Table, Target};

pub async fn measure(bench: &mut Bench, table: &mut Table) -> Result<()> {
    println!("footprint: a fresh worker for each organisation, values computed in Rust");
    let mut peaks = Vec::new();
    for (organisation, rows) in [(SMALL, bench.rows / 10), (LARGE, bench.rows)] {
        let run = erase::run(bench, Treatment::Computed, Fsync::Off, (organisation, rows)).await?;
        println!("  {rows:>9} rows  {run}");
        peaks.push(run.memory);
    }
    let (most, least) =
        (peaks.iter().copied().fold(0.0, f64::max), peaks.iter().copied().fold(f64::MAX, f64::min));
    let shown: Vec<String> = peaks.iter().map(|peak| format!("{peak:.0}")).collect();
    let sizes = format!("{} MiB by size", shown.join(", "));
    table.add("peak memory of the erasure-worker, largest", Target::AtMost(128.0), (most, " MiB"), &sizes);
    table.add("peak memory, largest over smallest", Target::AtMost(1.2), (most / least, ""), &sizes);
    Ok(())
}
