//! Throughput of a large export, as a ratio of psql's COPY through the same compressor.

use anyhow::{Result, ensure};
use tests::System;

use crate::company::{Company, Organisation};
use crate::cpu::Meter;
use crate::export::{Run, run};
use crate::peer;
use crate::table::{Table, Target};

pub async fn measure(system: &System, company: &Company, table: &mut Table) -> Result<()> {
    let Organisation { id, rows } = &company.large;
    println!("throughput: {rows} rows, request to downloadable archive, beside COPY");
    let api = system.api(id, "owner")?;
    let worker = system.id("export-worker")?;
    for (format, target, peers) in [("csv", 0.9, "COPY"), ("json", 1.2, "COPY of row_to_json")] {
        // Once for the caches, on both sides alike.
        peer::copy(&company.url, id, format)?;
        let meter = Meter::start(system, &[]).await?;
        let (peer, peer_bytes) = peer::copy(&company.url, id, format)?;
        let beside = meter.read()?;
        let meter = Meter::start(system, &[worker]).await?;
        let ours = run(&api, format).await?;
        let cores = meter.read()?;
        ensure!(ours.rows == *rows, "{} rows were exported", ours.rows);
        let (peer, took) = (peer.as_secs_f64(), ours.took.as_secs_f64());
        println!("  {format}, psql     {peer:>7.1} s  {:>5.0} MB/s  {beside}", megabytes(peer_bytes)? / peer);
        println!("  {format}, export   {took:>7.1} s  {:>5.0} MB/s  {cores}", megabytes(ours.bytes)? / took);
        let stages = stages(system, &ours).await?;
        println!("  {format}, {stages}");
        let reason = format!("{stages}; {cores}");
        let what = format!("{format}: rows/s over those of {peers}, compressed");
        table.add(&what, Target::AtLeast(target), (peer / took, ""), &reason);
    }
    Ok(())
}

/// How long planning, which counts, and the other steps took.
async fn stages(system: &System, run: &Run) -> Result<String> {
    let sql = "SELECT (extract(epoch FROM max(ended_at) - min(started_at)))::float8
               FROM job_steps WHERE job_id = $1 GROUP BY phase ORDER BY phase";
    let rows = system.control.client.query(sql, &[&run.job]).await?;
    let seconds = rows.iter().map(|row| row.try_get::<_, f64>(0)).collect::<Result<Vec<_>, _>>()?;
    let names = ["planning and counting", "reading and compressing", "assembling"];
    let shown: Vec<String> =
        names.iter().zip(seconds).map(|(name, seconds)| format!("{name} {seconds:.1} s")).collect();
    Ok(shown.join(", "))
}

fn megabytes(bytes: u64) -> Result<f64> {
    Ok(f64::from(u32::try_from(bytes / 1_000)?) / 1e3)
}
