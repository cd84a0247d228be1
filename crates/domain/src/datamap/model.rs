//! The data map as the rest of Lethe uses it: validated, with resolved names.

use serde::Deserialize;

use crate::schema::TableName;

use super::media::Media;
use super::strategy::Strategy;
use super::tenant::TenantPath;
use super::time::RowTime;

/// A place in the file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Where personal data lives: one or more datasets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataMap {
    /// The datasets in the order of the file.
    pub datasets: Vec<Dataset>,
}

/// One dataset: the tables of one schema in one subject store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The `fides_key`.
    pub key: String,
    /// The subject store that holds it; datasets of one store can be joined in SQL.
    pub store: String,
    /// The schema its tables are in.
    pub schema: String,
    /// What it is, in a few words.
    pub description: Option<String>,
    /// The organisations' own table, in the one dataset that has it.
    pub organisation: Option<OrganisationRoot>,
    /// The collections in the order of the file.
    pub collections: Vec<Collection>,
}

/// The table with one row per organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganisationRoot {
    /// The collection.
    pub collection: String,
    /// Its key, the value that a token's organisation claim carries.
    pub key: String,
    /// The column with the organisation's name.
    pub name: Option<String>,
    /// The column that marks an organisation as deleted.
    pub soft_delete: Option<String>,
}

/// One table and what is known about its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its name in the map, which is also the table's.
    pub name: String,
    /// The table in the subject store.
    pub table: TableName,
    /// What its rows are.
    pub description: Option<String>,
    /// Categories that hold for whole rows.
    pub data_categories: Vec<String>,
    /// Where it stands in the file.
    pub position: Position,
    /// How rows lead to their organisation; `None` when the map does not say.
    pub tenant: Option<TenantPath>,
    /// Whether the map asks to leave it out (`skip_processing`).
    pub skipped: bool,
    /// Whether rows belong to one data subject.
    pub ownership: Ownership,
    /// When its rows were made.
    pub created_at: Option<RowTime>,
    /// What erasure does with its rows.
    pub erase: Erase,
    /// Triggers of the table that erasing may fire: somebody looked at what they do.
    pub allowed_triggers: Vec<String>,
    /// When its rows fall due.
    pub retention: Option<Retention>,
    /// Where media objects are named.
    pub media: Option<Media>,
    /// Where OAuth tokens are kept.
    pub oauth: Option<OauthTokens>,
    /// The columns that the map names.
    pub fields: Vec<Field>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// What it holds.
    pub description: Option<String>,
    /// Its data categories, its collection's included and those of nested fields.
    pub data_categories: Vec<String>,
    /// Where it stands in the file.
    pub position: Position,
    /// Whether it is part of the primary key.
    pub primary_key: bool,
    /// The kind of identity it holds (`email`, `phone_number`, …), if it identifies a data subject.
    pub identity: Option<String>,
    /// Fields of other collections that hold the same values.
    pub references: Vec<FieldReference>,
    /// The strategy that the map names.
    pub strategy: Option<Strategy>,
    /// Why it is never exported, or `None` when it may be.
    pub secret: Option<SecretReason>,
}

/// A link to a field of another collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldReference {
    /// The other dataset.
    pub dataset: String,
    /// The other collection.
    pub collection: String,
    /// The other field.
    pub field: String,
    /// Which way values lead, where the map says it.
    pub direction: Option<Direction>,
}

/// Which way the values of a reference lead, in the words of Fides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the other field into this one: the row here belongs to the row there.
    From,
    /// From this field to the other one: the row there belongs to the row here.
    To,
}

/// Why a column counts as a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretReason {
    /// The map says so.
    Declared,
    /// Its data category is one of credentials.
    Category,
    /// Its name is that of a credential and the map does not say otherwise.
    Name,
}

impl SecretReason {
    /// The reason in the words of a manifest.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::Declared => "a secret by the data map; secrets are never exported",
            Self::Category => "a credential by its data category; credentials are never exported",
            Self::Name => {
                "named like a credential; credentials are never exported (`lethe: {secret: false}` in the data map if it is none)"
            }
        }
    }
}

/// Whether rows of a collection belong to one data subject or to several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// Each row belongs to one subject.
    #[default]
    Owned,
    /// A row may belong to several subjects.
    Shared,
}

/// What erasure does with the rows of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Erase {
    /// Apply each field's strategy.
    #[default]
    Anonymise,
    /// Delete the row.
    Delete,
}

/// A collection's retention class.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The class, named by retention policies.
    pub class: String,
    /// The column whose age counts.
    pub timestamp: String,
}

/// Columns that hold OAuth tokens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthTokens {
    /// The column that names the provider.
    pub provider: String,
    /// The column with the access token.
    pub access_token: Option<String>,
    /// The column with the refresh token.
    pub refresh_token: Option<String>,
    /// The column with the user whose token it is.
    pub subject: Option<String>,
}

impl DataMap {
    /// The dataset of that key.
    #[must_use]
    pub fn dataset(&self, key: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.key == key)
    }

    /// The dataset with the organisations' own table, and that table.
    #[must_use]
    pub fn organisation(&self) -> Option<(&Dataset, &OrganisationRoot)> {
        self.datasets.iter().find_map(|dataset| dataset.organisation.as_ref().map(|root| (dataset, root)))
    }

    /// The collection of that path, `dataset.collection`.
    #[must_use]
    pub fn collection(&self, path: &str) -> Option<&Collection> {
        self.datasets.iter().find_map(|dataset| {
            let name = path.strip_prefix(dataset.key.as_str())?.strip_prefix('.')?;
            dataset.collection(name)
        })
    }

    /// The types of identity by which a person can be found, sorted.
    #[must_use]
    pub fn identity_types(&self) -> Vec<&str> {
        let collections = self.datasets.iter().flat_map(|dataset| &dataset.collections);
        let fields = collections.filter(|collection| !collection.skipped).flat_map(|c| &c.fields);
        let types: std::collections::BTreeSet<&str> =
            fields.filter_map(|field| field.identity.as_deref()).collect();
        types.into_iter().collect()
    }

    /// The names of the subject stores, each once, in the order of the file.
    #[must_use]
    pub fn stores(&self) -> Vec<&str> {
        let mut stores: Vec<&str> = Vec::new();
        for dataset in &self.datasets {
            if !stores.contains(&dataset.store.as_str()) {
                stores.push(&dataset.store);
            }
        }
        stores
    }
}

impl Dataset {
    /// The collection of that name.
    #[must_use]
    pub fn collection(&self, name: &str) -> Option<&Collection> {
        self.collections.iter().find(|collection| collection.name == name)
    }
}

impl Collection {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
