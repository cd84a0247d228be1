//! What was tried of an erasure before it is begun, as it is shown.

use domain::erasure::document::{NotSampled, OutsideTrigger, Rehearsal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was tried on the stores, and undone, before an erasure is begun: what it tells, and what it cannot
/// tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RehearsalView {
    /// How many rows were changed or deleted for a moment.
    pub rows: i64,
    /// Tables of which nothing was tried, or too little.
    pub not_sampled: Vec<NotSampledView>,
    /// Triggers that may do what no rollback undoes.
    pub outside: Vec<OutsideTriggerView>,
}

/// A table of which nothing was tried, or too little.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotSampledView {
    /// The table, with its schema.
    pub table: String,
    /// Why.
    pub why: String,
}

/// A trigger that fires and may act outside the transaction that fires it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutsideTriggerView {
    /// Its table, with its schema.
    pub table: String,
    /// The trigger.
    pub trigger: String,
    /// What in it leads outside.
    pub why: String,
}

impl From<Rehearsal> for RehearsalView {
    fn from(Rehearsal { rows, not_sampled, outside }: Rehearsal) -> Self {
        let table = |NotSampled { table, why }| NotSampledView { table: table.to_string(), why };
        let trigger = |OutsideTrigger { table, trigger, why }| OutsideTriggerView {
            table: table.to_string(),
            trigger,
            why,
        };
        Self {
            rows,
            not_sampled: not_sampled.into_iter().map(table).collect(),
            outside: outside.into_iter().map(trigger).collect(),
        }
    }
}
