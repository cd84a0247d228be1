//! How requests fail: by chance, and the same way for the same seed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// How often requests fail, each a share of 0 to 1. Together at most 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Answered with 500 and not carried out.
    pub errors: f64,
    /// Never answered and not carried out.
    pub stalls: f64,
    /// Carried out and never answered.
    pub lost_answers: f64,
    /// What chance begins with.
    pub seed: u64,
    /// After so many all goes well again.
    pub most: Option<u64>,
    /// Only requests whose path and query hold this.
    pub only: Option<&'static str>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Fine,
    Error,
    Stall,
    LostAnswer,
}

#[derive(Debug)]
pub(super) struct Fates {
    chance: Mutex<(Faults, StdRng)>,
    requests: AtomicU64,
    faults: AtomicU64,
}

impl Default for Fates {
    fn default() -> Self {
        let chance = Mutex::new((Faults::default(), StdRng::seed_from_u64(0)));
        Self { chance, requests: AtomicU64::new(0), faults: AtomicU64::new(0) }
    }
}

impl Fates {
    pub fn set(&self, faults: Faults) {
        let chance = (faults, StdRng::seed_from_u64(faults.seed));
        *self.chance.lock().unwrap_or_else(PoisonError::into_inner) = chance;
    }

    pub fn next(&self, target: &str) -> Fate {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let (faults, random) = &mut *chance;
        let number: f64 = random.random();
        let fate = match number {
            _ if faults.most == Some(0) => Fate::Fine,
            _ if faults.only.is_some_and(|only| !target.contains(only)) => Fate::Fine,
            n if n < faults.errors => Fate::Error,
            n if n < faults.errors + faults.stalls => Fate::Stall,
            n if n < faults.errors + faults.stalls + faults.lost_answers => Fate::LostAnswer,
            _ => Fate::Fine,
        };
        if fate != Fate::Fine {
            faults.most = faults.most.map(|most| most.saturating_sub(1));
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.faults.fetch_add(u64::from(fate != Fate::Fine), Ordering::Relaxed);
        fate
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }
}
