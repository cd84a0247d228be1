//! A hold in effect: rows of one collection, by comparisons or by their keys.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A hold in effect on the rows of one collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Which hold it is.
    pub id: Uuid,
    /// The rows that it keeps.
    pub rows: HeldRows,
}

/// The rows of one collection that a hold keeps. `Debug` shows no value and no key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldRows {
    /// Those for which all of the comparisons are true; all rows where there are none. What a
    /// comparison with NULL gives is not true, so that it holds nothing.
    Where(Vec<Comparison>),
    /// Those with these primary keys: one text for each column, in the key's order.
    Keys(Vec<Vec<String>>),
}

/// A column of the row compared with a value. `Debug` does not show the value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The column, which the live schema must have.
    pub column: String,
    /// How.
    pub operator: Operator,
    /// The value in its text form, read by the server as one of the column's type.
    pub value: String,
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Operator {
    /// Its sign in SQL.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl fmt::Debug for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, operator, .. } = self;
        f.debug_struct("Comparison")
            .field("column", column)
            .field("operator", operator)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HeldRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Where(comparisons) => f.debug_tuple("Where").field(comparisons).finish(),
            Self::Keys(keys) => f.debug_struct("Keys").field("rows", &keys.len()).finish(),
        }
    }
}
