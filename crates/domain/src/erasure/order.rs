//! In which order collections are erased.
//!
//! Rows that refer go before rows that are referred to, and a collection goes before another
//! through which it leads to its organisation is deleted: afterwards nobody could tell whose its
//! rows are. The organisations' own table goes last.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{ForeignKey, StoreFacts};
use super::keys;
use super::obstacle::{Obstacle, ObstacleKind};
use super::plan::{CollectionErasure, Guard, RowAction, Target, Ways};

/// For each target the targets that go before it, and what is known of why.
type Before<'a> = BTreeMap<usize, BTreeMap<usize, Why<'a>>>;

#[derive(Clone, Copy)]
enum Why<'a> {
    /// Its rows are referred to by this key, which can be emptied first if need be.
    Reference(&'a ForeignKey),
    /// It may not be taken out.
    Must,
}

/// The waves. A circle that emptying a nullable reference opens is opened; any other is an obstacle.
pub(super) fn waves(
    targets: &[Target<'_>],
    ways: &Ways<'_>,
    facts: &StoreFacts,
    obstacles: &mut Vec<Obstacle>,
) -> Vec<Vec<CollectionErasure>> {
    let mut before = constraints(targets, facts);
    let mut unlinked: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut waves: Vec<Vec<CollectionErasure>> = Vec::new();
    let mut open: BTreeSet<usize> = (0..targets.len()).collect();
    while !open.is_empty() {
        let free: Vec<usize> = open.iter().copied().filter(|at| is_free(&before, *at, &open)).collect();
        if free.is_empty() {
            match opening(targets, ways, &before, &open) {
                Some((referring, target, key)) => {
                    unlinked.entry(referring).or_default().extend(key.columns.iter().cloned());
                    before.entry(target).or_default().remove(&referring);
                }
                None => {
                    obstacles.extend(circle(targets, &before, &open));
                    return Vec::new();
                }
            }
            continue;
        }
        open.retain(|at| !free.contains(at));
        waves.push(free.into_iter().filter_map(|at| erasure(targets.get(at)?, facts)).collect());
    }
    let first: Vec<CollectionErasure> = unlinked
        .into_iter()
        .filter_map(|(at, columns)| {
            let action = RowAction::Unlink(columns.into_iter().collect());
            Some(targets.get(at)?.erasure(action, Vec::new(), Vec::new()))
        })
        .collect();
    if !first.is_empty() {
        waves.insert(0, first);
    }
    waves
}

fn is_free(before: &Before<'_>, at: usize, open: &BTreeSet<usize>) -> bool {
    before.get(&at).is_none_or(|earlier| earlier.keys().all(|at| !open.contains(at)))
}

fn constraints<'a>(targets: &[Target<'_>], facts: &'a StoreFacts) -> Before<'a> {
    let mut before = Before::new();
    for (later, target) in targets.iter().enumerate() {
        for (earlier, other) in targets.iter().enumerate().filter(|(at, _)| *at != later) {
            if let Some(why) = goes_before(other, target, facts) {
                before.entry(later).or_default().insert(earlier, why);
            }
        }
    }
    before
}

/// Why `earlier` goes before `later`, when it must.
fn goes_before<'a>(earlier: &Target<'_>, later: &Target<'_>, facts: &'a StoreFacts) -> Option<Why<'a>> {
    if later.root {
        return Some(Why::Must);
    }
    if !later.deletes() {
        return None;
    }
    let leads_through = earlier
        .collection
        .tenant
        .as_ref()
        .is_some_and(|path| path.hops.iter().any(|hop| hop.target == *later.table()));
    if leads_through {
        return Some(Why::Must);
    }
    let keys = facts.tables.get(earlier.table()).into_iter().flat_map(|facts| &facts.foreign_keys);
    keys.filter(|key| key.target == *later.table()).map(Why::Reference).next()
}

/// A reference in the circle that can be emptied before anything is deleted: between two
/// collections that are both deleted, of nullable columns, none of which leads to an organisation.
fn opening<'a>(
    targets: &[Target<'_>],
    ways: &Ways<'_>,
    before: &Before<'a>,
    open: &BTreeSet<usize>,
) -> Option<(usize, usize, &'a ForeignKey)> {
    let edges = before.iter().filter(|(later, _)| open.contains(later)).flat_map(|(later, earlier)| {
        earlier.iter().filter(|(at, _)| open.contains(at)).map(move |(at, why)| (*at, *later, *why))
    });
    for (referring, target, why) in edges {
        let (Why::Reference(key), Some(from)) = (why, targets.get(referring)) else { continue };
        let free = |column: &String| {
            from.nullable.contains(column.as_str())
                && !ways.iter().any(|(_, any)| {
                    any.tenant.as_ref().is_some_and(|path| {
                        keys::on_the_way(path, &any.table, from.table()).contains(&column.as_str())
                    })
                })
        };
        if from.deletes() && key.columns.iter().all(free) {
            return Some((referring, target, key));
        }
    }
    None
}

fn circle(targets: &[Target<'_>], before: &Before<'_>, open: &BTreeSet<usize>) -> Vec<Obstacle> {
    let names = |at: &usize| -> Vec<String> {
        let earlier = before.get(at).into_iter().flat_map(BTreeMap::keys).filter(|at| open.contains(at));
        earlier.filter_map(|at| targets.get(*at)).map(|target| target.path.clone()).collect()
    };
    open.iter()
        .filter_map(|at| Some((targets.get(*at)?, names(at))))
        .filter(|(target, _)| !target.root)
        .map(|(target, names)| {
            Obstacle::new(
                ObstacleKind::Circle,
                (target.table(), None),
                format!("its rows can go only after those of {}, which in turn wait for them", names.join(", ")),
                "let one of these collections be anonymised instead of deleted, or make the reference between them nullable",
            )
        })
        .collect()
}

/// What is done to a collection when its turn has come.
fn erasure(target: &Target<'_>, facts: &StoreFacts) -> Option<CollectionErasure> {
    let Some(changes) = &target.changes else {
        let (own, others): (Vec<_>, Vec<_>) =
            keys::referring(facts, target.table()).partition(|(table, _)| *table == target.table());
        let guards = |keys: Vec<_>| keys.into_iter().map(|(table, key)| Guard::of(table, key)).collect();
        return Some(target.erasure(RowAction::Delete, guards(others), guards(own)));
    };
    let action = if target.unlinks {
        RowAction::Unlink(changes.iter().map(|change| change.column.clone()).collect())
    } else {
        RowAction::Anonymise(changes.clone())
    };
    Some(target.erasure(action, Vec::new(), Vec::new()))
}
