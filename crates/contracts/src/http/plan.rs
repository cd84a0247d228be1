//! The plan of an erasure, as it is shown before anything is erased. No value of a row is in it.

use domain::datamap::Effect;
use domain::erasure::Unindexed;
use domain::erasure::document::{
    CollectionPlan, FieldPlan, KeptColumns, Objects, PlanDocument, RetainedRows, Unproven,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::rehearsal::RehearsalView;

/// What an erasure will do, collection by collection, in the order in which it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// Of which pass it is, where it is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<i32>,
    /// The type of the identity by which the person was found; absent for a whole organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_type: Option<String>,
    /// Whether nobody was found by that identity, so that there is nothing to erase.
    pub nobody_found: bool,
    /// Tokens to be revoked and erased, by collection.
    pub tokens: Vec<ObjectsView>,
    /// Media objects to be deleted, by collection.
    pub media: Vec<ObjectsView>,
    /// Rows, by collection.
    pub collections: Vec<CollectionPlanView>,
    /// Columns with personal data that stay as they are, because the data map says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptColumnsView>,
    /// Columns with personal data in collections to which nothing leads from the person's identity: rows of
    /// theirs were not looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<KeptColumnsView>,
    /// Constraints of which it is not known that every row will keep them: only a sample was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unproven: Vec<UnprovenView>,
    /// References to rows that are deleted, of which no index finds what refers: to delete each row the server
    /// may read all of the referring table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unindexed: Vec<UnindexedView>,
    /// SHA-256 in hex over what is decided: whose rows, how they are found and how many they are, what is done
    /// to them, and which holds keep some. Equal for equal decisions of one organisation.
    pub plan_hash: String,
    /// What was tried on the stores, and undone; absent from plans that were made without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<RehearsalView>,
}

/// A constraint that could not be asked of all rows that change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnprovenView {
    /// The table, with its schema.
    pub table: String,
    /// The constraint, in words.
    pub constraint: String,
    /// The columns that change and that it reads.
    pub columns: Vec<String>,
    /// Why it could not.
    pub why: String,
}

/// Columns of one collection with personal data that stays, or was not looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptColumnsView {
    /// `dataset.collection`.
    pub collection: String,
    /// The columns.
    pub columns: Vec<String>,
}

impl From<KeptColumns> for KeptColumnsView {
    fn from(KeptColumns { collection, columns }: KeptColumns) -> Self {
        Self { collection, columns }
    }
}

/// A reference to rows that are deleted, of which no index finds what refers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnindexedView {
    /// The referring table, with its schema.
    pub table: String,
    /// The columns by which it refers.
    pub columns: Vec<String>,
    /// The table of which rows are deleted, with its schema.
    pub target: String,
}

/// So many objects that the rows of a collection name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectsView {
    /// `dataset.collection`.
    pub collection: String,
    /// How many.
    pub count: i64,
}

/// What happens to the rows of one collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollectionPlanView {
    /// `dataset.collection`.
    pub collection: String,
    /// The subject store.
    pub store: String,
    /// The table, with its schema.
    pub table: String,
    /// `delete`, `anonymise` or `unlink`.
    pub action: String,
    /// The columns that change; empty when rows are deleted.
    pub fields: Vec<FieldPlanView>,
    /// How many rows it happens to.
    pub rows: i64,
    /// Rows that stay because of a legal hold.
    pub retained: Vec<RetainedRowsView>,
    /// Rows that stay because they are of others too.
    pub shared: i64,
    /// Rows that stay because others still refer to them.
    pub referred: i64,
    /// Rows that stay because their time is after the cutoff.
    #[serde(default)]
    pub later: i64,
}

/// What happens to one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldPlanView {
    /// The column.
    pub column: String,
    /// The strategy's name.
    pub strategy: String,
    /// What the law calls the outcome.
    pub effect: EffectName,
    /// Shapes of some values that will change: letters as `x`, digits as `9`.
    pub samples: Vec<String>,
}

/// What the law calls the outcome of a strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectName {
    /// Irreversible: no longer personal data (Recital 26).
    Anonymised,
    /// Replaced by a token that a key holder can recompute: still personal data (Art. 4(5)).
    Pseudonymised,
    /// Unchanged.
    Kept,
}

/// Rows that a legal hold keeps (Art. 17(3)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetainedRowsView {
    /// The hold.
    pub hold: Uuid,
    /// Its ground: `expression`, `legal_obligation`, `public_health`, `archiving` or `legal_claims`.
    pub ground: String,
    /// How many rows.
    pub rows: i64,
}

impl From<PlanDocument> for PlanView {
    fn from(document: PlanDocument) -> Self {
        let PlanDocument {
            identity_type,
            nobody_found,
            tokens,
            media,
            collections,
            kept,
            unreached,
            unproven,
            unindexed,
            plan_hash,
            rehearsal,
        } = document;
        Self {
            pass: None,
            identity_type,
            nobody_found,
            tokens: tokens.into_iter().map(ObjectsView::from).collect(),
            media: media.into_iter().map(ObjectsView::from).collect(),
            collections: collections.into_iter().map(CollectionPlanView::from).collect(),
            kept: kept.into_iter().map(KeptColumnsView::from).collect(),
            unreached: unreached.into_iter().map(KeptColumnsView::from).collect(),
            unproven: unproven.into_iter().map(UnprovenView::from).collect(),
            unindexed: unindexed.into_iter().map(UnindexedView::from).collect(),
            plan_hash,
            rehearsal: rehearsal.map(RehearsalView::from),
        }
    }
}

impl From<Unproven> for UnprovenView {
    fn from(Unproven { table, constraint, columns, why }: Unproven) -> Self {
        Self { table: table.to_string(), constraint, columns, why }
    }
}

impl From<Unindexed> for UnindexedView {
    fn from(Unindexed { table, columns, target }: Unindexed) -> Self {
        Self { table: table.to_string(), columns, target: target.to_string() }
    }
}

impl From<Objects> for ObjectsView {
    fn from(Objects { collection, count }: Objects) -> Self {
        Self { collection, count }
    }
}

impl From<CollectionPlan> for CollectionPlanView {
    fn from(plan: CollectionPlan) -> Self {
        let CollectionPlan {
            collection,
            store,
            table,
            action,
            fields,
            rows,
            retained,
            shared,
            referred,
            later,
        } = plan;
        Self {
            collection,
            store,
            table: table.to_string(),
            action,
            fields: fields.into_iter().map(FieldPlanView::from).collect(),
            rows,
            retained: retained.into_iter().map(RetainedRowsView::from).collect(),
            shared,
            referred,
            later,
        }
    }
}

impl From<FieldPlan> for FieldPlanView {
    fn from(FieldPlan { column, strategy, effect, samples }: FieldPlan) -> Self {
        let effect = match effect {
            Effect::Anonymised => EffectName::Anonymised,
            Effect::Pseudonymised => EffectName::Pseudonymised,
            Effect::Kept => EffectName::Kept,
        };
        Self { column, strategy, effect, samples }
    }
}

impl From<RetainedRows> for RetainedRowsView {
    fn from(RetainedRows { hold, ground, rows }: RetainedRows) -> Self {
        Self { hold, ground, rows }
    }
}
