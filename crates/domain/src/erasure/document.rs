//! The plan as people see it before anything is erased, and what the steps report afterwards.
//!
//! All of it is kept with the job and shown to its owner, so none of it holds a value of a row: only
//! names of collections, columns and strategies, numbers, and the shapes of samples.

#[cfg(test)]
mod tests;
mod verified;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::datamap::{Effect, Strategy};
use crate::schema::TableName;

use super::change::FieldChange;
pub use super::decided::{Decided, decided};
pub use super::kept::KeptColumns;
use super::plan::RowAction;
use super::unindexed::Unindexed;

pub use verified::{LeftOver, NotWaitedFor, OpenAtCutoff, Undecided, VerifyResult};

pub use super::media_result::MediaResult;

/// What an erasure will do, collection by collection, in the order in which it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// The type of the identity by which the person was found; absent for a whole organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_type: Option<String>,
    /// Whether nobody was found by that identity, so that there is nothing to erase.
    #[serde(default)]
    pub nobody_found: bool,
    /// Tokens to be revoked and erased, by collection.
    pub tokens: Vec<Objects>,
    /// Media objects to be deleted, by collection.
    pub media: Vec<Objects>,
    /// Rows, by collection.
    pub collections: Vec<CollectionPlan>,
    /// Columns with personal data that stay as they are, because the data map says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptColumns>,
    /// Columns with personal data in collections to which nothing leads from the person's identity: rows of
    /// theirs were not looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<KeptColumns>,
    /// Constraints of which it is not known that every row will keep them: only a sample was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unproven: Vec<Unproven>,
    /// References to rows that are deleted, of which no index finds what refers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unindexed: Vec<Unindexed>,
    /// SHA-256 in hexadecimal digits over what is decided: whose rows of which collections of which
    /// organisation, how they are found, how many they are, what is done to which columns, and which holds keep
    /// rows. Samples do not count. Plans of earlier versions left out the organisation, the references and the
    /// numbers.
    pub plan_hash: String,
    /// What was tried on the stores before; absent from plans that were made without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Rehearsal>,
}

/// What was tried on the stores, and undone, before an erasure is begun: what it tells, and what it cannot
/// tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// How many rows were changed or deleted for a moment.
    pub rows: i64,
    /// Tables of which nothing was tried, or too little.
    pub not_sampled: Vec<NotSampled>,
    /// Triggers that may do what no rollback undoes.
    pub outside: Vec<OutsideTrigger>,
}

/// A table of which nothing was tried, or too little.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotSampled {
    /// The table.
    pub table: TableName,
    /// Why.
    pub why: String,
}

/// A trigger that fires and may act outside the transaction that fires it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideTrigger {
    /// Its table.
    pub table: TableName,
    /// The trigger.
    pub trigger: String,
    /// What in it leads outside.
    pub why: String,
}

/// A constraint that could not be asked of all rows that change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unproven {
    /// The table.
    pub table: TableName,
    /// The constraint, in words.
    pub constraint: String,
    /// The columns that change and that it reads.
    pub columns: Vec<String>,
    /// Why it could not.
    pub why: String,
}

/// So many objects that the rows of a collection name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    /// The collection as `dataset.collection`.
    pub collection: String,
    /// How many.
    pub count: i64,
}

/// What happens to the rows of one collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionPlan {
    /// The collection as `dataset.collection`.
    pub collection: String,
    /// The subject store.
    pub store: String,
    /// The table.
    pub table: TableName,
    /// `delete`, `anonymise` or `unlink`.
    pub action: String,
    /// The columns that change; empty when rows are deleted.
    pub fields: Vec<FieldPlan>,
    /// How many rows it happens to.
    pub rows: i64,
    /// Rows that stay because of a legal hold.
    pub retained: Vec<RetainedRows>,
    /// Rows that stay because they are of others too.
    pub shared: i64,
    /// Rows that stay because others still refer to them.
    pub referred: i64,
    /// Rows that stay because their time is after the cutoff.
    #[serde(default)]
    pub later: i64,
}

/// What happens to one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldPlan {
    /// The column.
    pub column: String,
    /// The strategy's name.
    pub strategy: String,
    /// What the law calls the outcome.
    pub effect: Effect,
    /// Shapes of some values that will change: letters as `x`, digits as `9`.
    #[serde(default)]
    pub samples: Vec<String>,
}

/// Rows that a legal hold keeps (Art. 17(3)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetainedRows {
    /// The hold.
    pub hold: Uuid,
    /// Its ground, by name.
    pub ground: String,
    /// How many rows.
    pub rows: i64,
}

/// What a step over the rows of a collection did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsResult {
    /// Rows changed or deleted, by the journal.
    pub rows: i64,
    /// In so many batches.
    pub batches: i64,
}

impl FieldPlan {
    /// What a strategy does to a column, without samples.
    #[must_use]
    pub fn of(column: &str, strategy: &Strategy) -> Self {
        Self {
            column: column.to_owned(),
            strategy: strategy.name().to_owned(),
            effect: strategy.effect(),
            samples: Vec::new(),
        }
    }
}

impl RowAction {
    /// The action's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Anonymise(_) => "anonymise",
            Self::Unlink(_) => "unlink",
        }
    }

    /// What is done to columns; nothing to those of rows that go as a whole.
    #[must_use]
    pub fn changes(&self) -> Cow<'_, [FieldChange]> {
        let empty = |column: &String| FieldChange::new(column, Strategy::Null);
        match self {
            Self::Delete => Cow::Borrowed(&[]),
            Self::Anonymise(changes) => Cow::Borrowed(changes),
            Self::Unlink(columns) => columns.iter().map(empty).collect(),
        }
    }

    /// The same as people see it.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldPlan> {
        self.changes().iter().map(|change| FieldPlan::of(&change.column, &change.strategy)).collect()
    }
}
