//! kill -9 of the erasure-worker, of RabbitMQ and of PostgreSQL, on which both the control database and
//! the subject store are, many times at random points of erasures. What is left is what is left
//! when nobody is in the way, and each row was changed once.
//!
//! `LETHE_TEST_KILLS` is another number of kills, `LETHE_TEST_SEED` another choice of points and victims.

use std::env::VarError;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tests::{Servers, System};
use uuid::Uuid;

use crate::erasing::{Company, Left, asked, ended_well, owner, reached, undisturbed};

/// As many as a run of all tests has time for; a release is tried with `make soak`, which makes 200.
const KILLS: u64 = 12;
const ROWS: u64 = 6_000;
/// How many kills disturb one erasure, about.
const EACH: u64 = 12;

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|error| panic!("{name}: {value}: {error}")),
        Err(VarError::NotPresent) => default,
        Err(error) => panic!("{name}: {error}"),
    }
}

#[expect(clippy::print_stderr, reason = "what a failure is to be repeated with, and what was done")]
pub fn say(what: &str) {
    eprintln!("{what}");
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Worker,
    Postgres,
    Broker,
}

impl Victim {
    /// Killing the worker is the quickest, the broker takes longest to come back.
    fn choose(random: &mut StdRng) -> Self {
        match random.random_range(0..100) {
            0..10 => Self::Broker,
            10..35 => Self::Postgres,
            _ => Self::Worker,
        }
    }

    fn kill(self, system: &mut System) {
        match self {
            Self::Worker => {
                system.process("erasure-worker").unwrap().kill().unwrap();
                system.spawn("erasure-worker").unwrap();
            }
            Self::Postgres => again(system, "postgres"),
            Self::Broker => again(system, "broker"),
        }
    }
}

fn again(system: &System, server: &str) {
    system.servers.command(&format!("kill-{server}")).unwrap();
    system.servers.command(&format!("start-{server}")).unwrap();
}

/// Organisations of a system are erased while its parts are killed; what is left is held against one at peace.
#[tokio::test(flavor = "multi_thread")]
async fn kills_at_random_points_change_nothing() {
    let seed = setting("LETHE_TEST_SEED", 4);
    let kills = setting("LETHE_TEST_KILLS", KILLS);
    say(&format!("seed {seed}, {kills} kills"));
    // The first erasures take the kills; the last one takes those that came too late, if any did. Of one
    // organisation more nothing is erased.
    let planned = kills.div_ceil(EACH).max(2);
    let erased = usize::try_from(planned + 1).unwrap();
    let directory = tempfile::Builder::new().prefix("lethe-kills-").tempdir_in("/var/tmp").unwrap();
    let servers = Servers::start(directory.path()).unwrap();
    let expected = undisturbed(&servers, erased + 1, erased, ROWS).await;
    let company = Company::new(&servers.pg_url, erased + 1, ROWS).await;
    let (options, organisations) = (company.options(), company.organisations);
    let mut system = System::start(servers, company.database, &options).await.unwrap();
    let before = Left::of(&system.subjects.client, &organisations).await;
    assert_eq!(before, expected[0], "both begin alike");
    let mut disturber = Disturber { random: StdRng::seed_from_u64(seed), left: kills, done: Vec::new() };
    for (turn, organisation) in organisations[..erased].iter().enumerate() {
        let api = owner(&system, organisation);
        let job = asked(&api, organisation).await;
        let batches = expected[turn + 1].journal.0 - expected[turn].journal.0;
        assert!(batches > 100, "{batches}");
        let turns = planned.saturating_sub(turn.try_into().unwrap()).max(1);
        disturber.disturb(&mut system, job, batches, turns).await;
        system.subjects.reconnect().await.unwrap();
        system.control.reconnect().await.unwrap();
        ended_well(&system, &api, job).await;
        let left = Left::of(&system.subjects.client, &organisations).await;
        assert_eq!(left, expected[turn + 1], "as when nobody is in the way");
        left.spares(&before, &organisations[turn + 1..]);
    }
    let of = |victim| disturber.done.iter().filter(|done| **done == victim).count();
    let [worker, postgres, broker] = [Victim::Worker, Victim::Postgres, Victim::Broker].map(of);
    say(&format!("seed {seed}: killed worker {worker}, postgres {postgres}, broker {broker} times"));
    assert_eq!(u64::try_from(disturber.done.len()).unwrap(), kills);
}

/// Kills, as its random numbers say.
struct Disturber {
    random: StdRng,
    left: u64,
    done: Vec<Victim>,
}

impl Disturber {
    /// Kills its share of this erasure, which has so many batches, at points from its planning to its end.
    async fn disturb(&mut self, system: &mut System, job: Uuid, batches: i64, turns: u64) {
        let share = self.left.div_ceil(turns);
        let mut points: Vec<i64> = (0..share).map(|_| self.random.random_range(0..=batches)).collect();
        points.sort_unstable();
        for point in points {
            if !reached(system, job, point).await {
                return;
            }
            let victim = Victim::choose(&mut self.random);
            say(&format!("job {job}: {victim:?} killed, batch {point} of {batches}"));
            victim.kill(system);
            self.left -= 1;
            self.done.push(victim);
        }
    }
}
