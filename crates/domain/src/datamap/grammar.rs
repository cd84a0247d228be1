//! The file's grammar, as serde sees it: Fideslang 3.1 plus our `lethe:` keys.
//!
//! Keys outside `lethe:` that we do not know are ignored, as Fides does; inside `lethe:` they are
//! errors with line and column, because a misspelt rule must not become no rule.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::strategy::Strategy;

#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub dataset: Vec<Dataset>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dataset {
    pub fides_key: Spanned<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub data_categories: Option<Vec<Spanned<String>>>,
    fides_meta: Option<DatasetMeta>,
    fidesops_meta: Option<DatasetMeta>,
    pub lethe: Option<LetheDataset>,
    pub collections: Vec<Collection>,
}

impl Dataset {
    /// `fides_meta`, or what stands under its old name.
    pub(super) fn meta(&self) -> Option<&DatasetMeta> {
        self.fides_meta.as_ref().or(self.fidesops_meta.as_ref())
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct DatasetMeta {
    pub after: Option<Vec<Spanned<String>>>,
    pub namespace: Option<Namespace>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Namespace {
    pub schema: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LetheDataset {
    pub store: Option<String>,
    pub zone: Option<Spanned<String>>,
    pub organisation: Option<Spanned<LetheOrganisation>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LetheOrganisation {
    pub collection: String,
    pub key: String,
    pub name: Option<String>,
    pub soft_delete: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Collection {
    pub name: Spanned<String>,
    pub description: Option<String>,
    pub data_categories: Option<Vec<Spanned<String>>>,
    fides_meta: Option<CollectionMeta>,
    fidesops_meta: Option<CollectionMeta>,
    pub lethe: Option<LetheCollection>,
    pub fields: Vec<Field>,
}

impl Collection {
    /// `fides_meta`, or what stands under its old name.
    pub(super) fn meta(&self) -> Option<&CollectionMeta> {
        self.fides_meta.as_ref().or(self.fidesops_meta.as_ref())
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct CollectionMeta {
    pub after: Option<Vec<Spanned<String>>>,
    pub erase_after: Option<Vec<Spanned<String>>>,
    pub skip_processing: Option<bool>,
    pub masking_strategy_override: Option<FidesOverride>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FidesOverride {
    pub strategy: Spanned<String>,
    pub configuration: Option<FidesConfiguration>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FidesConfiguration {
    pub rewrite_value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LetheCollection {
    pub tenant: Option<Spanned<Tenant>>,
    pub rows: Option<super::model::Ownership>,
    pub created_at: Option<Spanned<CreatedAt>>,
    pub erase: Option<super::model::Erase>,
    pub triggers: Option<Vec<String>>,
    pub retention: Option<Spanned<super::model::Retention>>,
    pub media: Option<LetheMedia>,
    pub oauth: Option<Spanned<super::model::OauthTokens>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LetheMedia {
    pub key: String,
    pub bucket_column: Option<String>,
    pub prefix: Option<Spanned<String>>,
}

/// `tenant: column`, or the long form with the columns and what they lead to.
#[derive(Debug)]
pub(super) enum Tenant {
    Column(String),
    Long(LongTenant),
}

impl<'de> Deserialize<'de> for Tenant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TenantVisitor;
        impl<'de> serde::de::Visitor<'de> for TenantVisitor {
            type Value = Tenant;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a column, or {columns: […], through: {collection: …, fields: […]}}")
            }

            fn visit_str<E>(self, column: &str) -> Result<Tenant, E> {
                Ok(Tenant::Column(column.to_owned()))
            }

            fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Tenant, E> {
                Err(E::custom("YAML reads this as true or false; put the column's name in quotes"))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Tenant, A::Error> {
                let long = LongTenant::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Tenant::Long(long))
            }
        }
        deserializer.deserialize_any(TenantVisitor)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongTenant {
    pub columns: Vec<String>,
    pub through: Through,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Through {
    pub dataset: Option<String>,
    pub collection: String,
    pub fields: Vec<String>,
}

/// `created_at: column`, or the long form with the zone of a column that has none.
#[derive(Debug)]
pub(super) enum CreatedAt {
    Column(String),
    Long(LongCreatedAt),
}

impl<'de> Deserialize<'de> for CreatedAt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CreatedAtVisitor;
        impl<'de> serde::de::Visitor<'de> for CreatedAtVisitor {
            type Value = CreatedAt;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a column, or {column: …, zone: …}")
            }

            fn visit_str<E>(self, column: &str) -> Result<CreatedAt, E> {
                Ok(CreatedAt::Column(column.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<CreatedAt, A::Error> {
                let long = LongCreatedAt::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(CreatedAt::Long(long))
            }
        }
        deserializer.deserialize_any(CreatedAtVisitor)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongCreatedAt {
    pub column: String,
    pub zone: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Field {
    pub name: Spanned<String>,
    pub description: Option<String>,
    pub data_categories: Option<Vec<Spanned<String>>>,
    fides_meta: Option<FieldMeta>,
    fidesops_meta: Option<FieldMeta>,
    pub lethe: Option<LetheField>,
    pub fields: Option<Vec<Field>>,
}

impl Field {
    /// `fides_meta`, or what stands under its old name.
    pub(super) fn meta(&self) -> Option<&FieldMeta> {
        self.fides_meta.as_ref().or(self.fidesops_meta.as_ref())
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct FieldMeta {
    pub references: Option<Vec<Reference>>,
    pub identity: Option<Spanned<String>>,
    pub primary_key: Option<bool>,
    pub data_type: Option<Spanned<String>>,
    pub length: Option<Spanned<i64>>,
    pub return_all_elements: Option<bool>,
    pub masking_strategy_override: Option<FidesOverride>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    pub dataset: String,
    pub field: Spanned<String>,
    pub direction: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LetheField {
    #[serde(default, deserialize_with = "super::strategy::named")]
    pub strategy: Option<Strategy>,
    pub secret: Option<bool>,
}
