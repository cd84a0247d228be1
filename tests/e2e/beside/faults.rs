//! What happens to programs and servers meanwhile: kill -9 of each, and workers that stand still for longer
//! than their lease holds.

use std::time::SystemTime;

use rand::Rng as _;
use rand::rngs::StdRng;
use tests::{Process, System, eventually};
use tokio::sync::{Mutex, watch};
use tokio_postgres::Client;
use uuid::Uuid;

use super::book::{PATIENCE, grown};
use super::writer::connected;

const WORKER: &str = "erasure-worker";

/// Who it happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Killed(&'static str),
    Server(&'static str),
    Suspended,
}

impl Fault {
    fn choose(random: &mut StdRng) -> Self {
        match random.random_range(0..100) {
            0..40 => Self::Killed(WORKER),
            40..52 => Self::Killed("privacy-api"),
            52..62 => Self::Killed("retention-scheduler"),
            62..74 => Self::Server("postgres"),
            74..80 => Self::Server("broker"),
            _ => Self::Suspended,
        }
    }
}

/// How often it has happened.
#[derive(Debug, Default)]
pub struct Faults {
    pub kills: u64,
    pub suspensions: u64,
}

/// Makes so many faults, at random points of what the journal of the stores grows by, until everything ended.
pub async fn disturb(
    (system, another): (&mut System, &mut Option<Process>),
    random: &mut StdRng,
    count: u64,
    ended: &watch::Receiver<bool>,
) -> anyhow::Result<Faults> {
    let mut done = Faults::default();
    let url = system.subjects.url.clone();
    for _ in 0..count {
        if !grown(&url, random.random_range(0..25), ended).await? {
            break;
        }
        match Fault::choose(random) {
            // One of the two workers, and it comes again.
            Fault::Killed(WORKER) if random.random_bool(0.5) && another.is_some() => {
                if let Some(mut process) = another.take() {
                    process.kill()?;
                }
                let number = usize::try_from(done.kills)? + 10;
                *another = system.start_another(WORKER, number, &[]).await.ok();
                done.kills += 1;
            }
            Fault::Killed(name) => {
                system.process(name)?.kill()?;
                system.spawn(name)?;
                done.kills += 1;
            }
            Fault::Server(name) => {
                system.servers.command(&format!("kill-{name}"))?;
                system.servers.command(&format!("start-{name}"))?;
                done.kills += 1;
            }
            Fault::Suspended => {
                suspend(system).await?;
                done.suspensions += 1;
            }
        }
    }
    Ok(done)
}

/// Stops the first worker until no step is held any more by the claim by which it may have held it.
async fn suspend(system: &System) -> anyhow::Result<()> {
    system.signal(WORKER, "STOP")?;
    let held = "SELECT job_id, step_no, epoch, lease_expires_at FROM job_steps WHERE state = 'running'";
    let seen: Mutex<(Option<Client>, Option<Vec<Claim>>)> = Mutex::new((None, None));
    // The other worker goes on, and what it holds it renews.
    let lost = eventually(PATIENCE, "the lease of a stopped worker lapses", || async {
        let (client, before) = &mut *seen.lock().await;
        let Some(client) = connected(client, &system.control.url).await else { return Ok(None) };
        let Ok(rows) = client.query(held, &[]).await else { return Ok(None) };
        let now: Vec<Claim> =
            rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
        let before = before.get_or_insert_with(|| now.clone());
        before.retain(|old| now.iter().any(|new| new == old));
        Ok(before.is_empty().then_some(()))
    })
    .await;
    system.signal(WORKER, "CONT")?;
    lost
}

/// A step, the epoch of its claim, and when its lease ends.
type Claim = (Uuid, i32, i64, SystemTime);

/// Waits until servers and services are there again.
pub async fn over(system: &mut System) -> anyhow::Result<()> {
    for name in tests::SERVICES {
        system.ready(name).await?;
    }
    eventually(PATIENCE, "the databases are there", || async {
        Ok((system.control.connect().await.is_ok() && system.subjects.connect().await.is_ok()).then_some(()))
    })
    .await?;
    system.control.reconnect().await?;
    system.subjects.reconnect().await
}
