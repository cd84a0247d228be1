//! Legal holds: the body that places one, and how they are shown. What they are found by goes in and
//! never comes out.

mod scope;
mod vocabulary;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::export::plain_name;

pub use scope::{
    ComparedView, ComparisonBody, HeldCollection, HeldOrganisation, HeldPerson, HeldPersonView, HeldRows,
    HeldRowsView, HeldSubject, HeldSubjectView, HoldScopeBody, HoldScopeView, RowsBody, RowsView,
};
pub use vocabulary::{HoldGround, Operator};

/// Places a legal hold (Art. 17(3)): what it covers is not erased until it is released.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    /// What must not be erased.
    pub scope: HoldScopeBody,
    /// Why it may be kept.
    #[serde(deserialize_with = "plain_name")]
    pub ground: HoldGround,
    /// Who answers for it: a role or a department rather than a name.
    #[schema(min_length = 1, max_length = 200)]
    pub owner: String,
    /// The day on which somebody looks whether it is still needed; not in the past. It does not end by itself.
    #[serde(deserialize_with = "day")]
    pub review_on: NaiveDate,
}

/// Reads a day, so that an error says how one is written.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom("expected a date as 2027-01-31"))
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldView {
    /// Its id.
    pub id: Uuid,
    /// What must not be erased, without the values that it is found by.
    pub scope: HoldScopeView,
    /// Why it may be kept.
    pub ground: HoldGround,
    /// Who answers for it.
    pub owner: String,
    /// The day on which somebody looks whether it is still needed.
    pub review_on: NaiveDate,
    /// Since when it holds.
    pub placed_at: DateTime<Utc>,
    /// Who placed it.
    pub placed_by: String,
    /// Since when it holds no longer.
    pub released_at: Option<DateTime<Utc>>,
    /// Who released it.
    pub released_by: Option<String>,
    /// Where to go from here: `self`, `release`.
    pub links: BTreeMap<String, String>,
}

/// A page of the organisation's holds, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldPage {
    /// The holds.
    pub holds: Vec<HoldView>,
    /// Where the next page begins; absent on the last.
    pub next_cursor: Option<String>,
}

/// A hold that was released, and what comes of that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleasedHold {
    /// The hold.
    pub hold: HoldView,
    /// The jobs that now erase what earlier ones left because of it.
    pub jobs: Vec<DeferredJob>,
}

/// A job that erases what an earlier one left because of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeferredJob {
    /// The job's id.
    pub id: Uuid,
    /// Where it is: `self`.
    pub links: BTreeMap<String, String>,
}
