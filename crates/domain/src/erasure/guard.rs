//! What keeps a row from being deleted: another that still refers to it.

use serde::{Deserialize, Serialize};

use crate::datamap::{RowTime, TenantPath};
use crate::hold::HeldRows;
use crate::schema::TableName;

use super::facts::ForeignKey;

/// A foreign key, or a reference of the data map, that refers to rows which are deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The referring table.
    pub table: TableName,
    /// Its columns.
    pub columns: Vec<String>,
    /// The columns referred to.
    pub target_columns: Vec<String>,
    /// Which of its rows do not count; every row does where there is nothing here, as for the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<Aside>,
}

/// The rows of a referring table that keep nothing, because they stay by plan and no foreign key would mind:
/// the organisation's own up to the cutoff, unless a hold keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// Their collection as `dataset.collection`.
    pub collection: String,
    /// How they lead to their organisation.
    pub tenant: TenantPath,
    /// When they were made.
    #[serde(default)]
    pub created_at: Option<RowTime>,
    /// Those that a hold keeps, which do count: who carries out a plan fills this in.
    #[serde(default)]
    pub held: Vec<HeldRows>,
}

impl Guard {
    pub(super) fn of(table: &TableName, key: &ForeignKey) -> Self {
        Self {
            table: table.clone(),
            columns: key.columns.clone(),
            target_columns: key.target_columns.clone(),
            aside: None,
        }
    }
}
