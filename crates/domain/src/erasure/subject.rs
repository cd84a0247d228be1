//! One person inside an organisation: how the rows are found, and what happens to them.
//!
//! From the fields that hold an identity the way leads along the references of the data map. A row
//! that refers to a row of the person is the person's too; a row that the person's row refers to is
//! so only where no other row refers to it. Rows that several persons share are never changed
//! beyond the column that leads to this one, and nothing is found through them. Nor is anything
//! found through the organisations' own table, or through references of a table to itself: who
//! answers a message is somebody else.

pub(super) mod places;
pub(super) mod references;
pub(super) mod walk;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::datamap::{DataMap, Strategy};
use crate::schema::LiveSchema;

use super::change::FieldChange;
use super::facts::StoreFacts;
use super::guard::Guard;
use super::keys;
use super::obstacle::{Obstacle, ObstacleKind};
use super::plan::{self, ErasurePlan, Target};
use places::Places;

/// How the rows of a person are found, and what happens to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectErasurePlan {
    /// How they are found.
    pub traversal: Traversal,
    /// What happens to them. A collection may be in it more than once: with its own action, and with
    /// columns that are unlinked in other rows.
    pub plan: ErasurePlan,
}

/// How the rows of a person are found. It holds names and no values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Traversal {
    /// The type of the identity.
    pub identity_type: String,
    /// Where the identity itself stands.
    pub seeds: Vec<Seed>,
    /// Where the way leads from rows that are found, in an order in which each is followed after
    /// those that lead to it, as far as there is no circle.
    pub links: Vec<Link>,
}

/// A field that holds the identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seed {
    /// The collection as `dataset.collection`.
    pub collection: String,
    /// The subject store that holds it.
    pub store: String,
    /// The column.
    pub column: String,
    /// What a row is to the person.
    pub then: Reached,
}

/// A way from rows that are found to others of the same store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The store.
    pub store: String,
    /// The collection whose rows are found.
    pub from: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The collection that is reached.
    pub to: String,
    /// Its columns, which hold the same values in the same order.
    pub target_columns: Vec<String>,
    /// What a row that is reached is to the person.
    pub then: Reached,
}

/// What a row that is reached is to the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// The person's own: it gets its collection's action, and leads on.
    Own,
    /// Shared with others: these columns of it, which lead to the person, are set to NULL.
    Unlink(Vec<String>),
    /// Shared with others, and what leads to the person may not be NULL: it is left and reported.
    Left,
    /// The person's own, unless a row that is not the person's refers to it.
    Unless(Unless),
}

/// A row to which rows of the person refer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unless {
    /// Whether it is shared whoever refers to it, because the data map says so.
    pub shared: bool,
    /// By which keys rows can refer to it. Rows of the person do not count.
    pub others: Vec<Guard>,
    /// The columns of the person's row that are set to NULL where it is left; none where they may
    /// not be, or where that row goes or lets go anyway.
    pub unlink: Vec<String>,
}

/// Plans how the rows of a person are found. Exports of a person need no more.
///
/// # Errors
/// Everything that stands in the way, sorted: then rows could be missed, or be somebody else's.
pub fn traversal(
    map: &DataMap,
    live: &BTreeMap<String, LiveSchema>,
    facts: &BTreeMap<String, StoreFacts>,
    identity_type: &str,
) -> Result<Traversal, Vec<Obstacle>> {
    let places = Places::of(map, live, facts);
    let mut obstacles = Vec::new();
    let traversal = walk::walk(&places, identity_type, &mut obstacles);
    if obstacles.is_empty() { Ok(traversal) } else { Err(plan::sorted(obstacles)) }
}

/// Plans the erasure of a person's rows, found by an identity of this type. `live` and `facts` are
/// keyed by store name.
///
/// # Errors
/// Everything that stands in the way, sorted; then nothing may be written.
pub fn plan_subject(
    map: &DataMap,
    live: &BTreeMap<String, LiveSchema>,
    facts: &BTreeMap<String, StoreFacts>,
    identity_type: &str,
) -> Result<SubjectErasurePlan, Vec<Obstacle>> {
    let places = Places::of(map, live, facts);
    let mut obstacles = Vec::new();
    let traversal = walk::walk(&places, identity_type, &mut obstacles);
    let planned = plan::assemble(map, live, facts, |store, schema| {
        let targets = targets(&traversal, plan::targets(map, store, schema));
        threaded(&targets, facts.get(store), &mut obstacles);
        targets
    });
    match planned {
        Ok(plan) if obstacles.is_empty() => Ok(SubjectErasurePlan { traversal, plan }),
        planned => {
            obstacles.extend(planned.err().into_iter().flatten());
            Err(plan::sorted(obstacles))
        }
    }
}

/// What is done to the collections that are reached: their own action, and what is unlinked.
fn targets<'a>(traversal: &Traversal, all: Vec<Target<'a>>) -> Vec<Target<'a>> {
    let own = traversal.own();
    let mut unlinked: BTreeSet<(&str, &[String])> = BTreeSet::new();
    for (path, columns) in traversal.unlinked() {
        unlinked.insert((path, columns));
    }
    let mut targets = Vec::new();
    for target in all {
        let emptied = unlinked.iter().filter(|(path, _)| *path == target.path);
        targets.extend(emptied.map(|(_, columns)| target.unlinking(columns)));
        if own.contains(target.path.as_str()) && target.acts() {
            targets.push(target);
        }
    }
    targets
}

/// A table whose rows refer to each other: those of one person cannot be deleted from it, since rows
/// of others may answer them.
fn threaded(targets: &[Target<'_>], facts: Option<&StoreFacts>, obstacles: &mut Vec<Obstacle>) {
    let deleted = targets.iter().filter(|target| target.deletes());
    for (target, facts) in deleted.filter_map(|target| Some((target, facts?))) {
        let table = target.table();
        let own = keys::referring(facts, table).filter(|(referring, _)| *referring == table);
        obstacles.extend(own.map(|(_, key)| {
            Obstacle::new(
                ObstacleKind::Reference,
                (table, None),
                format!("rows of other persons may refer to those of one person by `{}`", key.name),
                "anonymise the rows of this collection instead of deleting them",
            )
        }));
    }
}

impl Traversal {
    /// The collections of which rows are the person's own, as `dataset.collection`.
    #[must_use]
    pub fn own(&self) -> BTreeSet<&str> {
        let reached = self.seeds.iter().map(|seed| (&seed.collection, &seed.then));
        let reached = reached.chain(self.links.iter().map(|link| (&link.to, &link.then)));
        reached.filter(|(_, then)| then.may_be_own()).map(|(path, _)| path.as_str()).collect()
    }

    /// The collections, and the columns of them that are unlinked in those rows that turn out to be
    /// shared, if there are any.
    pub fn unlinked(&self) -> impl Iterator<Item = (&str, &[String])> {
        let seeds = self.seeds.iter().map(|seed| (seed.collection.as_str(), "", &seed.then));
        let links = self.links.iter().map(|link| (link.to.as_str(), link.from.as_str(), &link.then));
        seeds.chain(links).filter_map(|(to, from, then)| match then {
            Reached::Unlink(columns) => Some((to, columns.as_slice())),
            Reached::Unless(unless) if !unless.unlink.is_empty() => Some((from, unless.unlink.as_slice())),
            _ => None,
        })
    }
}

impl Reached {
    /// Whether the row may be the person's own.
    #[must_use]
    pub fn may_be_own(&self) -> bool {
        match self {
            Self::Own => true,
            Self::Unless(unless) => !unless.shared,
            Self::Unlink(_) | Self::Left => false,
        }
    }
}

impl Target<'_> {
    /// The same collection, with nothing done to its rows but that these columns are emptied.
    pub(super) fn unlinking(&self, columns: &[String]) -> Self {
        let empty = |column: &String| FieldChange::new(column, Strategy::Null);
        Self {
            root: false,
            unlinks: true,
            changes: Some(columns.iter().map(empty).collect()),
            ..self.clone()
        }
    }
}
