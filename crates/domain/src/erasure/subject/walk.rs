//! From the identity along the references, breadth first.

use std::collections::{BTreeSet, VecDeque};

use crate::datamap::Direction;
use crate::erasure::guard::Guard;
use crate::erasure::obstacle::{Obstacle, ObstacleKind};
use crate::schema::{LiveColumn, TypeFamily};

use super::places::{Place, Places};
use super::references::{self, Reference};
use super::{Link, Reached, Seed, Traversal, Unless};

pub(super) fn walk(places: &Places<'_>, identity_type: &str, obstacles: &mut Vec<Obstacle>) -> Traversal {
    let references = references::of(places, obstacles);
    let mut walk = Walk { places, references: &references, obstacles, reached: BTreeSet::new() };
    let (seeds, mut open) = walk.seeds(identity_type);
    let mut passed: BTreeSet<usize> = open.iter().copied().collect();
    let mut links = Vec::new();
    while let Some(at) = open.pop_front() {
        for (next, link) in walk.links(at) {
            if link.then.may_be_own() && passed.insert(next) {
                open.push_back(next);
            }
            links.push(link);
        }
    }
    walk.primary_keys();
    Traversal { identity_type: identity_type.to_owned(), seeds, links }
}

struct Walk<'w, 'a> {
    places: &'w Places<'a>,
    references: &'w [Reference],
    obstacles: &'w mut Vec<Obstacle>,
    /// Every collection of which a row may be reached.
    reached: BTreeSet<usize>,
}

impl Walk<'_, '_> {
    fn report(&mut self, kind: ObstacleKind, place: &Place<'_>, column: Option<&str>, text: (String, &str)) {
        self.obstacles.push(Obstacle::new(kind, (place.table(), column), text.0, text.1));
    }

    /// Where the identity stands, and the collections from which the way leads on.
    fn seeds(&mut self, identity_type: &str) -> (Vec<Seed>, VecDeque<usize>) {
        let places = self.places;
        let (mut seeds, mut open) = (Vec::new(), VecDeque::new());
        for (at, place) in places.all.iter().enumerate() {
            let fields = place.collection.fields.iter();
            for field in fields.filter(|field| field.identity.as_deref() == Some(identity_type)) {
                match place.column(&field.name) {
                    Some(column) if !one_value(column) => {
                        let what = format!("it is to identify a person, but its type is {}", column.sql_type);
                        let remedy = "name a column with one value that has a text, or take the identity out";
                        self.report(ObstacleKind::Identity, place, Some(&field.name), (what, remedy));
                    }
                    Some(_) => {}
                    None => {
                        let what =
                            "it is to identify a person, but there is no such column that the role can read";
                        let remedy = "correct the name, or grant SELECT on it";
                        self.report(
                            ObstacleKind::Column,
                            place,
                            Some(&field.name),
                            (what.to_owned(), remedy),
                        );
                    }
                }
                let then = self.owner(at, std::slice::from_ref(&field.name));
                if then == Reached::Own && !open.contains(&at) {
                    open.push_back(at);
                }
                self.reached.insert(at);
                let (collection, store) = (place.path.clone(), place.store.to_owned());
                seeds.push(Seed { collection, store, column: field.name.clone(), then });
            }
        }
        if seeds.is_empty() {
            self.unknown(identity_type);
        }
        (seeds, open)
    }

    fn unknown(&mut self, identity_type: &str) {
        let known = self.places.map.identity_types().join(", ");
        let known = if known.is_empty() { "none".to_owned() } else { known };
        let roots = self.places.all.iter().filter(|place| place.root);
        if let Some(place) = roots.chain(&self.places.all).next() {
            let what = format!("no field of the data map has the identity `{identity_type}`");
            let remedy = format!("use one that it has: {known}");
            self.report(ObstacleKind::Identity, place, None, (what, &remedy));
        }
    }

    /// What a row is that belongs to the person by these columns.
    fn owner(&self, at: usize, columns: &[String]) -> Reached {
        let Some(place) = self.places.place(at) else { return Reached::Left };
        if !place.shared() {
            return Reached::Own;
        }
        let emptied = self.emptied(at, columns);
        if emptied.is_empty() { Reached::Left } else { Reached::Unlink(emptied) }
    }

    /// Those of the columns that may be set to NULL. One that is NULL refers to nothing, whatever the
    /// others hold.
    fn emptied(&self, at: usize, columns: &[String]) -> Vec<String> {
        columns.iter().filter(|column| self.places.may_be_emptied(at, column)).cloned().collect()
    }

    /// The ways that lead on from a collection.
    fn links(&mut self, at: usize) -> Vec<(usize, Link)> {
        let references = self.references;
        let mut links = Vec::new();
        for reference in references.iter().filter(|reference| reference.from != reference.to) {
            let (next, columns, target_columns, then) = match reference.direction {
                Direction::From if reference.to == at => {
                    let then = self.owner(reference.from, &reference.columns);
                    (reference.from, &reference.target_columns, &reference.columns, then)
                }
                Direction::To if reference.from == at && !self.is_root(reference.to) => {
                    let then = Reached::Unless(self.unless(reference));
                    (reference.to, &reference.columns, &reference.target_columns, then)
                }
                _ => continue,
            };
            let (Some(here), Some(there)) = (self.places.place(at), self.places.place(next)) else {
                continue;
            };
            self.reached.insert(next);
            self.comparable(here, there, (columns, target_columns));
            let link = Link {
                store: here.store.to_owned(),
                from: here.path.clone(),
                columns: columns.clone(),
                to: there.path.clone(),
                target_columns: target_columns.clone(),
                then,
            };
            links.push((next, link));
        }
        links
    }

    fn is_root(&self, at: usize) -> bool {
        self.places.place(at).is_some_and(|place| place.root)
    }

    /// What a row is to which a row of the person refers.
    fn unless(&self, reference: &Reference) -> Unless {
        let shared = self.places.place(reference.to).is_some_and(Place::shared);
        let unlink = if self.places.lets_go(reference.from, &reference.columns) {
            Vec::new()
        } else {
            self.emptied(reference.from, &reference.columns)
        };
        Unless { shared, others: if shared { Vec::new() } else { self.others(reference.to) }, unlink }
    }

    /// By which keys any row can refer to a row of the collection: those of the database and of the
    /// map. Left out are those by which a row would be the person's own if this one is.
    fn others(&self, at: usize) -> Vec<Guard> {
        let Some(place) = self.places.place(at) else { return Vec::new() };
        let of_map = self.references.iter().filter(|reference| reference.to == at);
        let (followed, others): (Vec<&Reference>, Vec<&Reference>) =
            of_map.partition(|reference| self.is_followed(reference));
        let mut guards: Vec<Guard> = Vec::new();
        for reference in others {
            let table = self.places.place(reference.from).map(|place| place.table().clone());
            guards.extend(table.map(|table| Guard {
                table,
                columns: reference.columns.clone(),
                target_columns: reference.target_columns.clone(),
                aside: None,
            }));
        }
        for (table, key) in place.referring() {
            let whole: Vec<(&String, &String)> = key.columns.iter().zip(&key.target_columns).collect();
            let is_followed = followed.iter().any(|reference| {
                self.places.place(reference.from).is_some_and(|place| place.table() == table)
                    && reference
                        .columns
                        .iter()
                        .zip(&reference.target_columns)
                        .all(|pair| whole.contains(&pair))
            });
            let guard = Guard::of(table, key);
            if !is_followed && !guards.contains(&guard) {
                guards.push(guard);
            }
        }
        guards
    }

    fn is_followed(&self, reference: &Reference) -> bool {
        reference.direction == Direction::From
            && reference.from != reference.to
            && self.places.place(reference.from).is_some_and(|place| !place.shared())
    }

    /// Rows of two collections can be compared only inside one store, and only by columns that can.
    fn comparable(&mut self, here: &Place<'_>, there: &Place<'_>, columns: (&[String], &[String])) {
        if here.store != there.store {
            let what = format!(
                "the way from `{}` to it leads into another store (`{}`), where one person's rows cannot be followed",
                here.path, there.store
            );
            let remedy = "give a field of this collection the identity, and take the reference out";
            return self.report(ObstacleKind::Reference, there, None, (what, remedy));
        }
        for (column, target) in columns.0.iter().zip(columns.1) {
            let (Some(one), Some(other)) = (here.column(column), there.column(target)) else { continue };
            if !same_kind(one, other) {
                let what = format!(
                    "its type {} cannot be compared with {} of `{}.{column}`",
                    other.sql_type, one.sql_type, here.path
                );
                let remedy = "correct the reference in the data map, or take it out";
                self.report(ObstacleKind::Reference, there, Some(target), (what, remedy));
            }
        }
    }

    /// A row without a key could not be told from another, and would be left in silence.
    fn primary_keys(&mut self) {
        for at in std::mem::take(&mut self.reached) {
            let Some(place) = self.places.place(at) else { continue };
            match place.live {
                Some(table) if !table.primary_key.is_empty() => {}
                Some(_) => {
                    let what = "rows of a person may be in it, but it has no primary key by which they could be addressed";
                    let remedy = "add one, or set `fides_meta: {skip_processing: true}`";
                    self.report(ObstacleKind::PrimaryKey, place, None, (what.to_owned(), remedy));
                }
                None => {
                    let what =
                        "rows of a person may be in it, but there is no such table that the role can read";
                    let remedy =
                        "grant SELECT, correct the name, or set `fides_meta: {skip_processing: true}`";
                    self.report(ObstacleKind::Table, place, None, (what.to_owned(), remedy));
                }
            }
        }
    }
}

/// Whether the column holds one value whose text is what people would give.
fn one_value(column: &LiveColumn) -> bool {
    !matches!(column.family, TypeFamily::Array | TypeFamily::Json | TypeFamily::Bytes | TypeFamily::Other)
}

pub(in crate::erasure) fn same_kind(one: &LiveColumn, other: &LiveColumn) -> bool {
    let by_type =
        [TypeFamily::Enum, TypeFamily::Array, TypeFamily::Other, TypeFamily::Json, TypeFamily::Time];
    one.family == other.family && (!by_type.contains(&one.family) || one.sql_type == other.sql_type)
}
