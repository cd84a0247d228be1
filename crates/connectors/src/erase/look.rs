//! Looking for what is left: over fresh connections, on the primary, as many side by side as the role may
//! hold.

use std::collections::BTreeMap;
use std::fmt;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::config::StoreConfig;
use crate::erase::cost::whole_is_cheaper;
use crate::erase::journal::Writers;
use crate::erase::verify::{Remainder, Verification};
use crate::error::StoreError;
use crate::pool::SubjectStore;

/// What was found of some rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// What should be gone and is not.
    pub remainders: Vec<Remainder>,
    /// Rows that somebody else wrote after the job, in columns of which no query over values can tell
    /// whether they were put back.
    pub undecided: Vec<Remainder>,
    /// Rows that a hold keeps, and in which something stands still; each counted for the first hold that
    /// keeps it, and for nothing else.
    pub held: BTreeMap<Uuid, i64>,
    /// The keys of rows that a hold keeps, as far as they were asked for and could be had.
    pub keys: BTreeMap<Uuid, RowKeys>,
    /// Rows that are left because they lead to another organisation too.
    pub shared: i64,
    /// Rows that are left because rows that stay refer to them.
    pub guarded: i64,
    /// Rows that were made after the cutoff.
    pub later: i64,
}

/// The primary keys of rows. `Debug` shows none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RowKeys(pub Vec<Vec<String>>);

impl fmt::Debug for RowKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowKeys").field("rows", &self.0.len()).finish()
    }
}

impl Looked {
    pub(super) fn read(verification: &Verification, row: &Row) -> Result<Self, tokio_postgres::Error> {
        let mut at = 0..row.len();
        let mut next = || at.next().map_or(Ok(0), |at| row.try_get::<_, i64>(at));
        let mut looked = Self { later: next()?, shared: next()?, guarded: next()?, ..Self::default() };
        for hold in &verification.holds {
            let rows = next()?;
            let known = looked.held.entry(*hold).or_default();
            *known = known.saturating_add(rows);
        }
        let left = |column: &Option<String>, rows| {
            let table = verification.table()?.clone();
            (rows > 0).then(|| Remainder { table, column: column.clone(), rows })
        };
        for column in verification.values() {
            looked.remainders.extend(left(column, next()?));
        }
        if !verification.unverifiable().is_empty() {
            let (never, since) = (next()?, next()?);
            for column in verification.unverifiable() {
                looked.remainders.extend(left(&Some(column.clone()), never));
                looked.undecided.extend(left(&Some(column.clone()), since));
            }
        }
        Ok(looked)
    }

    /// These and others of the same collection.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        add(&mut self.remainders, other.remainders);
        add(&mut self.undecided, other.undecided);
        for (hold, RowKeys(keys)) in other.keys {
            self.keys.entry(hold).or_default().0.extend(keys);
        }
        for (hold, rows) in other.held {
            let known = self.held.entry(hold).or_default();
            *known = known.saturating_add(rows);
        }
        self.shared = self.shared.saturating_add(other.shared);
        self.guarded = self.guarded.saturating_add(other.guarded);
        self.later = self.later.saturating_add(other.later);
        self
    }
}

fn add(known: &mut Vec<Remainder>, more: Vec<Remainder>) {
    for one in more {
        match known.iter_mut().find(|known| known.table == one.table && known.column == one.column) {
            Some(known) => known.rows = known.rows.saturating_add(one.rows),
            None => known.push(one),
        }
    }
}

/// Looks for what is left, one answer for each verification: on the primary, since a replica may be behind,
/// over connections of its own, up to as many at once as the settings allow.
///
/// # Errors
/// When the store fails.
pub async fn look(
    config: &StoreConfig,
    verifications: &[Verification],
    writers: &Writers,
) -> Result<Vec<Looked>, StoreError> {
    look_and_name(config, verifications, None, writers, 0).await
}

/// As [`look`], with the keys of the rows that a hold keeps: of one that lists its rows always, of others where an
/// answer has up to `most` of them. Where a verification of all these rows at once is given and the server
/// expects it to cost less, it is asked instead, and there is one answer.
///
/// # Errors
/// When the store fails.
pub async fn look_and_name(
    config: &StoreConfig,
    parts: &[Verification],
    whole: Option<&Verification>,
    writers: &Writers,
    most: u32,
) -> Result<Vec<Looked>, StoreError> {
    let (store, at_once) = fresh(config)?;
    let verifications = match whole {
        Some(whole) if whole_is_cheaper(&store, at_once, whole, parts, writers).await? => {
            std::slice::from_ref(whole)
        }
        _ => parts,
    };
    let mut asked = Vec::with_capacity(verifications.len());
    for verification in verifications {
        asked.push(ask(&store, verification, (writers, most)));
    }
    stream::iter(asked).buffered(at_once).try_collect().await
}

async fn ask(
    store: &SubjectStore,
    verification: &Verification,
    (writers, most): (&Writers, u32),
) -> Result<Looked, StoreError> {
    let transaction = store.begin_read().await?;
    let mut looked = verification.look(transaction.session()?, writers).await?;
    verification.name_held(transaction.session()?, (writers, most), &mut looked).await?;
    transaction.finish().await?;
    Ok(looked)
}

/// The keys of up to `most` rows in which something is left; `None` where the table has no primary key.
///
/// # Errors
/// When the store fails.
pub async fn look_for_keys(
    config: &StoreConfig,
    verification: &Verification,
    (writers, most): (&Writers, u32),
) -> Result<Option<Vec<Vec<String>>>, StoreError> {
    let (store, _) = fresh(config)?;
    let transaction = store.begin_read().await?;
    let keys = verification.keys(transaction.session()?, (writers, most)).await?;
    transaction.finish().await?;
    Ok(keys)
}

/// What is left in all.
///
/// # Errors
/// When the store fails.
pub async fn verify(
    config: &StoreConfig,
    verifications: &[Verification],
) -> Result<Vec<Remainder>, StoreError> {
    let looked = look(config, verifications, &Writers::default()).await?;
    Ok(looked.into_iter().flat_map(|looked| looked.remainders).collect())
}

/// Whether the role may look for all of this. Nothing is read: the server plans the queries, and checks
/// what the role may do.
///
/// # Errors
/// When it may not, or the store fails.
pub async fn can_verify(config: &StoreConfig, verifications: &[Verification]) -> Result<(), StoreError> {
    let (store, _) = fresh(config)?;
    let transaction = store.begin_read().await?;
    for verification in verifications {
        verification.explain(transaction.session()?).await?;
    }
    transaction.finish().await
}

/// The primary over new connections, and how many of them may be open.
fn fresh(config: &StoreConfig) -> Result<(SubjectStore, usize), StoreError> {
    Ok((SubjectStore::connect(&config.of_primary())?, config.max_connections.max(1)))
}
