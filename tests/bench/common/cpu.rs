//! Processor time by who used it, from /proc: so that a ratio comes with what bounds it.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};
use tests::System;

/// The kernel's unit of processor time (`getconf CLK_TCK`), the same on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time used since some beginning, in seconds.
#[derive(Debug, Clone, Copy)]
struct Used {
    worker: f64,
    database: f64,
    everything: f64,
}

/// Measures from its making to [`Meter::read`].
pub struct Meter {
    workers: Vec<u32>,
    postmaster: u32,
    begun: Instant,
    before: Used,
}

/// How many cores each kept busy, on average.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    pub workers: f64,
    pub database: f64,
    pub others: f64,
}

impl Meter {
    /// Begins to measure these workers beside the database server and the whole machine.
    pub async fn start(system: &System, workers: &[u32]) -> Result<Self> {
        let sql = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::bigint";
        let postmaster = u32::try_from(system.control.number(sql).await?)?;
        let before = used(workers, postmaster)?;
        Ok(Self { workers: workers.to_vec(), postmaster, begun: Instant::now(), before })
    }

    pub fn read(&self) -> Result<Cores> {
        let now = used(&self.workers, self.postmaster)?;
        let seconds = self.begun.elapsed().as_secs_f64();
        let workers = (now.worker - self.before.worker) / seconds;
        let database = (now.database - self.before.database) / seconds;
        let everything = (now.everything - self.before.everything) / seconds;
        Ok(Cores { workers, database, others: (everything - workers - database).max(0.0) })
    }
}

impl std::fmt::Display for Cores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { workers, database, others } = self;
        write!(f, "cores busy: worker {workers:.2}, PostgreSQL {database:.2}, all others {others:.2}")
    }
}

fn used(workers: &[u32], postmaster: u32) -> Result<Used> {
    let mut worker = 0.0;
    for pid in workers {
        worker += of_process(*pid, 2)?;
    }
    // Backends that ended are counted by the postmaster, those that run are its children.
    let mut database = of_process(postmaster, 4)?;
    for child in fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"))?.split(' ') {
        // It may have ended meanwhile.
        database += child.parse().ok().and_then(|pid| of_process(pid, 2).ok()).unwrap_or(0.0);
    }
    Ok(Used { worker, database, everything: of_machine()? })
}

/// The first `fields` of utime, stime, cutime, cstime (proc(5), /proc/pid/stat, fields 14 to 17).
fn of_process(pid: u32, fields: usize) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold blanks.
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    ticks(rest.split_whitespace().skip(11).take(fields))
}

/// user, nice, system, then, past idle and iowait, irq and softirq (proc(5), /proc/stat).
fn of_machine() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("no cpu in stat")?;
    let fields = line.split_whitespace().skip(1).enumerate();
    ticks(fields.filter(|(at, _)| matches!(at, 0..=2 | 5 | 6)).map(|(_, field)| field))
}

fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> Result<f64> {
    let mut sum = 0.0;
    for field in fields {
        sum += field.parse::<f64>()?;
    }
    Ok(sum / TICKS_PER_SECOND)
}
