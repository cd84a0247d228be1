//! Peak memory of the export-worker, which must not grow with the organisation.

use anyhow::Result;
use tests::System;

use crate::company::{Company, Organisation};
use crate::export::run;
use crate::table::{Table, Target};

const SERVICE: &str = "export-worker";
const MIB: f64 = 1_048_576.0;

pub async fn measure(system: &mut System, company: &Company, table: &mut Table) -> Result<()> {
    println!("memory: a fresh worker for each organisation, JSON and CSV at once");
    let mut peaks = Vec::new();
    for Organisation { id, rows } in &company.graded {
        // The kernel's high-water mark never falls: each size has a process of its own.
        system.process(SERVICE)?.kill()?;
        system.spawn(SERVICE)?;
        system.ready(SERVICE).await?;
        let run = run(&system.api(id, "owner")?, "both").await?;
        let peak =
            f64::from(u32::try_from(system.process(SERVICE)?.peak_memory_bytes()? / 1_024)?) * 1_024.0 / MIB;
        println!("  {rows:>9} rows  {:>6.1} s  {peak:>6.1} MiB", run.took.as_secs_f64());
        peaks.push(peak);
    }
    let most = peaks.iter().copied().fold(0.0, f64::max);
    let least = peaks.iter().copied().fold(f64::MAX, f64::min);
    let shown: Vec<String> = peaks.iter().map(|peak| format!("{peak:.0}")).collect();
    let sizes = format!(
        "{} MiB by size; only a large organisation fills every block that may be in flight",
        shown.join(", ")
    );
    table.add("peak memory of the worker, largest", Target::AtMost(128.0), (most, " MiB"), &sizes);
    table.add("peak memory, largest over smallest", Target::AtMost(1.2), (most / least, ""), &sizes);
    Ok(())
}
