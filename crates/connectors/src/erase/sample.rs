//! Which rows an erasure is tried on: a few of every table, and with every row that is deleted those that
//! refer to it.
//!
//! A row that is referred to is spared when its turn comes, unless what refers to it went before. So a
//! sample that is to show how rows are deleted is closed under references: from the last wave to the first,
//! some rows are chosen, and all that refer to them join. One with more of them than there is room for is
//! passed over for another.

mod closure;
mod read;

use std::collections::BTreeSet;

use domain::erasure::RowAction;
use domain::schema::LiveSchema;

use crate::erase::survey::Part;
use crate::error::StoreError;
use crate::read::ReadTransaction;
use crate::sql::PlanError;

use read::SampleRead;

/// A primary key, a text for each of its columns.
type Key = Vec<String>;

/// Among so many rows those are looked for to which few others refer.
const POOL: usize = 16;
/// How much more is tried of a table whose triggers may object to some rows and not to others.
const TRIGGERED: usize = 4;

/// A part of an erasure that is to be sampled.
#[derive(Debug, Clone, Copy)]
pub struct Sampling<'a> {
    /// The part, with the guards of its rows.
    pub part: Part<'a>,
    /// In which wave it is erased.
    pub wave: usize,
    /// Whether its rows refer to each other, so that all of them go or none.
    pub whole: bool,
    /// Whether triggers of the company's own fire.
    pub triggered: bool,
    /// Whether one of them may do what nobody can undo, so that nothing may be tried.
    pub outside: bool,
}

/// What was chosen of a part.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SampledPart {
    /// The keys of the rows.
    pub keys: Vec<Key>,
    /// Whether these are all rows that are to be erased.
    pub all: bool,
    /// Why there is none, although there may be rows.
    pub unsampled: Option<Unsampled>,
}

/// Why no row of a table was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsampled {
    /// Its rows can only be tried together, and are too many.
    Whole,
    /// To every row that was looked at more others refer than there was room for, or such of which
    /// nothing can be tried.
    Referred,
    /// Other tables have taken all the room.
    Full,
    /// A trigger may do what nobody can undo.
    Outside,
    /// No row can be told from another.
    NoKey,
}

/// Why no sample was taken.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The live schema has not what the map or the rows need.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// Chooses at most so many rows of the parts of one store, which are in the order of their waves: all of
/// them when they are no more.
///
/// # Errors
/// When the store fails, or the live schema has not what the map needs.
pub async fn sample(
    transaction: &ReadTransaction,
    parts: &[Sampling<'_>],
    schema: &LiveSchema,
    room: usize,
) -> Result<Vec<SampledPart>, SampleError> {
    let mut sampler = Sampler::new(transaction, parts, schema, room).await?;
    if !sampler.everything().await? {
        for at in (0..parts.len()).rev() {
            sampler.some(at).await?;
        }
    }
    Ok(sampler.chosen.into_iter().map(Chosen::sampled).collect())
}

/// What is chosen of a part so far.
#[derive(Default)]
struct Chosen {
    keys: BTreeSet<Key>,
    all: bool,
    unfit: Option<Unsampled>,
}

impl Chosen {
    fn sampled(self) -> SampledPart {
        let unsampled = self.unfit.filter(|_| self.keys.is_empty());
        SampledPart { keys: self.keys.into_iter().collect(), all: self.all, unsampled }
    }
}

struct Sampler<'a> {
    transaction: &'a ReadTransaction,
    parts: &'a [Sampling<'a>],
    /// The same, as what goes before others is told.
    plain: Vec<Part<'a>>,
    /// Whether the table of each part is partitioned.
    partitioned: Vec<bool>,
    schema: &'a LiveSchema,
    chosen: Vec<Chosen>,
    /// For so many rows there is room.
    room: usize,
}

impl<'a> Sampler<'a> {
    async fn new(
        transaction: &'a ReadTransaction,
        parts: &'a [Sampling<'a>],
        schema: &'a LiveSchema,
        room: usize,
    ) -> Result<Self, SampleError> {
        let plain: Vec<Part<'a>> = parts.iter().map(|sampling| sampling.part).collect();
        let tables: Vec<_> = plain.iter().map(|part| part.collection.table.clone()).collect();
        let divided = transaction.partitioned(&tables).await?;
        let partitioned = tables.iter().map(|table| divided.contains(table)).collect();
        let chosen = |sampling: &Sampling<'_>| {
            let live = schema.tables.get(&sampling.part.collection.table);
            let keyless = live.is_none_or(|table| table.primary_key.is_empty());
            let unfit =
                if sampling.outside { Some(Unsampled::Outside) } else { keyless.then_some(Unsampled::NoKey) };
            Chosen { unfit, ..Chosen::default() }
        };
        let chosen = parts.iter().map(chosen).collect();
        Ok(Self { transaction, parts, plain, partitioned, schema, chosen, room })
    }

    /// The parts that are erased before one of that wave.
    fn earlier(&self, wave: usize) -> &[Part<'a>] {
        let count = self.parts.partition_point(|sampling| sampling.wave < wave);
        self.plain.get(..count).unwrap_or_default()
    }

    /// So many rows of a part, of those that will be erased.
    async fn erasable(&self, at: usize, rows: usize) -> Result<Vec<Key>, SampleError> {
        let Some(Sampling { part, wave, .. }) = self.parts.get(at) else { return Ok(Vec::new()) };
        let partitioned = self.partitioned.get(at).copied().unwrap_or_default();
        let read = SampleRead::erasable(part, self.earlier(*wave), self.schema, (rows, partitioned))?;
        Ok(self.transaction.sampled(&read).await?.into_iter().map(|(_, key)| key).collect())
    }

    /// Takes every row of every part, when there is room for them; whether it has.
    async fn everything(&mut self) -> Result<bool, SampleError> {
        if self.chosen.iter().any(|chosen| chosen.unfit.is_some()) {
            return Ok(false);
        }
        let (mut room, mut all) = (self.room, Vec::new());
        for at in 0..self.parts.len() {
            let keys = self.erasable(at, room.saturating_add(1)).await?;
            let Some(left) = room.checked_sub(keys.len()) else { return Ok(false) };
            room = left;
            all.push(Chosen { keys: keys.into_iter().collect(), all: true, unfit: None });
        }
        (self.room, self.chosen) = (room, all);
        Ok(true)
    }

    /// Takes some rows of a part, each with what refers to it.
    async fn some(&mut self, at: usize) -> Result<(), SampleError> {
        let (Some(sampling), Some(chosen)) = (self.parts.get(at), self.chosen.get(at)) else { return Ok(()) };
        let (known, room) = (chosen.keys.len(), self.room_for(at));
        if chosen.unfit.is_some() || (sampling.whole && known > 0) {
            return Ok(());
        }
        let wanted = self.share(at, room).saturating_sub(known);
        let limit = match sampling.whole {
            true => room.saturating_add(1),
            false => self.pool(sampling, wanted).saturating_add(known),
        };
        let found = self.erasable(at, limit).await?;
        let new: Vec<Key> = found.iter().filter(|key| !chosen.keys.contains(*key)).cloned().collect();
        if sampling.whole && found.len() > room {
            self.unfit(at, Unsampled::Whole);
            return Ok(());
        }
        let units: Vec<BTreeSet<Key>> = match sampling.whole {
            true if new.is_empty() => Vec::new(),
            true => vec![new.iter().cloned().collect()],
            false => new.iter().map(|key| BTreeSet::from([key.clone()])).collect(),
        };
        let (asked, wanted) = (units.len(), if sampling.whole { 1 } else { wanted });
        let closures = self.closures(at, units, room).await?;
        let taken = self.take(closures, wanted, room);
        if let Some(chosen) = self.chosen.get_mut(at) {
            chosen.all = taken == asked && (sampling.whole || found.len() < limit);
        }
        if asked > 0 && known == 0 && taken == 0 {
            self.unfit(at, if room == 0 { Unsampled::Full } else { Unsampled::Referred });
        }
        Ok(())
    }

    fn unfit(&mut self, at: usize, why: Unsampled) {
        if let Some(chosen) = self.chosen.get_mut(at) {
            chosen.unfit = Some(why);
        }
    }

    /// The room there is for a part and what refers to it: a row is kept free for each that comes after it.
    fn room_for(&self, at: usize) -> usize {
        let waiting = self.chosen.iter().take(at);
        let waiting = waiting.filter(|chosen| chosen.unfit.is_none() && chosen.keys.is_empty()).count();
        self.room.saturating_sub(waiting)
    }

    /// How many rows of a part are wanted: the parts that are left share the room.
    fn share(&self, at: usize, room: usize) -> usize {
        let weight = |sampling: &Sampling<'_>| if sampling.triggered { TRIGGERED } else { 1 };
        let all = self.parts.iter().take(at.saturating_add(1)).map(weight).sum::<usize>().max(1);
        let own = self.parts.get(at).map_or(1, weight);
        room.saturating_mul(own).checked_div(all).unwrap_or_default().max(1)
    }

    /// Among how many rows these are looked for.
    fn pool(&self, sampling: &Sampling<'_>, wanted: usize) -> usize {
        let guarded = *sampling.part.action == RowAction::Delete && !sampling.part.scope.guards.is_empty();
        if guarded && wanted > 0 { wanted.max(POOL) } else { wanted }
    }
}
