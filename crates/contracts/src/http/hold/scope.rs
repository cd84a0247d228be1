//! What a hold covers: in a body with the values that it is found by, in an answer without them.

use domain::hold::{Compared, HoldScope};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::super::SecretText;
use super::super::export::plain_name;
use super::super::secret_text::present;
use super::vocabulary::Operator;

/// What must not be erased: one of `organisation`, `subject`, `collection` and `rows`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum HoldScopeBody {
    /// Everything of the organisation.
    Organisation(HeldOrganisation),
    /// The rows of one person.
    Subject(HeldSubject),
    /// All rows of a collection.
    Collection(HeldCollection),
    /// Some rows of a collection.
    Rows(HeldRows),
}

/// What must not be erased, without the values that it is found by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum HoldScopeView {
    /// Everything of the organisation.
    Organisation(HeldOrganisation),
    /// The rows of one person.
    Subject(HeldSubjectView),
    /// All rows of a collection.
    Collection(HeldCollection),
    /// Some rows of a collection.
    Rows(HeldRowsView),
}

/// Everything of the organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldOrganisation {
    /// Always `true`.
    #[schema(schema_with = only_true)]
    pub organisation: bool,
}

fn only_true() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])).build()
}

/// The rows of one person.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldSubject {
    /// The person.
    pub subject: HeldPerson,
}

/// The rows of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldSubjectView {
    /// The person, without saying who.
    pub subject: HeldPersonView,
}

/// One person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldPerson {
    /// By what the person is found: a type of identity that the data map names, as `email`.
    pub identity_type: String,
    /// The person's own. Kept sealed, and never shown again.
    #[schema(value_type = String, min_length = 1, write_only)]
    pub identity_value: SecretText,
}

/// One person, without saying who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldPersonView {
    /// By what the person is found.
    pub identity_type: String,
}

/// All rows of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldCollection {
    /// `dataset.collection`.
    pub collection: String,
}

/// Some rows of a collection.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldRows {
    /// Which rows.
    pub rows: RowsBody,
}

/// Some rows of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldRowsView {
    /// Which rows.
    pub rows: RowsView,
}

/// The rows of a collection for which all of the comparisons are true.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsBody {
    /// `dataset.collection`.
    pub collection: String,
    /// What is compared.
    #[schema(min_items = 1)]
    pub comparisons: Vec<ComparisonBody>,
}

/// The rows of a collection for which all of the comparisons are true, without the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsView {
    /// `dataset.collection`.
    pub collection: String,
    /// What is compared.
    pub comparisons: Vec<ComparedView>,
}

/// A column of the row compared with a value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ComparisonBody {
    /// The column.
    pub column: String,
    /// How.
    #[serde(deserialize_with = "plain_name")]
    pub operator: Operator,
    /// The value in its text form, read by the store as one of the column's type. Kept sealed, and
    /// never shown again.
    #[schema(value_type = String, write_only)]
    pub value: SecretText,
}

/// A column and how it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ComparedView {
    /// The column.
    pub column: String,
    /// How.
    pub operator: Operator,
}

/// All members, of which one is expected: so that an error can name the member it is about.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "expected an object with `organisation`, `subject`, `collection` or `rows`"
)]
struct Members {
    #[serde(default, deserialize_with = "truth")]
    organisation: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    subject: Option<HeldPerson>,
    #[serde(default, deserialize_with = "present")]
    collection: Option<String>,
    #[serde(default, deserialize_with = "present")]
    rows: Option<RowsBody>,
}

/// The whole organisation is held or is not mentioned.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match bool::deserialize(deserializer) {
        Ok(true) => Ok(Some(true)),
        Ok(false) | Err(_) => Err(D::Error::custom("expected `true`")),
    }
}

impl<'de> Deserialize<'de> for HoldScopeBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members { organisation, subject, collection, rows } = Members::deserialize(deserializer)?;
        match (organisation, subject, collection, rows) {
            (Some(organisation), None, None, None) => {
                Ok(Self::Organisation(HeldOrganisation { organisation }))
            }
            (None, Some(subject), None, None) => Ok(Self::Subject(HeldSubject { subject })),
            (None, None, Some(collection), None) => Ok(Self::Collection(HeldCollection { collection })),
            (None, None, None, Some(rows)) => Ok(Self::Rows(HeldRows { rows })),
            _ => Err(D::Error::custom("expected one of `organisation`, `subject`, `collection` and `rows`")),
        }
    }
}

impl From<&HoldScopeBody> for HoldScope {
    fn from(body: &HoldScopeBody) -> Self {
        match body {
            HoldScopeBody::Organisation(_) => Self::Organisation {},
            HoldScopeBody::Subject(held) => {
                Self::Subject { identity_type: held.subject.identity_type.clone() }
            }
            HoldScopeBody::Collection(held) => Self::Collection { collection: held.collection.clone() },
            HoldScopeBody::Rows(held) => {
                let compared = |comparison: &ComparisonBody| Compared {
                    column: comparison.column.clone(),
                    operator: comparison.operator.into(),
                };
                Self::Rows {
                    collection: held.rows.collection.clone(),
                    comparisons: held.rows.comparisons.iter().map(compared).collect(),
                }
            }
        }
    }
}

impl From<HoldScope> for HoldScopeView {
    fn from(scope: HoldScope) -> Self {
        match scope {
            HoldScope::Organisation {} => Self::Organisation(HeldOrganisation { organisation: true }),
            HoldScope::Subject { identity_type } => {
                Self::Subject(HeldSubjectView { subject: HeldPersonView { identity_type } })
            }
            HoldScope::Collection { collection } => Self::Collection(HeldCollection { collection }),
            HoldScope::Rows { collection, comparisons } => {
                let compared = |Compared { column, operator }| ComparedView {
                    column,
                    operator: Operator::from(operator),
                };
                let comparisons = comparisons.into_iter().map(compared).collect();
                Self::Rows(HeldRowsView { rows: RowsView { collection, comparisons } })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_and_shown_without_its_values() {
        for (body, shown) in [
            (r#"{"organisation":true}"#, r#"{"organisation":true}"#),
            (
                r#"{"subject":{"identity_type":"email","identity_value":"ada@example.org"}}"#,
                r#"{"subject":{"identity_type":"email"}}"#,
            ),
            (r#"{"collection":"shop.orders"}"#, r#"{"collection":"shop.orders"}"#),
            (
                r#"{"rows":{"collection":"shop.orders","comparisons":[{"column":"note","operator":"at_least","value":"ada"}]}}"#,
                r#"{"rows":{"collection":"shop.orders","comparisons":[{"column":"note","operator":"at_least"}]}}"#,
            ),
        ] {
            let scope: HoldScopeBody = serde_json::from_str(body).unwrap();
            assert_eq!(serde_json::to_string(&scope).unwrap(), body);
            assert!(!format!("{scope:?}").contains("ada"));
            let view = HoldScopeView::from(HoldScope::from(&scope));
            assert_eq!(serde_json::to_string(&view).unwrap(), shown);
            assert_eq!(serde_json::from_str::<HoldScopeView>(shown).unwrap(), view);
        }
    }

    #[test]
    fn anything_else_is_refused_without_quoting_it() {
        for body in [
            "{}",
            r#"{"organisation":false}"#,
            r#"{"organisation":"ada"}"#,
            r#"{"organisation":true,"collection":"ada"}"#,
            r#"{"subject":{"identity_type":"email","identity_value":["ada"]}}"#,
            r#"{"rows":null}"#,
            r#""organisation""#,
        ] {
            let error = serde_json::from_str::<HoldScopeBody>(body).unwrap_err().to_string();
            assert!(error.contains("expected") && !error.contains("ada"), "{error}");
        }
    }
}
