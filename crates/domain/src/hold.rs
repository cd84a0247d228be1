//! Legal holds: what must not be erased, on which ground, and for how long (Art. 17(3)).
//!
//! A hold says what it covers without saying whose data it is: the values that it compares with,
//! and the identity of a person, are sealed beside it. In effect it becomes [`HeldRows`] of one
//! collection, either all rows for which comparisons are true or rows listed by their keys.

mod held;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::datamap::DataMap;
use crate::id::OrganisationId;

pub use held::{Comparison, HeldRows, Hold, Operator};

/// A legal hold of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalHold {
    /// Its id.
    pub id: Uuid,
    /// The organisation whose data it holds.
    pub organisation: OrganisationId,
    /// What it holds.
    pub scope: HoldScope,
    /// Why the data may be kept.
    pub ground: HoldGround,
    /// Who answers for it.
    pub owner: String,
    /// The day on which somebody looks whether it is still needed. It does not end by itself.
    pub review_on: NaiveDate,
    /// Since when it holds.
    pub placed_at: DateTime<Utc>,
    /// Since when it holds no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<DateTime<Utc>>,
}

/// What a hold covers. The values that belong to it (an identity, one value for each comparison) are
/// sealed elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum HoldScope {
    /// Everything of the organisation.
    Organisation {},
    /// The rows of one person.
    Subject {
        /// The type of the identity by which the person is found, as the data map names it.
        identity_type: String,
    },
    /// All rows of a collection.
    Collection {
        /// The collection as `dataset.collection`.
        collection: String,
    },
    /// The rows of a collection for which all of these comparisons are true.
    Rows {
        /// The collection as `dataset.collection`.
        collection: String,
        /// What is compared, without the values.
        comparisons: Vec<Compared>,
    },
}

/// A column and how it is compared, without the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// The column.
    pub column: String,
    /// How.
    pub operator: Operator,
}

/// Why data may be kept although its erasure was asked for: the letters of Art. 17(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldGround {
    /// (a) The right of freedom of expression and information.
    Expression,
    /// (b) A legal obligation, or a task in the public interest.
    LegalObligation,
    /// (c) Public interest in the area of public health.
    PublicHealth,
    /// (d) Archiving in the public interest, research, or statistics.
    Archiving,
    /// (e) The establishment, exercise or defence of legal claims.
    LegalClaims,
}

/// Why a hold cannot be placed or put into effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHold {
    /// The data map has no such collection.
    #[error("the data map has no collection `{0}`; name one as dataset.collection")]
    NoCollection(String),
    /// The collection has no such field.
    #[error("the collection `{collection}` of the data map has no field `{column}`")]
    NoColumn {
        /// The collection.
        collection: String,
        /// The column.
        column: String,
    },
    /// No field has such an identity.
    #[error("no field of the data map has the identity `{given}`; use one of: {}", .known.join(", "))]
    NoIdentity {
        /// What was asked for.
        given: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A hold on rows compares nothing.
    #[error("a hold on rows needs at least one comparison; to hold a whole collection, say so")]
    NoComparison,
    /// There is not one value for each comparison.
    #[error("the hold has {comparisons} comparison(s) but {values} value(s); each needs one")]
    Values {
        /// How many comparisons there are.
        comparisons: usize,
        /// How many values.
        values: usize,
    },
}

impl LegalHold {
    /// Whether it holds at this moment.
    #[must_use]
    pub fn in_effect(&self, now: DateTime<Utc>) -> bool {
        self.placed_at <= now && self.released_at.is_none_or(|released_at| now < released_at)
    }
}

impl HoldScope {
    /// Whether the data map has all that the hold names, and it comes with as many values as it needs.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self, map: &DataMap, values: usize) -> Result<(), BadHold> {
        match self {
            Self::Organisation {} => self.counted(0, values),
            Self::Subject { identity_type } => {
                let known = map.identity_types();
                if !known.contains(&identity_type.as_str()) {
                    let known = known.into_iter().map(str::to_owned).collect();
                    return Err(BadHold::NoIdentity { given: identity_type.clone(), known });
                }
                self.counted(1, values)
            }
            Self::Collection { collection } => {
                map.collection(collection).ok_or_else(|| BadHold::NoCollection(collection.clone()))?;
                self.counted(0, values)
            }
            Self::Rows { collection, comparisons } => {
                let known =
                    map.collection(collection).ok_or_else(|| BadHold::NoCollection(collection.clone()))?;
                if comparisons.is_empty() {
                    return Err(BadHold::NoComparison);
                }
                match comparisons.iter().find(|compared| known.field(&compared.column).is_none()) {
                    Some(Compared { column, .. }) => {
                        Err(BadHold::NoColumn { collection: collection.clone(), column: column.clone() })
                    }
                    None => self.counted(comparisons.len(), values),
                }
            }
        }
    }

    /// The rows that the hold keeps of a collection, with the values that were sealed beside it;
    /// `None` where it keeps none of it, and for a person, whose rows have to be found first.
    ///
    /// # Errors
    /// [`BadHold::Values`] when there is not one value for each comparison.
    pub fn rows_of(&self, collection: &str, values: &[String]) -> Result<Option<HeldRows>, BadHold> {
        match self {
            Self::Organisation {} => Ok(Some(HeldRows::Where(Vec::new()))),
            Self::Collection { collection: held } if held == collection => {
                Ok(Some(HeldRows::Where(Vec::new())))
            }
            Self::Rows { collection: held, comparisons } if held == collection => {
                self.counted(comparisons.len(), values.len())?;
                let compared = comparisons.iter().zip(values).map(|(compared, value)| Comparison {
                    column: compared.column.clone(),
                    operator: compared.operator,
                    value: value.clone(),
                });
                Ok(Some(HeldRows::Where(compared.collect())))
            }
            Self::Subject { .. } | Self::Collection { .. } | Self::Rows { .. } => Ok(None),
        }
    }

    fn counted(&self, comparisons: usize, values: usize) -> Result<(), BadHold> {
        if comparisons == values { Ok(()) } else { Err(BadHold::Values { comparisons, values }) }
    }
}

impl HoldGround {
    /// Every ground.
    pub const ALL: [Self; 5] =
        [Self::Expression, Self::LegalObligation, Self::PublicHealth, Self::Archiving, Self::LegalClaims];

    /// The name in the database and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Expression => "expression",
            Self::LegalObligation => "legal_obligation",
            Self::PublicHealth => "public_health",
            Self::Archiving => "archiving",
            Self::LegalClaims => "legal_claims",
        }
    }

    /// The ground of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ground| ground.name() == name)
    }

    /// Where the law has it.
    #[must_use]
    pub fn article(self) -> &'static str {
        match self {
            Self::Expression => "Art. 17(3)(a)",
            Self::LegalObligation => "Art. 17(3)(b)",
            Self::PublicHealth => "Art. 17(3)(c)",
            Self::Archiving => "Art. 17(3)(d)",
            Self::LegalClaims => "Art. 17(3)(e)",
        }
    }
}

#[cfg(test)]
mod tests;
