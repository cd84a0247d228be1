//! Two export-workers over one, and what the machine allows.
//!
//! No ratio can be higher than the machine's cores over those that one worker and its database
//! keep busy, so the ratio comes with that limit. A worker compresses on every core it finds:
//! where one already fills the machine, two show nothing. Hence a second look, with workers that
//! have a core each and much to compute, so that the database is not what they wait for; and
//! a third, with connections to the database that are slower than either side, so that neither the
//! database nor the processor is.

use anyhow::{Context, Result};
use tests::{Process, System};

use crate::company::{Company, Organisation};
use crate::cpu::{Cores, Meter};
use crate::export::run;
use crate::link::Link;
use crate::table::{Table, Target};

const SERVICE: &str = "export-worker";

/// How the workers are run.
struct Setting {
    what: &'static str,
    changes: &'static [(&'static str, &'static str)],
    format: &'static str,
    is_pinned: bool,
    /// What a connection to the database delivers at most, in bytes a second.
    link: Option<u32>,
}

const SETTINGS: [Setting; 3] = [
    Setting {
        what: "two workers over one, as configured by default",
        changes: &[],
        format: "csv",
        is_pinned: false,
        link: None,
    },
    Setting {
        what: "two workers over one, a core each, two formats, level 9",
        changes: &[("[service]\n", "[service]\ncompression_level = 9\n")],
        format: "both",
        is_pinned: true,
        link: None,
    },
    Setting {
        what: "two workers over one, 12 MB/s a connection, parts of 100,000",
        changes: &[("part_rows = 1000000\n", "part_rows = 100000\n")],
        format: "csv",
        is_pinned: false,
        link: Some(12_000_000),
    },
];

pub async fn measure(system: &mut System, company: &Company, table: &mut Table) -> Result<()> {
    let Organisation { id, rows } = &company.large;
    system.process(SERVICE)?.kill()?;
    for setting in &SETTINGS {
        println!("{}: {rows} rows", setting.what);
        let (one, alone) = with_workers(system, setting, 1, id).await?;
        let (two, _) = with_workers(system, setting, 2, id).await?;
        let Cores { workers, database, others } = alone;
        let (busy, all) = (workers + database + others, cores()?);
        let reason = format!(
            "one worker and its database kept {busy:.2} of {all} cores busy: limit {:.2}",
            all / busy
        );
        println!("  {reason}");
        table.add(setting.what, Target::AtLeast(1.7), (one / two, ""), &reason);
    }
    system.spawn(SERVICE)?;
    system.ready(SERVICE).await
}

/// Seconds of an export by so many fresh workers, and the cores that were busy meanwhile.
async fn with_workers(system: &System, setting: &Setting, count: usize, id: &str) -> Result<(f64, Cores)> {
    let reader = system.subjects.url_as("vantage_reader")?;
    let (mut changes, mut link) = (setting.changes.to_vec(), None);
    let through;
    if let Some(bytes_per_second) = setting.link {
        let port = reqwest::Url::parse(&reader)?.port().context("the database's address has no port")?;
        let near = link.insert(Link::open(port, bytes_per_second).await?).port;
        through = reader.replace(&format!(":{port}/"), &format!(":{near}/"));
        changes.push((&reader, &through));
    }
    let mut workers = Vec::new();
    for number in 0..count {
        let worker = system.start_another(SERVICE, number, &changes).await?;
        if setting.is_pinned {
            pin(&worker, number)?;
        }
        workers.push(worker);
    }
    let ids: Vec<u32> = workers.iter().map(Process::id).collect();
    let api = system.api(id, "owner")?;
    let meter = Meter::start(system, &ids).await?;
    let seconds = run(&api, setting.format).await?.took.as_secs_f64();
    let cores = meter.read()?;
    println!("  {count} of them {seconds:>6.1} s  {cores}");
    Ok((seconds, cores))
}

/// Binds every thread of a worker, and those it will start, to one core.
fn pin(worker: &Process, core: usize) -> Result<()> {
    let arguments = ["-a", "-c", "-p", &core.to_string(), &worker.id().to_string()];
    let output = std::process::Command::new("taskset").args(arguments).output().context("taskset")?;
    anyhow::ensure!(output.status.success(), "taskset: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// How many cores there are.
fn cores() -> Result<f64> {
    Ok(f64::from(u32::try_from(std::thread::available_parallelism()?.get())?))
}
