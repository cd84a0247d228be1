//! What must go before a row can be deleted: every row that refers to it, and what refers to these.

use std::collections::{BTreeMap, BTreeSet};

use domain::erasure::{Guard, RowAction};

use crate::erase::survey::lets_go;

use super::read::SampleRead;
use super::{Key, SampleError, Sampler, Unsampled};

/// Rows by part.
pub(super) type Closure = BTreeMap<usize, BTreeSet<Key>>;

/// A reference to rows of one part by rows of another, that is erased before it.
struct Reference<'a> {
    from: usize,
    to: usize,
    guard: &'a Guard,
}

impl Sampler<'_> {
    /// Each of these units of rows with all that must go before it; `None` where that is too much, or more
    /// than can be tried.
    pub(super) async fn closures(
        &mut self,
        at: usize,
        units: Vec<BTreeSet<Key>>,
        room: usize,
    ) -> Result<Vec<Option<Closure>>, SampleError> {
        let mut closures: Vec<Option<Closure>> =
            units.into_iter().map(|keys| Some(BTreeMap::from([(at, keys)]))).collect();
        let parts = self.parts;
        for to in (0..=at).rev() {
            let Some(sampling) = parts.get(to).filter(|one| *one.part.action == RowAction::Delete) else {
                continue;
            };
            for guard in sampling.part.scope.guards {
                let before = parts.iter().enumerate().filter(|(_, one)| one.wave < sampling.wave);
                for (from, _) in before.filter(|(_, one)| lets_go(&one.part, guard)) {
                    self.join(&Reference { from, to, guard }, &mut closures, room).await?;
                }
            }
        }
        Ok(closures)
    }

    /// Joins the rows that refer to rows of the closures.
    async fn join(
        &mut self,
        reference: &Reference<'_>,
        closures: &mut [Option<Closure>],
        room: usize,
    ) -> Result<(), SampleError> {
        let Reference { from, to, .. } = *reference;
        let referring = self.referring(reference, closures, room).await?;
        if referring.is_empty() {
            return Ok(());
        }
        let whole = self.parts.get(from).is_some_and(|sampling| sampling.whole);
        let all = if whole { self.whole(from, room).await? } else { None };
        let unfit = self.chosen.get(from).is_some_and(|chosen| chosen.unfit.is_some());
        for closure in closures.iter_mut() {
            let rows = closure.iter().filter_map(|closure| closure.get(&to)).flatten();
            let new: BTreeSet<Key> = rows.filter_map(|key| referring.get(key)).flatten().cloned().collect();
            let Some(open) = closure.as_mut().filter(|_| !new.is_empty()) else { continue };
            open.entry(from).or_default().extend(all.clone().unwrap_or(new));
            if unfit || self.new_in(open) > room {
                *closure = None;
            }
        }
        Ok(())
    }

    /// The rows that refer to rows of the closures, by the row that they refer to.
    async fn referring(
        &self,
        Reference { from, to, guard }: &Reference<'_>,
        closures: &[Option<Closure>],
        room: usize,
    ) -> Result<BTreeMap<Key, Vec<Key>>, SampleError> {
        let (Some(child), Some(parent), Some(known)) =
            (self.parts.get(*from), self.parts.get(*to), self.chosen.get(*to))
        else {
            return Ok(BTreeMap::new());
        };
        let rows = closures.iter().flatten().filter_map(|closure| closure.get(to)).flatten();
        // What was chosen before has joined all that refers to it.
        let rows: BTreeSet<&Key> = rows.filter(|key| !known.keys.contains(*key)).collect();
        let keys: Vec<Key> = rows.into_iter().cloned().collect();
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (target, earlier) = ((parent.part.collection, *guard, keys.as_slice()), self.earlier(child.wave));
        let limit = room.saturating_add(1);
        let read = SampleRead::referring(&child.part, earlier, self.schema, target, limit)?;
        let mut referring: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
        for (place, key) in self.transaction.sampled(&read).await? {
            if let Some(parent) = keys.get(place) {
                referring.entry(parent.clone()).or_default().push(key);
            }
        }
        Ok(referring)
    }

    /// All rows of a part that can only be tried together; `None` when they are too many.
    async fn whole(&mut self, at: usize, room: usize) -> Result<Option<BTreeSet<Key>>, SampleError> {
        let rows = self.erasable(at, room.saturating_add(1)).await?;
        if rows.len() > room {
            self.unfit(at, Unsampled::Whole);
            return Ok(None);
        }
        Ok(Some(rows.into_iter().collect()))
    }

    /// How many rows of a closure are not chosen yet.
    fn new_in(&self, closure: &Closure) -> usize {
        let new = |(at, keys): (&usize, &BTreeSet<Key>)| {
            let chosen = self.chosen.get(*at);
            keys.iter().filter(|key| chosen.is_none_or(|chosen| !chosen.keys.contains(*key))).count()
        };
        closure.iter().map(new).sum()
    }

    /// Takes so many closures, the smallest first, as there is room for; how many. All but the first leave
    /// room for other parts.
    pub(super) fn take(&mut self, closures: Vec<Option<Closure>>, wanted: usize, room: usize) -> usize {
        let mut fitting: Vec<Closure> = closures.into_iter().flatten().collect();
        fitting.sort_by_key(|closure| self.new_in(closure));
        let fair = room.saturating_sub(wanted.saturating_mul(2));
        let (mut taken, mut room) = (0_usize, room);
        for closure in fitting {
            let open = taken < wanted && (taken == 0 || room > fair);
            let Some(left) = room.checked_sub(self.new_in(&closure)).filter(|_| open) else { break };
            self.room = self.room.saturating_sub(room.saturating_sub(left));
            (room, taken) = (left, taken.saturating_add(1));
            for (at, keys) in closure {
                if let Some(chosen) = self.chosen.get_mut(at) {
                    chosen.keys.extend(keys);
                }
            }
        }
        taken
    }
}
