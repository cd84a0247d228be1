//! In which order collections are erased.
//!
//! Rows that refer go before rows that are referred to, and a collection goes before another
//! through which it leads to its organisation is deleted: afterwards nobody could tell whose its
//! rows are. The organisations' own table goes last. References that only the data map knows are followed as
//! far as there is no circle of them.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{ForeignKey, StoreFacts};
use super::guard::Guard;
use super::keys;
use super::map_keys::MapKey;
use super::obstacle::{Obstacle, ObstacleKind};
use super::plan::{CollectionErasure, RowAction, Target, Ways};

/// For each target the targets that go before it, and what is known of why.
type Before<'a> = BTreeMap<usize, BTreeMap<usize, Why<'a>>>;

#[derive(Clone, Copy)]
enum Why<'a> {
    /// Its rows are referred to by this key, which can be emptied first if need be.
    Reference(&'a ForeignKey),
    /// It may not be taken out.
    Must,
    /// Its rows refer by what only the data map knows.
    Wish,
}

/// The waves. A circle that emptying a nullable reference opens is opened; any other is an obstacle.
pub(super) fn waves(
    targets: &[Target<'_>],
    ways: &Ways<'_>,
    (facts, map_keys): (&StoreFacts, &[MapKey<'_>]),
    obstacles: &mut Vec<Obstacle>,
) -> Vec<Vec<CollectionErasure>> {
    let mut before = constraints(targets, facts, map_keys);
    let mut unlinked: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut waves: Vec<Vec<CollectionErasure>> = Vec::new();
    let mut open: BTreeSet<usize> = (0..targets.len()).collect();
    while !open.is_empty() {
        let free: Vec<usize> = open.iter().copied().filter(|at| is_free(&before, *at, &open)).collect();
        if free.is_empty() && give_up_a_wish(&mut before, &open) {
            continue;
        }
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
        let done = |at| !open.contains(&at);
        let turn = |at: &usize| Some(erasure(targets.get(*at)?, facts, of_map(targets, *at, map_keys, done)));
        waves.push(free.iter().filter_map(turn).collect());
        open.retain(|at| !free.contains(at));
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

/// What is done besides to rows that are deleted: columns are emptied first, where that opens a circle.
pub(super) fn opened<'a>(targets: &[Target<'a>], waves: &[Vec<CollectionErasure>]) -> Vec<Target<'a>> {
    let unlinked = waves.iter().flatten().filter_map(|done| match &done.action {
        RowAction::Unlink(columns) => Some((done, columns)),
        RowAction::Delete | RowAction::Anonymise(_) => None,
    });
    let deleted = |path: &str| targets.iter().find(|target| target.path == path && target.deletes());
    unlinked.filter_map(|(done, columns)| Some(deleted(&done.collection)?.unlinking(columns))).collect()
}

fn is_free(before: &Before<'_>, at: usize, open: &BTreeSet<usize>) -> bool {
    before.get(&at).is_none_or(|earlier| earlier.keys().all(|at| !open.contains(at)))
}

fn constraints<'a>(targets: &[Target<'_>], facts: &'a StoreFacts, map_keys: &[MapKey<'_>]) -> Before<'a> {
    let mut before = Before::new();
    for (later, target) in targets.iter().enumerate() {
        for (earlier, other) in targets.iter().enumerate().filter(|(at, _)| *at != later) {
            let wish = || {
                let mut wishes =
                    map_keys.iter().filter(|key| key.refers_to(target) && key.is_let_go_by(other));
                wishes.next().filter(|_| target.deletes()).map(|_| Why::Wish)
            };
            if let Some(why) = goes_before(other, target, facts).or_else(wish) {
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

/// Takes out an order that only the data map asks for, where it is part of a circle; whether there was one.
fn give_up_a_wish(before: &mut Before<'_>, open: &BTreeSet<usize>) -> bool {
    let among_open = |at: &usize| open.contains(at);
    let mut edges = before.iter().filter(|(later, _)| among_open(later)).flat_map(|(later, earlier)| {
        let wishes = earlier.iter().filter(|(at, why)| among_open(at) && matches!(why, Why::Wish));
        wishes.map(move |(at, _)| (*later, *at))
    });
    let found = edges.find(|(later, earlier)| comes_after(before, *earlier, *later));
    let Some((later, earlier)) = found else { return false };
    before.entry(later).or_default().remove(&earlier);
    true
}

/// Whether one collection goes after another, if only because of others between them.
fn comes_after(before: &Before<'_>, later: usize, earlier: usize) -> bool {
    let (mut seen, mut next) = (BTreeSet::from([later]), vec![later]);
    while let Some(at) = next.pop() {
        for before in before.get(&at).into_iter().flat_map(BTreeMap::keys) {
            if *before == earlier {
                return true;
            }
            if seen.insert(*before) {
                next.push(*before);
            }
        }
    }
    false
}

/// The guards that only the data map knows of, for a collection whose turn has come.
fn of_map(
    targets: &[Target<'_>],
    at: usize,
    map_keys: &[MapKey<'_>],
    done: impl Fn(usize) -> bool,
) -> Vec<Guard> {
    let Some(target) = targets.get(at) else { return Vec::new() };
    let guard = |key: &MapKey<'_>| {
        let mut letting_go =
            targets.iter().enumerate().filter(|(_, other)| key.is_let_go_by(other)).peekable();
        let go_first = letting_go.peek().is_some() && letting_go.all(|(at, _)| done(at));
        key.guard(go_first)
    };
    map_keys.iter().filter(|key| key.refers_to(target)).filter_map(guard).collect()
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
fn erasure(target: &Target<'_>, facts: &StoreFacts, of_map: Vec<Guard>) -> CollectionErasure {
    let Some(changes) = &target.changes else {
        let (own, others): (Vec<_>, Vec<_>) =
            keys::referring(facts, target.table()).partition(|(table, _)| *table == target.table());
        let guards = |keys: Vec<_>| keys.into_iter().map(|(table, key)| Guard::of(table, key));
        let others = guards(others).chain(of_map).collect();
        return target.erasure(RowAction::Delete, others, guards(own).collect());
    };
    let action = if target.unlinks {
        RowAction::Unlink(changes.iter().map(|change| change.column.clone()).collect())
    } else {
        RowAction::Anonymise(changes.clone())
    };
    target.erasure(action, Vec::new(), Vec::new())
}
