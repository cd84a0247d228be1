//! Erasing a large organisation, as a ratio of one hand-written statement.

use anyhow::Result;

use crate::bench::{Bench, Fsync};
use crate::company::{LARGE, Treatment};
use crate::median::median;
use crate::table::{Table, Target};
use crate::{count, erase, peer};

/// Milliseconds for which rows may stay locked.
const LOCKED: f64 = 500.0;
/// How much longer than a count by hand verification may take.
const VERIFYING: f64 = 1.3;
/// MiB that the worker may have resident.
const MEMORY: f64 = 128.0;

/// What is compared with what.
pub struct Comparison {
    what: &'static str,
    treatment: Treatment,
    peer: &'static str,
    with: &'static str,
    /// What the statement has to be of the whole job, planning and verification included.
    whole: f64,
    targets: &'static [(Fsync, f64)],
}

pub const ANONYMISE: Comparison = Comparison {
    what: "anonymise by statements",
    treatment: Treatment::PushedDown,
    peer: peer::UPDATE,
    with: "UPDATE",
    whole: 1.0,
    targets: &[(Fsync::On, 0.95), (Fsync::Off, 1.05)],
};

pub const COMPUTED: Comparison = Comparison {
    what: "anonymise by values computed in Rust",
    treatment: Treatment::Computed,
    peer: peer::UPDATE,
    with: "UPDATE",
    whole: 0.85,
    targets: &[(Fsync::On, 0.8)],
};

pub const DELETE: Comparison = Comparison {
    what: "delete",
    treatment: Treatment::Delete,
    peer: peer::DELETE,
    with: "DELETE",
    whole: 0.6,
    targets: &[(Fsync::On, 0.9), (Fsync::Off, 0.9)],
};

pub async fn measure(
    bench: &mut Bench,
    comparison: &Comparison,
    runs: usize,
    table: &mut Table,
) -> Result<()> {
    let Comparison { what, with, whole, targets, .. } = comparison;
    println!("{what}: {} rows beside {}, over one {with}", bench.rows, u64::from(bench.rows) * 4);
    let (mut locked, mut memory) = (0.0_f64, 0.0_f64);
    for (fsync, target) in *targets {
        let sides = sides(bench, comparison, *fsync, runs).await?;
        locked = locked.max(sides.locked);
        memory = memory.max(sides.memory);
        let Sides { peers, rows, jobs, slowest, .. } = &sides;
        let figure = format!("{what}, fsync {}: one {with} over all row steps", fsync.name());
        table.add(&figure, Target::AtLeast(*target), (*peers / *rows, ""), slowest);
        let figure = format!("{what}, fsync {}: one {with} over the whole job", fsync.name());
        table.add(&figure, Target::AtLeast(*whole), (*peers / *jobs, ""), slowest);
        let figure = format!("{what}, fsync {}: verification over a count by hand", fsync.name());
        table.add(&figure, Target::AtMost(VERIFYING), (sides.verifying / sides.counting, ""), slowest);
    }
    table.add(
        &format!("{what}: longest lock"),
        Target::AtMost(LOCKED),
        (locked, " ms"),
        "one batch took so long",
    );
    table.add(&format!("{what}: peak memory of the worker"), Target::AtMost(MEMORY), (memory, " MiB"), "");
    Ok(())
}

/// Both sides of a ratio, in seconds.
struct Sides {
    peers: f64,
    rows: f64,
    jobs: f64,
    /// Verification, and the count by hand after the statement.
    verifying: f64,
    counting: f64,
    locked: f64,
    memory: f64,
    /// What is to be said of the erasure that took the longest.
    slowest: String,
}

/// Measures both sides in turn, each first every other time: what the machine does meanwhile is then
/// nobody's advantage.
async fn sides(bench: &mut Bench, comparison: &Comparison, fsync: Fsync, runs: usize) -> Result<Sides> {
    let (mut peers, mut erasures, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..runs.max(1) {
        for ours in [number % 2 == 1, number % 2 == 0] {
            if ours {
                let whose = (LARGE, bench.rows);
                let run = erase::run(bench, comparison.treatment, fsync, whose).await?;
                println!("  fsync {:<3}  Lethe    {run}", fsync.name());
                erasures.push(run);
            } else {
                let peer::Run { seconds, locked, cores } = peer::run(bench, comparison.peer, fsync).await?;
                // The first to read after a million changes pays for them: on each side that is the look.
                let counting = count::run(bench, comparison.treatment).await?;
                let with = comparison.with;
                println!(
                    "  fsync {:<3}  {with:<7}  {seconds:.1} s, locks {locked:.0} ms, counted by hand in {counting:.1} s; {cores}",
                    fsync.name()
                );
                peers.push(seconds);
                counts.push(counting);
            }
        }
    }
    let of = |figure: fn(&erase::Run) -> f64| -> Vec<f64> { erasures.iter().map(figure).collect() };
    let most = |figures: Vec<f64>| figures.into_iter().fold(0.0, f64::max);
    let slowest = erasures.iter().max_by(|one, other| one.rows.total_cmp(&other.rows));
    Ok(Sides {
        peers: median(&mut peers)?,
        rows: median(&mut of(|run| run.rows))?,
        jobs: median(&mut of(|run| run.job))?,
        verifying: median(&mut of(|run| run.verifying))?,
        counting: median(&mut counts)?,
        locked: most(of(|run| run.locked)),
        memory: most(of(|run| run.memory)),
        slowest: slowest.map(ToString::to_string).unwrap_or_default(),
    })
}
