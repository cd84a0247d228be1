//! How a row leads to its organisation.

use serde::{Deserialize, Serialize};

use crate::schema::TableName;

/// The resolved way from a collection to the organisation's key.
///
/// Each hop is a semi-join, so a row is found once however many rows it joins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantPath {
    /// The tables passed on the way; empty when the collection itself holds the key.
    pub hops: Vec<Hop>,
    /// The column of the last table that holds the organisation's key.
    pub key_column: String,
}

/// One step of the way: rows whose `columns` are among the `target_columns` of `target`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// Columns of the table the hop starts from.
    pub columns: Vec<String>,
    /// The collection the hop leads to, as `dataset.collection`.
    pub collection: String,
    /// Its table.
    pub target: TableName,
    /// Its columns, in the order of `columns`.
    pub target_columns: Vec<String>,
}
