//! What the guide says of one collection, beyond what the manifest has.

use serde::{Deserialize, Serialize};

use super::preview::Preview;
use crate::encode::Column;

/// What people are told of a collection.
///
/// Its preview is personal data: it may travel between steps as an object of the package store,
/// never in a step's result. `Debug` shows no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionGuide {
    /// The collection, named as in the manifest.
    pub collection: String,
    /// What its rows are, in the data map's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The data categories that hold for whole rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_categories: Vec<String>,
    /// Its columns as the encoder got them.
    pub columns: Vec<Column>,
    /// Its first rows, when they are to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

impl CollectionGuide {
    /// A guide to a collection without description, categories and rows.
    pub fn new(collection: impl Into<String>, columns: Vec<Column>) -> Self {
        Self {
            collection: collection.into(),
            description: None,
            data_categories: Vec::new(),
            columns,
            preview: None,
        }
    }
}
