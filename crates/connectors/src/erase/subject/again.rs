//! Asking again about a person whose rows were found before: what leads to them now, beside what was planned.
//!
//! Rows that still stand lead on as they did. Where a row is deleted, or a column by which it led is
//! changed, the values it led by were kept: rows that have come to hold them, or their pseudonyms, are the
//! person's too.

use std::collections::BTreeMap;

use domain::datamap::DataMap;
use domain::erasure::{CollectionErasure, Identity, RowAction};
use domain::schema::LiveSchema;
use serde::{Deserialize, Serialize};

use super::found::Found;
use super::queries::columns;
use super::{KEYS, Search, SubjectRead, SubjectRows};
use crate::erase::write::EraseTransaction;
use crate::error::StoreError;
use crate::read::ReadTransaction;
use crate::session::Session;
use crate::sql::{self, PlanError};

/// The values by which rows led to others, and that the erasure takes away. `Debug` shows none of them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Led(Vec<LedBy>);

/// The values of one link.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedBy {
    /// The collection whose rows led, as `dataset.collection`.
    pub from: String,
    /// By these columns.
    pub columns: Vec<String>,
    /// To rows of this collection.
    pub to: String,
    /// Whose columns hold the same values.
    pub target_columns: Vec<String>,
    /// The values, a text for each of the columns.
    pub values: Vec<Vec<String>>,
}

impl Led {
    /// Adds values, so that rows which hold these are found too.
    pub fn add(&mut self, more: impl Fn(&LedBy) -> Vec<Vec<String>>) {
        for led in &mut self.0 {
            let more = more(led);
            led.values.extend(more);
            led.values.sort_unstable();
            led.values.dedup();
        }
    }

    /// These and those of another store.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl SubjectRead {
    /// Reads the values by which the person's rows lead on and that the erasure takes away.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn leading(
        &self,
        transaction: &ReadTransaction,
        rows: &SubjectRows,
        erasures: &[&CollectionErasure],
    ) -> Result<Led, StoreError> {
        let mut led = Led::default();
        for link in self.links.iter().filter(|link| is_cut(&link.from, &link.columns, erasures)) {
            let mut values = Vec::new();
            let own = rows.own.get(&link.from).map(Vec::as_slice).unwrap_or_default();
            for keys in own.chunks(KEYS) {
                let keys = [columns(keys, link.values.width)];
                values.extend(link.values.keys(transaction.session()?, &keys).await?);
            }
            values.sort_unstable();
            values.dedup();
            let (from, to) = (link.from.clone(), link.to.clone());
            let (columns, target_columns) = (link.columns.clone(), link.target_columns.clone());
            led.0.push(LedBy { from, columns, to, target_columns, values });
        }
        Ok(led)
    }

    async fn again(
        &self,
        session: &Session,
        identity: &Identity,
        (planned, led): (&BTreeMap<String, Vec<Vec<String>>>, &Led),
    ) -> Result<SubjectRows, StoreError> {
        let mut search = Search { session, read: self, found: Found::default() };
        for (collection, keys) in planned {
            search.found.own(collection, keys.clone());
        }
        search.led(led).await?;
        search.all(identity).await?;
        Ok(SubjectRows { unlinking: self.unlinking.clone(), ..search.found.rows() })
    }
}

/// Whether the erasure takes away what the rows of the collection lead by.
fn is_cut(from: &str, columns: &[String], erasures: &[&CollectionErasure]) -> bool {
    let of = erasures.iter().filter(|erasure| erasure.collection == from);
    of.into_iter().any(|erasure| match &erasure.action {
        RowAction::Delete => true,
        action @ (RowAction::Anonymise(_) | RowAction::Unlink(_)) => {
            action.changes().iter().any(|change| columns.contains(&change.column))
        }
    })
}

impl Search<'_> {
    /// What holds the values that rows led by.
    async fn led(&mut self, led: &Led) -> Result<(), StoreError> {
        for LedBy { from, columns: by, to, target_columns, values } in &led.0 {
            let same = |link: &&super::LinkRead| {
                link.from == *from
                    && link.to == *to
                    && link.columns == *by
                    && link.target_columns == *target_columns
            };
            let Some(link) = self.read.links.iter().find(same) else { continue };
            for values in values.chunks(KEYS) {
                let values = [columns(values, by.len())];
                let reached = link.holding.keys(self.session, &values).await?;
                self.found.add(&link.to, &link.then, reached);
            }
        }
        Ok(())
    }
}

impl ReadTransaction {
    /// Finds the rows of a person again: those that were planned, and what has come to lead to the person
    /// since. Rows that are gone are among them still.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resolve_again(
        &self,
        read: &SubjectRead,
        identity: &Identity,
        before: (&BTreeMap<String, Vec<Vec<String>>>, &Led),
    ) -> Result<SubjectRows, StoreError> {
        read.again(self.session()?, identity, before).await
    }
}

impl EraseTransaction {
    /// As [`ReadTransaction::resolve_again`], in a transaction that erases.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resolve_again(
        &self,
        read: &SubjectRead,
        identity: &Identity,
        before: (&BTreeMap<String, Vec<Vec<String>>>, &Led),
    ) -> Result<SubjectRows, StoreError> {
        read.again(self.session(), identity, before).await
    }
}

/// The column of a link, as the live schema has it: what its values look like.
///
/// # Errors
/// When the live schema has not the column.
pub fn led_column<'s>(
    map: &DataMap,
    schema: &'s LiveSchema,
    (collection, column): (&str, &str),
) -> Result<&'s domain::schema::LiveColumn, PlanError> {
    let found = map.collection(collection).ok_or_else(|| PlanError::NoCollection(collection.to_owned()))?;
    sql::live_column(schema, &found.table, column)
}
