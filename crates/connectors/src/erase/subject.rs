//! The rows of one person, found along the traversal that the data map gives.
//!
//! Each step is one query for many keys, and each query carries the tenant's predicate. Keys that
//! are found are followed until there are no new ones; then it is decided which of the rows that
//! the person's rows refer to are the person's alone, and these are followed in turn.

mod again;
mod candidates;
mod found;
mod queries;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use domain::datamap::DataMap;
use domain::erasure::subject::{Reached, Unless};
use domain::erasure::{CollectionErasure, Identity, RowAction, Traversal};
use domain::id::OrganisationId;
use domain::schema::LiveSchema;

use crate::erase::write::EraseTransaction;
use crate::error::StoreError;
use crate::read::ReadTransaction;
use crate::session::Session;
use crate::sql::PlanError;
pub use again::{Led, LedBy, led_column};
use found::Found;
use queries::{Columns, Planner, Query, columns};

/// So many keys are followed by one query.
const KEYS: usize = 10_000;

/// A primary key, a text for each of its columns.
type Key = Vec<String>;

/// How the rows of a person are read from one store.
pub struct SubjectRead {
    seeds: Vec<SeedRead>,
    links: Vec<LinkRead>,
    /// By the collection that is referred to.
    decisions: BTreeMap<String, Decision>,
    unlinking: BTreeSet<(String, Vec<String>)>,
}

/// The rows that hold the identity, by the domain's own comparison.
struct SeedRead {
    collection: String,
    then: Reached,
    query: Query,
}

struct LinkRead {
    from: String,
    columns: Vec<String>,
    to: String,
    target_columns: Vec<String>,
    then: Reached,
    /// The keys of the rows that are reached from rows with these keys.
    reached: Query,
    /// The keys of those among the referring rows that refer to rows which are left.
    referring: Option<Query>,
    /// The values by which rows with these keys lead.
    values: Query,
    /// The keys of the rows that hold these values.
    holding: Query,
}

/// Which of the rows that are referred to are referred to by rows of the person only.
struct Decision {
    query: Query,
    /// The collections whose rows of the person do not count, in the order of the parameters.
    own: Vec<String>,
}

/// The primary keys of a person's rows. `Debug` shows none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SubjectRows {
    /// The person's own, by collection.
    pub own: BTreeMap<String, Vec<Vec<String>>>,
    /// Rows in which these columns are unlinked, by collection.
    pub unlinked: BTreeMap<String, BTreeMap<Vec<String>, Vec<Vec<String>>>>,
    /// Rows that are left as they are because others share them, by collection.
    pub left: BTreeMap<String, Vec<Vec<String>>>,
    /// What the traversal may unlink, whether or not there are such rows.
    unlinking: BTreeSet<(String, Vec<String>)>,
}

impl SubjectRead {
    /// Plans the reading from one store of the rows that were there at the cutoff, or of all there are.
    ///
    /// # Errors
    /// When the live schema has not what the map or the traversal needs.
    pub fn plan(
        traversal: &Traversal,
        map: &DataMap,
        (store, schema): (&str, &LiveSchema),
        organisation: &OrganisationId,
        cutoff_at: impl Into<Option<DateTime<Utc>>>,
    ) -> Result<Self, PlanError> {
        let cutoff_at = cutoff_at.into();
        let planner = Planner { map, schema, store, organisation, cutoff_at };
        let (mut seeds, mut links, mut decisions) = (Vec::new(), Vec::new(), BTreeMap::new());
        for seed in traversal.seeds.iter().filter(|seed| seed.store == store) {
            let query = planner.seed(seed, &traversal.identity_type)?;
            seeds.push(SeedRead { collection: seed.collection.clone(), then: seed.then.clone(), query });
        }
        for link in traversal.links.iter().filter(|link| link.store == store) {
            let mut referring = None;
            if let Reached::Unless(unless) = &link.then {
                if !unless.unlink.is_empty() {
                    referring = Some(planner.referring(link)?);
                }
                if !unless.shared && !decisions.contains_key(&link.to) {
                    let (query, own) = planner.decision(&link.to, &unless.others)?;
                    decisions.insert(link.to.clone(), Decision { query, own });
                }
            }
            links.push(LinkRead {
                from: link.from.clone(),
                columns: link.columns.clone(),
                to: link.to.clone(),
                target_columns: link.target_columns.clone(),
                then: link.then.clone(),
                reached: planner.reached(link)?,
                referring,
                values: planner.values(link)?,
                holding: planner.holding(link)?,
            });
        }
        let unlinked = traversal.unlinked().map(|(path, columns)| (path.to_owned(), columns.to_vec()));
        Ok(Self { seeds, links, decisions, unlinking: unlinked.collect() })
    }
}

impl ReadTransaction {
    /// Finds the rows of a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resolve(&self, read: &SubjectRead, identity: &Identity) -> Result<SubjectRows, StoreError> {
        read.rows(self.session()?, identity).await
    }
}

impl EraseTransaction {
    /// As [`ReadTransaction::resolve`], in a transaction that is about to erase.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resolve(&self, read: &SubjectRead, identity: &Identity) -> Result<SubjectRows, StoreError> {
        read.rows(self.session(), identity).await
    }
}

impl SubjectRead {
    async fn rows(&self, session: &Session, identity: &Identity) -> Result<SubjectRows, StoreError> {
        let mut search = Search { session, read: self, found: Found::default() };
        search.all(identity).await?;
        Ok(SubjectRows { unlinking: self.unlinking.clone(), ..search.found.rows() })
    }
}

struct Search<'a> {
    session: &'a Session,
    read: &'a SubjectRead,
    found: Found,
}

impl Search<'_> {
    /// From the identity, and what was found already, to the end.
    async fn all(&mut self, identity: &Identity) -> Result<(), StoreError> {
        self.seeds(identity).await?;
        loop {
            self.follow().await?;
            if !self.decide().await? {
                break;
            }
        }
        self.unlink().await
    }

    async fn seeds(&mut self, identity: &Identity) -> Result<(), StoreError> {
        // No text of the server's holds a NUL, and none is taken as a parameter.
        if identity.value().contains('\0') {
            return Ok(());
        }
        for seed in &self.read.seeds {
            let keys = seed.query.identified(self.session, identity).await?;
            self.found.add(&seed.collection, &seed.then, keys);
        }
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), StoreError> {
        while let Some((collection, keys)) = self.found.fresh.pop_front() {
            for link in self.read.links.iter().filter(|link| link.from == collection) {
                for keys in keys.chunks(KEYS) {
                    let reached =
                        link.reached.keys(self.session, &[columns(keys, link.reached.width)]).await?;
                    self.found.add(&link.to, &link.then, reached);
                }
            }
        }
        Ok(())
    }

    /// Whether any candidate turned out to be the person's own.
    async fn decide(&mut self) -> Result<bool, StoreError> {
        for (collection, decision) in &self.read.decisions {
            let own = decision.own.iter().zip(&decision.query.widths);
            let own: Vec<_> = own
                .map(|(name, width)| columns(self.found.own.get(name).into_iter().flatten(), *width))
                .collect();
            for keys in self.found.open(collection).chunks(beside(&own)) {
                let mut parameters = vec![columns(keys, decision.query.width)];
                parameters.extend(own.iter().cloned());
                let alone = decision.query.keys(self.session, &parameters).await?;
                self.found.own(collection, alone);
            }
        }
        Ok(!self.found.fresh.is_empty())
    }

    /// Where rows are left to which the person's rows refer, these let go of them.
    async fn unlink(&mut self) -> Result<(), StoreError> {
        for link in &self.read.links {
            let (Some(query), Reached::Unless(Unless { unlink, .. })) = (&link.referring, &link.then) else {
                continue;
            };
            let (left, own) = (self.found.open(&link.to), self.found.own.get(&link.from));
            let own: Vec<Key> = own.into_iter().flatten().cloned().collect();
            if left.is_empty() {
                continue;
            }
            let left = columns(&left, query.widths.first().copied().unwrap_or_default());
            for keys in own.chunks(beside(std::slice::from_ref(&left))) {
                let parameters = [columns(keys, query.width), left.clone()];
                let referring = query.keys(self.session, &parameters).await?;
                if !referring.is_empty() {
                    self.found.add(&link.from, &Reached::Unlink(unlink.clone()), referring);
                }
            }
        }
        Ok(())
    }
}

/// How many keys are asked about at once where others are bound beside them in each query: no fewer than those
/// others, so that a person with more rows takes as many times longer and not the square of it.
fn beside(others: &[Columns]) -> usize {
    others.iter().filter_map(|columns| columns.first()).map(Vec::len).fold(KEYS, usize::max)
}

impl SubjectRows {
    /// The rows that an erasure of the plan is about.
    #[must_use]
    pub fn of(&self, erasure: &CollectionErasure) -> &[Vec<String>] {
        let path = &erasure.collection;
        let rows = match &erasure.action {
            RowAction::Unlink(columns) if self.unlinking.contains(&(path.clone(), columns.clone())) => {
                self.unlinked.get(path).and_then(|unlinked| unlinked.get(columns))
            }
            // One that opens a circle is about the person's own rows too.
            _ => self.own.get(path),
        };
        rows.map_or(&[], Vec::as_slice)
    }

    /// Whether nobody was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.unlinked.is_empty() && self.left.is_empty()
    }

    /// These and the rows of another store.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.own.extend(other.own);
        self.unlinked.extend(other.unlinked);
        self.left.extend(other.left);
        self.unlinking.extend(other.unlinking);
        self
    }
}

impl fmt::Debug for SubjectRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own: BTreeMap<&str, usize> =
            self.own.iter().map(|(name, keys)| (name.as_str(), keys.len())).collect();
        f.debug_struct("SubjectRows").field("own", &own).finish_non_exhaustive()
    }
}
