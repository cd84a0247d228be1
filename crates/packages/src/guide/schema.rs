//! JSON Schema (draft 2020-12) of a collection's JSON file.
//!
//! It says what the encoder writes, no more: `format` stands only where every value has that form,
//! or beside a pattern for the values that have not (infinities, years before the common era or
//! after 9999 are no RFC 3339).

mod shape;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use uuid::Uuid;

use self::shape::Shape;
use super::collection::CollectionGuide;
use crate::encode::{Column, Format};
use crate::error::PackageError;
use crate::manifest::ColumnEntry;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The JSON Schema of a collection's JSON file: an array of objects with the columns in their
/// order, every one of them present in every object, and nullable.
///
/// `entries` are the columns as the manifest describes them. The same collection gives the same
/// bytes; `$id` is a UUID made of the content, so that a schema that changes is another one.
///
/// # Errors
/// Never in practice; every field has a JSON form.
pub fn schema_json(guide: &CollectionGuide, entries: &[ColumnEntry]) -> Result<Vec<u8>, PackageError> {
    let columns = guide.columns.iter().filter(|column| column.formats.includes(Format::Json));
    let properties: Vec<_> = columns
        .map(|column| {
            let entry = entries.iter().find(|entry| entry.name == column.name);
            (column.name.as_str(), property(column, entry))
        })
        .collect();
    let mut schema = Schema {
        dialect: DIALECT,
        id: String::new(),
        title: &guide.collection,
        description: guide.description.as_deref(),
        data_categories: &guide.data_categories,
        value_type: "array",
        items: Record {
            value_type: "object",
            required: properties.iter().map(|(name, _)| *name).collect(),
            properties: Ordered(properties),
            additional_properties: false,
        },
    };
    let content = serde_json::to_vec(&schema).map_err(PackageError::Schema)?;
    schema.id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &content).urn().to_string();
    let mut json = serde_json::to_vec_pretty(&schema).map_err(PackageError::Schema)?;
    json.push(b'\n');
    Ok(json)
}

fn property<'a>(column: &Column, entry: Option<&'a ColumnEntry>) -> Property<'a> {
    let database_type = entry.map_or("", |entry| entry.database_type.as_str());
    Property {
        description: entry.and_then(|entry| entry.description.as_deref()),
        shape: Shape::of(column.kind, database_type),
        data_categories: entry.map_or(&[], |entry| entry.data_categories.as_slice()),
        database_type,
    }
}

#[derive(Serialize)]
struct Schema<'a> {
    #[serde(rename = "$schema")]
    dialect: &'static str,
    #[serde(rename = "$id")]
    id: String,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(rename = "x-data-categories", skip_serializing_if = "<[String]>::is_empty")]
    data_categories: &'a [String],
    #[serde(rename = "type")]
    value_type: &'static str,
    items: Record<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(rename = "type")]
    value_type: &'static str,
    properties: Ordered<'a>,
    required: Vec<&'a str>,
    additional_properties: bool,
}

#[derive(Serialize)]
struct Property<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(flatten)]
    shape: Shape,
    #[serde(rename = "x-data-categories", skip_serializing_if = "<[String]>::is_empty")]
    data_categories: &'a [String],
    #[serde(rename = "x-database-type", skip_serializing_if = "str::is_empty")]
    database_type: &'a str,
}

/// Properties in the order of the file, which a map of names would lose.
struct Ordered<'a>(Vec<(&'a str, Property<'a>)>);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, property) in &self.0 {
            map.serialize_entry(name, property)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
